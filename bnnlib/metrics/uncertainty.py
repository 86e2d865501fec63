"""How unsure a set of sampled predictions is, split into what the data leave open and what the network does not know.

Every function takes class probabilities `probs` `[S, B, C]` (S sampled networks, B images, C classes). Entropies are in
nats. Decomposition: Depeweg et al. 2018, "Decomposition of Uncertainty in Bayesian Deep Learning"; the mutual information is
BALD's, Houlsby et al. 2011.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def predictive_entropy(probs: Tensor) -> Tensor:
    """Total uncertainty H[E_q p(y | x, W)], `[S, B, C] -> [B]`, nats in [0, log C]."""
    return torch.special.entr(probs.mean(0)).sum(-1)


def expected_entropy(probs: Tensor) -> Tensor:
    """Aleatoric uncertainty E_q H[p(y | x, W)]: what every sampled network leaves open, `[S, B, C] -> [B]`, nats."""
    return torch.special.entr(probs).sum(-1).mean(0)


def mutual_information(probs: Tensor) -> Tensor:
    """Epistemic uncertainty I[y; W | x]: how much the sampled networks disagree, `[S, B, C] -> [B]`, nats.

    Predictive minus expected entropy; 0 for a single sample (S = 1). Rounding can not make it negative.
    """
    return (predictive_entropy(probs) - expected_entropy(probs)).clamp_min(0)


def votes(probs: Tensor) -> Tensor:
    """How many sampled networks put each class first, `[S, B, C] -> [B, C]` int64, rows sum to S."""
    return torch.nn.functional.one_hot(probs.argmax(-1), probs.shape[-1]).sum(0)


def variation_ratio(probs: Tensor) -> Tensor:
    """Share of the votes that go against the class with the most votes, `[S, B, C] -> [B]` in [0, 1)."""
    return 1 - votes(probs).amax(-1) / probs.shape[0]


def least_confidence(probs: Tensor) -> Tensor:
    """1 - the winner's mean probability, `[S, B, C] -> [B]` in [0, 1): the field's plainest measure of doubt."""
    return 1 - probs.mean(0).amax(-1)


MEASURES: dict[str, Callable[[Tensor], Tensor]] = {
    "least_confidence": least_confidence,
    "predictive_entropy": predictive_entropy,
    "expected_entropy": expected_entropy,
    "mutual_information": mutual_information,
    "variation_ratio": variation_ratio,
}

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
