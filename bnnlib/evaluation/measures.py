"""The measures of doubt by which predictions are ranked."""

from collections.abc import Callable

from torch import Tensor

from bnnlib import uncertainty


def least_confidence(probs: Tensor) -> Tensor:
    """1 - the winner's mean probability, `[S, B, C] -> [B]` in [0, 1): the field's plainest measure of doubt."""
    return 1 - probs.mean(0).amax(-1)


MEASURES: dict[str, Callable[[Tensor], Tensor]] = {"least_confidence": least_confidence, **uncertainty.MEASURES}

WORDS = {
    "least_confidence": "1 - winner's probability",
    "predictive_entropy": "predictive entropy",
    "expected_entropy": "expected entropy",
    "mutual_information": "mutual information",
    "variation_ratio": "variation ratio",
}


def doubts(probs: Tensor) -> dict[str, Tensor]:
    """Every measure by name, `[S, B, C] -> [B]` each."""
    return {name: measure(probs) for name, measure in MEASURES.items()}
