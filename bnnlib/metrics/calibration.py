"""Calibration: is an answer given with 90 % confidence right nine times in ten?

Confidence is the winner's probability, so all of these judge the winner alone (top-label).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.precision import wide

BINS = 15  # as in Guo et al. 2017
Z = 1.96  # standard deviations of a 95 % interval


@dataclass(frozen=True)
class Reliability:
    """A reliability table, one row a bin; `[bins]` each, NaN where a bin is empty.

    `count` of images, mean `confidence`, `accuracy`.
    """

    count: Tensor
    confidence: Tensor
    accuracy: Tensor

    @property
    def error(self) -> float:
        """Mean |accuracy - confidence| over images, in [0, 1]: these bins' calibration error."""
        gap = (self.accuracy - self.confidence).abs().nan_to_num()
        return (gap * self.count).sum().item() / int(self.count.sum())


def reliability(
    probs: Tensor, labels: Tensor, bins: int = BINS, equal_mass: bool = False
) -> Reliability:
    """Confidence in the winner against how often it is right, in `bins` bins.

    Bins are of equal width, (lower, upper] (Guo et al. 2017). With `equal_mass` they hold as nearly
    equal counts as possible; equally confident images are taken in the order they come.
    """
    confidence, predicted = wide(probs).max(-1)
    index = _equal_mass(confidence, bins) if equal_mass else _equal_width(confidence, bins)
    count = torch.bincount(index, minlength=bins)
    sums = [_sums(values, index, bins) for values in (confidence, wide(predicted == labels))]
    return Reliability(count, sums[0] / count, sums[1] / count)


def ece(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error over equal-width bins, in [0, 1] (Guo et al. 2017).

    It is biased upward: a calibrated network has one too, from chance alone. So a bootstrap gives
    no honest interval for it; `squared_calibration_error` has one.
    """
    return reliability(probs, labels, bins).error


def equal_mass_ece(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal counts, in [0, 1]; biased upward as `ece` is.

    Nearly all images of a good network fall in the last equal-width bin; equal counts look inside
    it. It looks at the winner alone, unlike the adaptive calibration error of Nixon et al. 2019.
    """
    return reliability(probs, labels, bins, equal_mass=True).error


adaptive_ece = equal_mass_ece  # its name before


def squared_calibration_error(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """The squared calibration error over equal-mass bins, without its bias.

    Kumar, Liang & Ma 2019, "Verified uncertainty calibration", section 5: the square of a bin's
    mean gap (right - confidence) is too large by the variance of that mean, so it is taken away.
    A calibrated network has 0 on average, and may have less than 0. At one confidence in each bin
    this is their estimator; at several, the variance is that of the gaps.
    Raises BnnlibError for fewer than two images.
    """
    return _squared_error(probs, labels, bins)[0]


def squared_calibration_error_interval(
    probs: Tensor, labels: Tensor, bins: int = BINS
) -> tuple[float, float]:
    """Its 95 % interval; for a calibrated network it holds 0 in 19 cases of 20.

    It holds every true value from which the estimate lies within 1.96 standard deviations, as they
    are at that true value (a score interval, as Wilson's for a share). Nothing is resampled: a
    bootstrap would add the bias again, as a resample has its own noise on top.
    """
    value, at_zero, slope = _squared_error(probs, labels, bins)
    half = Z * math.sqrt(at_zero)
    middle = value + Z * Z * slope / 2

    def end(sign: int) -> float:  # of (value - true)^2 = Z^2 (at_zero + slope * true)
        return middle + sign * math.sqrt(max(0.0, middle**2 - value**2 + half**2))

    low = value - half if value <= half else end(-1)  # below 0 the variance is that at 0
    return low, value + half if value <= -half else end(1)


def _squared_error(probs: Tensor, labels: Tensor, bins: int) -> tuple[float, float, float]:
    """The estimate, its variance if the true value is 0, and by how much that grows with it.

    In a bin of n images with true mean gap d and variance v of the gaps, g^2 - v / n has the
    variance 2 (v / n)^2 + 4 d^2 v / n.
    """
    confidence, predicted = wide(probs).max(-1)
    if len(confidence) < 2:
        raise BnnlibError("One image has no calibration error: give at least two.")
    bins = min(bins, len(confidence) // 2)  # a variance takes two images
    index = _equal_mass(confidence, bins)
    gap = wide(predicted == labels) - confidence
    count = torch.bincount(index, minlength=bins).to(gap.dtype)
    mean, share = _sums(gap, index, bins) / count, count / len(gap)
    noise = _sums((gap - mean[index]).square(), index, bins) / (count - 1) / count
    squares = share * mean.square()
    at_zero = 2 * (share * noise).square().sum()
    slope = 4 * (share * noise * squares).sum() / squares.sum().clamp_min(1e-30)
    return (squares - share * noise).sum().item(), at_zero.item(), slope.item()


def _sums(values: Tensor, index: Tensor, bins: int) -> Tensor:
    return torch.zeros(bins, dtype=values.dtype, device=values.device).index_add_(0, index, values)


def _equal_width(confidence: Tensor, bins: int) -> Tensor:
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)


def _equal_mass(confidence: Tensor, bins: int) -> Tensor:
    order = confidence.argsort(stable=True)
    index = torch.empty_like(order)
    for k, part in enumerate(order.tensor_split(bins)):
        index[part] = k
    return index
