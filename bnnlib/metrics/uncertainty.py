"""How unsure sampled predictions are: what the data leave open, what the network does not know.

Every function takes class probabilities `probs` `[S, B, C]` (S sampled networks, B images, C
classes). Entropies are in nats. Decomposition: Depeweg et al. 2018, "Decomposition of Uncertainty
in Bayesian Deep Learning"; the mutual information is BALD's, Houlsby et al. 2011.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def predictive_entropy(probs: Tensor) -> Tensor:
    """Total uncertainty H[E_q p(y | x, W)], `[S, B, C] -> [B]`, nats in [0, log C]."""
    return torch.special.entr(probs.mean(0)).sum(-1)


def expected_entropy(probs: Tensor) -> Tensor:
    """Aleatoric uncertainty E_q H[p(y | x, W)], `[S, B, C] -> [B]`, nats.

    What every sampled network leaves open.
    """
    return torch.special.entr(probs).sum(-1).mean(0)


def mutual_information(probs: Tensor) -> Tensor:
    """Epistemic uncertainty I[y; W | x], `[S, B, C] -> [B]`, nats: how much the samples disagree.

    Predictive minus expected entropy; 0 for a single sample (S = 1). Rounding cannot make it
    negative. It grows with S: few samples show less of the disagreement than there is. Compare
    values of the same S, or take `corrected_mutual_information`.
    """
    return (predictive_entropy(probs) - expected_entropy(probs)).clamp_min(0)


def corrected_mutual_information(probs: Tensor) -> Tensor:
    """Mutual information without the bias of few samples, `[S, B, C] -> [B]`, nats; 0 if S = 1.

    The entropy of a mean of S samples is too small, by a term of the order 1 / S. The jackknife
    removes it: S H(mean) - (S - 1) times the average of H(mean without one sample) (Zahl 1977,
    "Jackknifing an index of diversity"). The expected entropy has no such bias. The value of a
    single image may be a little below 0; means over images need that, so it is not cut off.
    """
    samples = len(probs)
    if samples == 1:
        return torch.zeros_like(probs[0, :, 0])
    without = ((probs.sum(0) - probs) / (samples - 1)).clamp_min(0)
    entropy = samples * predictive_entropy(probs) - (samples - 1) * expected_entropy(without)
    return entropy - expected_entropy(probs)


def votes(probs: Tensor) -> Tensor:
    """How many samples put each class first, `[S, B, C] -> [B, C]` int64; rows sum to S."""
    return torch.nn.functional.one_hot(probs.argmax(-1), probs.shape[-1]).sum(0)


def variation_ratio(probs: Tensor) -> Tensor:
    """Share of the votes against the class with the most votes, `[S, B, C] -> [B]` in [0, 1)."""
    return 1 - votes(probs).amax(-1) / probs.shape[0]


def least_confidence(probs: Tensor) -> Tensor:
    """1 - the winner's mean probability, `[S, B, C] -> [B]` in [0, 1): the plainest measure."""
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
