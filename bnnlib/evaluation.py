"""How good and how honest predictions are: error, NLL, Brier score, ECE.

Every function takes predictive probabilities `probs` `[B, C]` (the mean over samples) and `labels` `[B]`, and returns a float.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ECE_BINS = 15  # equal-width bins, as in Guo et al. 2017


def error(probs: Tensor, labels: Tensor) -> float:
    """Share of images whose most probable class is wrong, in [0, 1]."""
    return (probs.argmax(-1) != labels).double().mean().item()


def nll(probs: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood of the labels, nats."""
    return F.nll_loss(probs.double().clamp_min(1e-30).log(), labels).item()


def brier(probs: Tensor, labels: Tensor) -> float:
    """Brier score: squared distance from the one-hot label, summed over classes, mean over images, in [0, 2] (Brier 1950)."""
    return (probs.double() - F.one_hot(labels, probs.shape[-1])).square().sum(-1).mean().item()


def ece(probs: Tensor, labels: Tensor, bins: int = ECE_BINS) -> float:
    """Expected calibration error: |accuracy - confidence| over equal-width bins (lower, upper], in [0, 1] (Guo et al. 2017)."""
    confidence, predicted = probs.double().max(-1)
    gap = (predicted == labels).double() - confidence
    index = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    sums = torch.zeros(bins, dtype=gap.dtype, device=gap.device).index_add_(0, index, gap)
    return (sums.abs().sum() / len(labels)).item()


def figures(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """All four figures by name."""
    return {"error": error(probs, labels), "nll": nll(probs, labels), "ece": ece(probs, labels), "brier": brier(probs, labels)}
