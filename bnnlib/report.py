"""A network's figures on images it has never seen."""

from typing import Any

import torch

from bnnlib import evaluation
from bnnlib.data import Digits, held_out
from bnnlib.models import DropoutNetwork, Network
from bnnlib.predict import deterministic_probs, sample_probs


def evaluate(network: Network, digits: Digits, split: str = "test", samples: int = 100, seed: int = 0) -> dict[str, Any]:
    """`error`, `nll` (nats), `ece` and `brier` of the mean over `samples` networks, and where they come from.

    A dropout network's answer with all units kept is under `deterministic`. Images that the network was trained on, by the
    source its card names, are left out. Raises BnnlibError for the training split.
    """
    part = held_out(digits, split, network.card.get("source", "mnist"))
    probs = sample_probs(network, part.images, samples, torch.Generator().manual_seed(seed), shared=True).mean(0)
    result: dict[str, Any] = {
        **evaluation.figures(probs, part.labels),
        "samples": samples,
        "images": len(part),
        "source": digits.source,
        "split": split,
        "seed": seed,
    }
    if isinstance(network, DropoutNetwork):
        result["deterministic"] = evaluation.figures(deterministic_probs(network, part.images), part.labels)
    return result
