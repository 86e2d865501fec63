"""Error, negative log-likelihood, Brier score, and which classes are taken for which.

float64 means float32 on MPS, which has none.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.precision import wide

TOLERANCE = 1e-3  # by which a row of float16 probabilities may miss a sum of 1


def check_probs(probs: Tensor) -> Tensor:
    """The probabilities `[..., B, C]` as they are.

    Raises BnnlibError if there are none, or if some are not probabilities.
    """
    if probs.dim() < 2 or 0 in probs.shape:
        raise BnnlibError(
            f"The probabilities have shape {list(probs.shape)}: "
            "expected [B, C] with at least one image."
        )
    bad = ~torch.isfinite(probs).all(-1)
    if bad.any():
        raise BnnlibError(
            f"The probabilities of {int(bad.sum()):,} of {bad.numel():,} predictions are not "
            "finite numbers (NaN or infinite): the network is damaged or diverged in training, "
            "train it again."
        )
    if probs.amin() < 0 or (probs.sum(-1) - 1).abs().amax() > TOLERANCE:
        raise BnnlibError(
            "Some rows of the probabilities do not sum to 1 or hold negative values: "
            "give probabilities, not logits."
        )
    return probs


def check_labels(probs: Tensor, labels: Tensor) -> Tensor:
    """The labels as they are.

    Raises BnnlibError unless they are one class number for each row of `probs` `[B, C]`.
    """
    if labels.shape != probs.shape[:1]:
        raise BnnlibError(
            f"There are labels of shape {list(labels.shape)} for {len(probs):,} predictions: "
            "expected one for each."
        )
    if labels.is_floating_point() or labels.amin() < 0 or labels.amax() >= probs.shape[-1]:
        raise BnnlibError(
            "Some labels are no class numbers: "
            f"expected whole numbers from 0 to {probs.shape[-1] - 1}."
        )
    return labels


def error(probs: Tensor, labels: Tensor) -> float:
    """Share of images whose most probable class is wrong, in [0, 1]."""
    return errors(probs, labels).mean().item()


def nll(probs: Tensor, labels: Tensor) -> float:
    """Mean negative log-likelihood of the labels, nats."""
    return nlls(probs, labels).mean().item()


def brier(probs: Tensor, labels: Tensor) -> float:
    """Brier score: squared distance from the one-hot label, summed over classes (Brier 1950).

    The mean over images, in [0, 2].
    """
    return briers(probs, labels).mean().item()


def errors(probs: Tensor, labels: Tensor) -> Tensor:
    """1 where the most probable class is wrong, else 0, float64 `[B]`."""
    return wide(probs.argmax(-1) != labels)


def nlls(probs: Tensor, labels: Tensor) -> Tensor:
    """Each image's negative log-likelihood, nats, float64 `[B]`.

    A probability of 0 counts as 1e-30.
    """
    return -wide(probs.gather(-1, labels[:, None])[:, 0]).clamp_min(1e-30).log()


def briers(probs: Tensor, labels: Tensor) -> Tensor:
    """Each image's Brier score, float64 `[B]`."""
    return (wide(probs) - F.one_hot(labels, probs.shape[-1])).square().sum(-1)


def confusion(probs: Tensor, labels: Tensor) -> Tensor:
    """How often each class (row) was taken for each class (column), int64 `[C, C]`."""
    classes = probs.shape[-1]
    return torch.bincount(labels * classes + probs.argmax(-1), minlength=classes * classes).view(
        classes, classes
    )


def per_class_error(matrix: Tensor) -> list[float | None]:
    """Share of each class's images that are wrong, from a confusion matrix `[C, C]`.

    None for a class without images.
    """
    counts, right = matrix.sum(1), matrix.diagonal()
    return [1 - int(r) / int(n) if n else None for r, n in zip(right, counts, strict=True)]
