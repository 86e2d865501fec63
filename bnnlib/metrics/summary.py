"""The four figures that every table shows."""

from torch import Tensor

from bnnlib.metrics.calibration import ece
from bnnlib.metrics.scores import brier, check_labels, check_probs, error, nll


def figures(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """`error`, `nll` (nats), `ece` and `brier` by name.

    Raises BnnlibError for what are not probabilities or labels.
    """
    check_labels(check_probs(probs), labels)
    return {
        "error": error(probs, labels),
        "nll": nll(probs, labels),
        "ece": ece(probs, labels),
        "brier": brier(probs, labels),
    }
