"""What every library is given, and what a builder hands back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SIZES = (784, 1024, 1024, 1024, 10)
N_TRAIN, PRIOR, SCALE, LR = 50_000, 0.1, 0.036, 1e-3


@dataclass(frozen=True)
class Peer:
    """One library's network.

    step: trains on one batch.
    answer: passes images `[B, 28, 28]` through one sampled network (a plain MLP has only one).
    rows: how many images it is asked at once.
    """

    step: Callable[[], object]
    answer: Callable[[Tensor], Tensor]
    rows: int = 10_000


def adam(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser that all take."""
    return torch.optim.AdamW(parameters, lr=LR, weight_decay=0.0, fused=True)
