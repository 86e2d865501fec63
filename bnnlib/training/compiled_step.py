"""A training step, compiled: network, objective and gradients as one program without Python.

`make_fx` records every operation of a step, those of Pyro's model and guide and of the backward
pass too; torch.compile fuses what lies between the matrix products. Random numbers are drawn
outside, in the same order from the same generator, so a compiled run learns from the same numbers
as an ordinary one. `python -m benchmarks` measures what it gains.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from bnnlib.training.objectives import Loss

Step = Callable[
    [Tensor, Tensor], Loss
]  # images [B, 28, 28], labels [B] -> the loss, with the parameters' `.grad` set anew
FIELDS = [field.name for field in dataclasses.fields(Loss)]


class CompiledStep:
    """`step` for batches of one shape, made faster; the first call compiles it, some 15 s.

    `step` draws only by functions given a `generator`, and leaves the optimiser alone. Whatever
    else it reads (parameters, buffers) may change in place between calls, never be replaced. Where
    it cannot be compiled, for example without a C++ compiler, that is logged once and it runs as it
    is.
    """

    def __init__(self, step: Step, parameters: Iterable[Tensor]) -> None:
        self.step, self.parameters = step, list(parameters)
        self.draws: list[Callable[[], Tensor]] = []
        self.program: Callable[..., list[Tensor | None]] | None = None
        self.failed = False

    def __call__(self, images: Tensor, labels: Tensor) -> Loss:
        if self.failed:
            return self.step(images, labels)
        noise = (
            self._note_draws(images, labels)
            if self.program is None
            else [draw() for draw in self.draws]
        )
        try:
            values = self._run(images, labels, noise)
        except Exception as error:  # whatever the compiler fell over, the step itself still works
            self.failed = True
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            logging.getLogger(__name__).warning(
                "Training goes on without a compiled step: %s", reason
            )
            with Draws(noise):
                return self.step(images, labels)
        for parameter, gradient in zip(self.parameters, values[len(FIELDS) :], strict=True):
            parameter.grad = gradient
        return Loss(*values[: len(FIELDS)])  # type: ignore[arg-type]  # None only where it may be

    def _note_draws(self, images: Tensor, labels: Tensor) -> list[Tensor]:
        with Draws() as seen:
            self.step(images, labels)
        self.draws = seen.draws
        return seen.drawn

    @torch.no_grad()
    def _run(self, images: Tensor, labels: Tensor, noise: list[Tensor]) -> list[Tensor | None]:
        if self.program is None:
            from torch.fx.experimental.proxy_tensor import (
                make_fx,  # here, not above: it takes a second to import
            )

            with torch.enable_grad():
                graph = make_fx(self._values_and_gradients)(images, labels, *noise)
            self.program = torch.compile(graph, dynamic=False)
        return self.program(images, labels, *noise)

    def _values_and_gradients(
        self, images: Tensor, labels: Tensor, *noise: Tensor
    ) -> list[Tensor | None]:
        with Draws(noise):
            loss = self.step(images, labels)
        gradients = [parameter.grad for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None  # the trace's own: they are no use outside it
        return [getattr(loss, name) for name in FIELDS] + gradients


class Draws(TorchFunctionMode):
    """Notes each draw from a generator: how to repeat it and what it gave.

    With `given`, those tensors are drawn instead, one after another.
    """

    def __init__(self, given: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.given = None if given is None else iter(given)
        self.draws: list[Callable[[], Tensor]] = []
        self.drawn: list[Tensor] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if not (kwargs and kwargs.get("generator")):
            return function(*args, **(kwargs or {}))
        if self.given is None:
            self.draws.append(lambda: function(*args, **kwargs))
            self.drawn.append(function(*args, **kwargs))
            return self.drawn[-1].clone()
        return next(self.given).clone()  # a step may change in place what it drew
