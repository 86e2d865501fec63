"""What is gained by refusing to answer where a network is in doubt (selective prediction)."""

import math

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.intervals import bootstrap_interval
from bnnlib.metrics.precision import wide_dtype
from bnnlib.metrics.tally import count, encode

COVERAGES = (0.8, 0.9, 0.95, 0.99)


def risk_coverage(doubt: Tensor, wrong: Tensor) -> tuple[Tensor, Tensor]:
    """The risk-coverage curve, two float64 `[B]`: for each k, answer the k least doubtful images.

    Returns the share answered, k / B, and the share of those that is wrong. Images in equal doubt
    count with the mean of their errors, so that their order does not matter.
    """
    return _curve(encode(doubt, wrong))


def aurc(doubt: Tensor, wrong: Tensor) -> float:
    """Area under the risk-coverage curve (Geifman & El-Yaniv 2017): the mean risk, by trapezoids.

    The mean is over coverages from 1 / B to 1, normalised by the length of that range as
    torch-uncertainty does: where the risk is the same at every coverage, it is that risk.
    """
    return aurc_of_codes(encode(doubt, wrong))


def aurc_interval(doubt: Tensor, wrong: Tensor, resamples: int = 500) -> tuple[float, float]:
    """Its 95 % bootstrap interval."""
    return bootstrap_interval(aurc_of_codes, encode(doubt, wrong), resamples=resamples)


def accuracy_at_coverage(doubt: Tensor, wrong: Tensor, coverage: float) -> float:
    """Share of right answers if the least doubtful `coverage` (0, 1] of the images are answered."""
    return 1 - risk_coverage(doubt, wrong)[1][_answered(len(doubt), coverage) - 1].item()


def refusal_threshold(doubt: Tensor, coverage: float = 0.95) -> float:
    """The doubt up to which an answer is given: at least `coverage` of these images are answered.

    Answer where doubt <= threshold. Learn it on validation images; how many of other images it
    answers, and how many of those rightly, is then measured on them.
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
    k = torch.arange(1, len(codes) + 1, dtype=wide_dtype(codes.device), device=codes.device)
    return k / len(codes), rate.cumsum(0) / k


def aurc_of_codes(codes: Tensor) -> float:
    """The same of images that `encode` has ranked: what a bootstrap calls."""
    coverage, risk = _curve(codes)
    return (
        risk[0].item()
        if len(risk) == 1
        else (torch.trapezoid(risk, coverage) / (1 - 1 / len(risk))).item()
    )
