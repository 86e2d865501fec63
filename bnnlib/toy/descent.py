"""The optimiser of the toy's live fits."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor


def descend(
    loss: Callable[[], Tensor], parameters: Iterable[Tensor], steps: int, rate: float
) -> None:
    """Minimise by Adam (Kingma & Ba 2015); its rate falls to 0 along half a cosine."""
    optimiser = torch.optim.Adam(parameters, lr=rate)
    with torch.enable_grad():
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()
