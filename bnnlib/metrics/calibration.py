"""Whether a confidence of 90 % is right nine times in ten, and one number that mends it where it is not."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.intervals import bootstrap_interval
from bnnlib.metrics.scores import check_labels, check_probs, nll

BINS = 15  # as in Guo et al. 2017
MAX_LOG_TEMPERATURE = math.log(20.0)


@dataclass(frozen=True)
class Reliability:
    """A reliability table, one row a bin: `count`, mean `confidence` and `accuracy` `[bins]`; NaN where a bin is empty."""

    count: Tensor
    confidence: Tensor
    accuracy: Tensor

    @property
    def error(self) -> float:
        """Mean |accuracy - confidence| over images: the expected calibration error of these bins, in [0, 1]."""
        return (
            (self.accuracy - self.confidence).abs().nan_to_num() * self.count
        ).sum().item() / int(self.count.sum())


def reliability(
    probs: Tensor, labels: Tensor, bins: int = BINS, adaptive: bool = False
) -> Reliability:
    """Confidence in the winner against how often it is right, in `bins` bins.

    Bins are of equal width, (lower, upper] (Guo et al. 2017), or, if `adaptive`, of as nearly equal counts as possible (Nixon
    et al. 2019), equally confident images in the order they come.
    """
    confidence, predicted = probs.double().max(-1)
    right = (predicted == labels).double()
    if adaptive:
        order = confidence.argsort(stable=True)
        index = torch.empty_like(order)
        index[order] = torch.cat(
            [torch.full_like(part, k) for k, part in enumerate(order.tensor_split(bins))]
        )
    else:
        index = _equal_width(confidence, bins)
    count = torch.bincount(index, minlength=bins)
    sums = [
        torch.zeros(bins, dtype=torch.float64).index_add_(0, index, values)
        for values in (confidence, right)
    ]
    return Reliability(count, sums[0] / count, sums[1] / count)


def ece(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error over equal-width bins, in [0, 1] (Guo et al. 2017)."""
    return reliability(probs, labels, bins).error


def ece_interval(probs: Tensor, labels: Tensor, bins: int = BINS) -> tuple[float, float]:
    """Its 95 % bootstrap interval."""
    confidence, predicted = probs.double().max(-1)

    def resampled(gap: Tensor, index: Tensor) -> float:
        return torch.zeros(bins, dtype=torch.float64).index_add_(
            0, index, gap
        ).abs().sum().item() / len(gap)

    return bootstrap_interval(
        resampled, (predicted == labels).double() - confidence, _equal_width(confidence, bins)
    )


def adaptive_ece(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal counts, in [0, 1] (Nixon et al. 2019).

    Nearly all images of a good network fall in the last equal-width bin; equal counts look inside it.
    """
    return reliability(probs, labels, bins, adaptive=True).error


def _equal_width(confidence: Tensor, bins: int) -> Tensor:
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)


def apply_temperature(probs: Tensor, temperature: float) -> Tensor:
    """p ** (1 / T), normalised: above T = 1 less sure, below surer, the winner unchanged; `[..., C]`."""
    return (probs.double().clamp_min(1e-30).log() / temperature).softmax(-1)


def fit_temperature(probs: Tensor, labels: Tensor) -> float:
    """The temperature in [1/20, 20] at which `probs` have the least NLL on `labels`: fit it on validation images.

    Of a mean, `[B, C]`, it needs no samples and mends their mean itself (pool, then calibrate: Rahaman & Thiery 2021); of samples,
    `[S, B, C]`, it is the temperature of each, before the mean is taken.
    The NLL is convex in 1 / T (Guo et al. 2017), so a search on a line finds it. Raises BnnlibError where there is no least one.
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    def predicted(temperature: float) -> Tensor:
        scaled = apply_temperature(probs, temperature)
        return scaled.mean(0) if scaled.dim() == 3 else scaled

    check_labels(check_probs(probs if probs.dim() == 2 else probs.mean(0)), labels)
    wrong = predicted(1.0).argmax(-1) != labels
    if not wrong.any():
        raise BnnlibError(
            f"All {len(labels):,} predictions are right: no temperature fits them best, give more images."
        )
    found = minimize_scalar(
        lambda log_t: nll(predicted(math.exp(log_t)), labels),
        bounds=(-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return math.exp(found.x)
