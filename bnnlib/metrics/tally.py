"""Scores of two kinds of images, counted: what ranking metrics need, sorted once.

A bootstrap draws the codes anew and counts them again; it does not sort again.
"""

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.precision import wide


def encode(score: Tensor, positive: Tensor) -> Tensor:
    """Each image's place among the distinct scores and its kind: 2 * place + positive, int64 `[N]`.

    Raises BnnlibError for no images and for scores that are not finite.
    """
    if not len(score):
        raise BnnlibError("There are no images to rank: give at least one.")
    if not torch.isfinite(score).all():
        raise BnnlibError(
            "Some scores are not finite numbers (NaN or infinite): "
            "the network's probabilities are damaged."
        )
    return score.unique(return_inverse=True)[1] * 2 + positive


def count(codes: Tensor) -> tuple[Tensor, Tensor]:
    """How many negatives and positives have each distinct score, ascending, two floats `[V]`."""
    counts = torch.bincount(codes, minlength=2)
    counts = wide(torch.nn.functional.pad(counts, (0, len(counts) % 2)).view(-1, 2))
    return counts[:, 0], counts[:, 1]
