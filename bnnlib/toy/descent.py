"""The optimiser of the toy's live fits."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

BETAS, TINY = (0.9, 0.999), 1e-8  # of the paper


def descend(
    loss: Callable[[], Tensor], parameters: Iterable[Tensor], steps: int, rate: float
) -> None:
    """Minimise by Adam (Kingma & Ba 2015); its rate falls to 0 along half a cosine.

    torch's own Adam loads torch's compiler at its first step: 100 MB in a server that only answers.
    """
    weights = list(parameters)
    first, second = ([torch.zeros_like(one) for one in weights] for _ in BETAS)
    for step in range(steps):
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss(), weights)
        now = rate * (1 + math.cos(math.pi * step / steps)) / 2
        bias, spread = (1 - beta ** (step + 1) for beta in BETAS)
        with torch.no_grad():
            for weight, mean, square, slope in zip(weights, first, second, gradients, strict=True):
                mean.lerp_(slope, 1 - BETAS[0])
                square.lerp_(slope.square(), 1 - BETAS[1])
                weight.addcdiv_(mean, (square / spread).sqrt_().add_(TINY), value=-now / bias)
