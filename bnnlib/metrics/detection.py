"""How well doubt tells two kinds of images apart: wrong from right, not digits from digits.

`score` `[N]` is higher for what should be `positive` (bool `[N]`). Ties are treated as scikit-learn
does. All raise BnnlibError where there is only one kind of image or a score is not finite.
"""

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.intervals import bootstrap_interval
from bnnlib.metrics.tally import count, encode


def auroc(score: Tensor, positive: Tensor) -> float:
    """The chance that a positive scores above a negative, ties counting half.

    0.5 knows nothing, 1 tells all apart.
    """
    return _auroc(encode(score, positive))


def auroc_interval(score: Tensor, positive: Tensor, resamples: int = 200) -> tuple[float, float]:
    """Its 95 % bootstrap interval."""
    _check(codes := encode(score, positive))
    return bootstrap_interval(_auroc, codes, resamples=resamples)


def average_precision(score: Tensor, positive: Tensor) -> float:
    """Area under the precision-recall curve (AUPR), by steps: precision times recall gained."""
    negatives, positives = (counts.flip(0) for counts in _check(encode(score, positive)))
    found, false = positives.cumsum(0), negatives.cumsum(0)
    return (found / (found + false) * positives).sum().item() / positives.sum().item()


def fpr_at_tpr(score: Tensor, positive: Tensor, tpr: float = 0.95) -> float:
    """Share of negatives at or above the threshold that finds at least `tpr` of the positives.

    It is the highest such threshold. FPR95 where `tpr` is 0.95.
    """
    negatives, positives = (counts.flip(0) for counts in _check(encode(score, positive)))
    enough = positives.cumsum(0) / positives.sum() >= tpr - 1e-12
    return (negatives.cumsum(0)[enough][0] / negatives.sum()).item()


def against(inside: Tensor, outside: Tensor) -> tuple[Tensor, Tensor]:
    """Doubt on digits `[N]` and on others `[M]` as `(score, positive)` of `[N + M]`.

    The others are the positives.
    """
    score = torch.cat([inside, outside])
    return score, torch.arange(len(score), device=score.device) >= len(inside)


def detection(inside: Tensor, outside: Tensor) -> dict[str, float]:
    """`auroc`, `aupr` and `fpr95` for telling `outside` from `inside` by doubt.

    `outside` `[M]`, for example not digits, are the positives; `inside` `[N]` are the digits.
    """
    pair = against(inside, outside)
    return {"auroc": auroc(*pair), "aupr": average_precision(*pair), "fpr95": fpr_at_tpr(*pair)}


def _auroc(codes: Tensor) -> float:
    negatives, positives = _check(codes)
    below = negatives.cumsum(0) - negatives
    return (
        (positives * (below + negatives / 2)).sum() / (positives.sum() * negatives.sum())
    ).item()


def _check(codes: Tensor) -> tuple[Tensor, Tensor]:
    negatives, positives = count(codes)
    if not (negatives.any() and positives.any()):
        only = "positive" if positives.any() else "negative"
        raise BnnlibError(
            f"All {len(codes):,} images are {only}: telling two kinds apart takes images of both "
            "(for mistakes: some right, some wrong)."
        )
    return negatives, positives
