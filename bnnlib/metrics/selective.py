"""What is gained by refusing to answer where a network is in doubt (selective prediction)."""

import math

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.intervals import bootstrap_interval
from bnnlib.metrics.tally import count, encode

COVERAGES = (0.8, 0.9, 0.95, 0.99)


def risk_coverage(doubt: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    """The risk-coverage curve: answering the k least doubtful images, the share k / B answered and the share of those wrong.

    Two float64 `[B]`. Images in equal doubt each count with the mean of their errors, so that their order does not matter.
    """
    return _curve(encode(doubt, wrong))


def aurc(doubt: Tensor, wrong: Tensor) -> float:
    """Area under the risk-coverage curve: the mean risk over coverages from 1 / B to 1, by trapezoids (Geifman & El-Yaniv 2017).

    Normalised by the length of that range, as torch-uncertainty does: the risk itself where it is the same at every coverage.
    """
    return _aurc(encode(doubt, wrong))


def aurc_interval(doubt: Tensor, wrong: Tensor, resamples: int = 500) -> tuple[float, float]:
    """Its 95 % bootstrap interval."""
    return bootstrap_interval(_aurc, encode(doubt, wrong), resamples=resamples)


def accuracy_at_coverage(doubt: Tensor, wrong: Tensor, coverage: float) -> float:
    """Share of right answers when the least doubtful `coverage` (0, 1] of the images are answered."""
    return 1 - risk_coverage(doubt, wrong)[1][_answered(len(doubt), coverage) - 1].item()


def refusal_threshold(doubt: Tensor, coverage: float = 0.95) -> float:
    """The doubt up to which an answer is given, so that (at least) `coverage` of these images are answered: doubt <= threshold.

    Learn it on validation images; what it answers, and how much of that is right, is then measured on others.
    """
    encode(doubt, torch.zeros_like(doubt, dtype=torch.bool))  # says what is wrong with it
    return doubt.sort().values[_answered(len(doubt), coverage) - 1].item()


def _answered(images: int, coverage: float) -> int:
    if not 0 < coverage <= 1:
        raise BnnlibError(f"The coverage is {coverage}: expected a share above 0 and up to 1.")
    return max(
        1, math.ceil(images * coverage - 1e-9)
    )  # 0.95 * 10,000 may lie a rounding above 9,500


def _curve(codes: Tensor) -> tuple[Tensor, Tensor]:
    right, wrong = count(codes)
    size = right + wrong
    rate = torch.where(size > 0, wrong / size, 0).repeat_interleave(size.long())
    k = torch.arange(1, len(codes) + 1, dtype=torch.float64)
    return k / len(codes), rate.cumsum(0) / k


def _aurc(codes: Tensor) -> float:
    coverage, risk = _curve(codes)
    return (
        risk[0].item()
        if len(risk) == 1
        else (torch.trapezoid(risk, coverage) / (1 - 1 / len(risk))).item()
    )
