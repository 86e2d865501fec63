"""Pyro's own Bayesian layer, in the setting and with the shapes of the article."""

import itertools
from collections.abc import Callable

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.contrib.bnn import HiddenLayer
from pyro.distributions import constraints
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.optim import PyroOptim
from torch import Tensor

from benchmarks.peer import LR, N_TRAIN, SIZES, Peer


class StockLayer(HiddenLayer):
    """Pyro's own layer, with the two shapes set that it leaves out and that a plate needs."""

    def __init__(self, inputs: Tensor, *arguments: object, **options: object) -> None:
        super().__init__(inputs, *arguments, **options)
        self._batch_shape, self._event_shape = (
            inputs.shape[:-1],
            torch.Size([self.dim_H + self.include_hidden_bias]),
        )


def stock_pyro(images: Tensor, labels: Tensor) -> Peer:
    """Pyro's HiddenLayer by SVI and TraceMeanField_ELBO."""
    pyro.clear_param_store()
    device, k = images.device, len(SIZES) - 1
    # a ones column joins hidden activations only
    shapes = [(i + (n > 0), o) for n, (i, o) in enumerate(itertools.pairwise(SIZES))]

    def prior(n: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(shapes[n], device=device), torch.ones(shapes[n], device=device)

    def posterior(n: int) -> tuple[Tensor, Tensor]:
        loc = pyro.param(f"loc{n}", lambda: 0.01 * torch.randn(shapes[n], device=device))
        scale = pyro.param(
            f"scale{n}",
            lambda: torch.full(shapes[n], 0.1, device=device),
            constraint=constraints.greater_than(0.01),
        )
        if n == k - 1:
            return loc, scale
        factor = pyro.param(
            f"factor{n}",
            torch.tensor(0.5, device=device),
            constraint=constraints.interval(0.1, 1.0),
        )
        return loc, factor * scale

    def layers(images: Tensor, weights: Callable[[int], tuple[Tensor, Tensor]]) -> Tensor:
        h = images.flatten(1)
        for n in range(k):
            last = n == k - 1
            nonlinearity = (lambda z: z.log_softmax(-1)) if last else F.leaky_relu
            layer = StockLayer(
                h,
                *weights(n),
                nonlinearity,
                KL_factor=len(images) / N_TRAIN,
                include_hidden_bias=not last,
            )
            h = pyro.sample(f"h{n}", layer)
        return h

    def model(images: Tensor, labels: Tensor) -> None:
        with pyro.plate("data", len(images)):
            logits = layers(images, prior)
            pyro.sample(
                "label",
                dist.OneHotCategorical(logits=logits),
                obs=F.one_hot(labels, SIZES[-1]).float(),
            )

    def guide(images: Tensor, labels: Tensor | None = None) -> None:
        with pyro.plate("data", len(images)):
            layers(images, posterior)

    svi = SVI(
        model,
        guide,
        PyroOptim(torch.optim.AdamW, {"lr": LR, "weight_decay": 0.0, "fused": True}),
        TraceMeanField_ELBO(),
    )

    def answer(images: Tensor) -> Tensor:
        return pyro.poutine.trace(guide).get_trace(images).nodes[f"h{k - 1}"]["value"]

    def step() -> None:
        # the layer's log_prob is one number whatever the batch, which validation refuses
        with pyro.validation_enabled(False):
            svi.step(images, labels)

    return Peer(step, answer, rows=128)
