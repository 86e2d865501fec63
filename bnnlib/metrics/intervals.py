"""How far a figure would move if the images had been others of the same kind (Efron 1979)."""

from collections.abc import Callable, Sequence

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
    """Percentile interval of `statistic(*arrays)` over images drawn anew, with replacement.

    The images are the arrays' first axis. Give it what the statistic needs of an image, a number or
    two, not `[B, C]` probabilities: it is called hundreds of times. The same seed draws the same
    images on every device. Resamples on which the statistic is undefined (no mistake among them)
    are left out. Raises BnnlibError if all are, or if the arrays differ in length.
    """
    images = len(arrays[0])
    if any(len(array) != images for array in arrays):
        lengths = ", ".join(f"{len(array):,}" for array in arrays)
        raise BnnlibError(f"The arrays have {lengths} images: expected the same images in each.")
    generator, values = torch.Generator().manual_seed(seed), []
    for _ in range(resamples):
        index = torch.randint(images, (images,), generator=generator)
        try:
            values.append(statistic(*(array[index.to(array.device)] for array in arrays)))
        except BnnlibError:
            continue
    if not values:
        raise BnnlibError("The figure is undefined on every resample: give more images.")
    low, high = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    )
    return low.item(), high.item()


def paired_interval(
    statistic: Callable[..., float],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of `statistic(*first) - statistic(*second)`, both about the same images.

    Each resample takes the same images for both, so that an image that is hard for both does not
    count as a difference (Efron & Tibshirani 1993, chapter 8). If the interval does not hold 0, the
    difference is more than the choice of images explains. Two intervals that overlap, one for each,
    do not show the contrary. Raises BnnlibError as `bootstrap_interval` does.
    """
    return bootstrap_interval(
        lambda *both: statistic(*both[: len(first)]) - statistic(*both[len(first) :]),
        *first,
        *second,
        resamples=resamples,
        level=level,
        seed=seed,
    )
