"""How well a measure of doubt tells two kinds of images apart: wrong from right, not-digits from digits.

`score` `[N]` is higher for what should be `positive` (bool `[N]`). All three are threshold-free or tie-aware as scikit-learn
computes them, and raise BnnlibError where there is only one kind.
"""

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError


def auroc(score: Tensor, positive: Tensor) -> float:
    """The chance that a positive scores above a negative, ties counting half: 0.5 knows nothing, 1 tells all apart."""
    _check(score, positive)
    negatives, positives = _counts(score, positive)
    below = negatives.cumsum(0) - negatives
    return ((positives * (below + negatives / 2)).sum() / (positives.sum() * negatives.sum())).item()


def average_precision(score: Tensor, positive: Tensor) -> float:
    """Area under the precision-recall curve (AUPR) as the step-wise sum of precision over recall gained."""
    _check(score, positive)
    negatives, positives = (counts.flip(0) for counts in _counts(score, positive))
    found, false = positives.cumsum(0), negatives.cumsum(0)
    return (found / (found + false) * positives).sum().item() / positives.sum().item()


def fpr_at_tpr(score: Tensor, positive: Tensor, tpr: float = 0.95) -> float:
    """Share of negatives that score at or above the highest threshold which finds at least `tpr` of the positives (FPR95)."""
    _check(score, positive)
    negatives, positives = (counts.flip(0) for counts in _counts(score, positive))
    enough = positives.cumsum(0) / positives.sum() >= tpr - 1e-12
    return (negatives.cumsum(0)[enough][0] / negatives.sum()).item()


def detection(inside: Tensor, outside: Tensor) -> dict[str, float]:
    """`auroc`, `aupr` and `fpr95` for telling `outside` (positives, e.g. not digits) `[M]` from `inside` (digits) `[N]` by doubt."""
    score = torch.cat([inside, outside])
    positive = torch.arange(len(score)) >= len(inside)
    return {
        "auroc": auroc(score, positive),
        "aupr": average_precision(score, positive),
        "fpr95": fpr_at_tpr(score, positive),
    }


def _counts(score: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """How many negatives and positives have each distinct score, float64, scores ascending."""
    values, index = score.unique(return_inverse=True)
    counts = torch.bincount(index * 2 + positive, minlength=2 * len(values)).view(-1, 2).double()
    return counts[:, 0], counts[:, 1]


def _check(score: Tensor, positive: Tensor) -> None:
    if not torch.isfinite(score).all():
        raise BnnlibError("Some scores are not finite numbers (NaN or infinite): the network's probabilities are damaged.")
    found = int(positive.sum())
    if found in (0, len(positive)):
        only = "positive" if found else "negative"
        raise BnnlibError(
            f"All {len(positive):,} images are {only}: telling two kinds apart takes images of both (for mistakes: some right, some wrong)."
        )
