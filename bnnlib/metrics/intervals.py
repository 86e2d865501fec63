"""How far a figure would move if the images had been others of the same kind (Efron 1979)."""

from collections.abc import Callable

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError

RESAMPLES = 500


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: Tensor,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of `statistic(*arrays)` when the images, the arrays' first axis, are drawn anew with replacement.

    Give it what the statistic needs of an image, a number or two, not `[B, C]` probabilities: it is called hundreds of times.
    Resamples on which the statistic is undefined (no mistake among them) are left out; raises BnnlibError if all are.
    """
    generator = torch.Generator().manual_seed(seed)
    images, values = len(arrays[0]), []
    for _ in range(resamples):
        index = torch.randint(images, (images,), generator=generator)
        try:
            values.append(statistic(*(array[index] for array in arrays)))
        except BnnlibError:
            continue
    if not values:
        raise BnnlibError("The figure is undefined on every resample: give more images.")
    low, high = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    )
    return low.item(), high.item()
