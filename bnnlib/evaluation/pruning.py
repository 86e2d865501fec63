"""What leaving weights out costs: error, NLL and mutual information along the share left out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bnnlib import metrics
from bnnlib.datasets.mnist import Split
from bnnlib.metrics.uncertainty import corrected_mutual_information
from bnnlib.networks.bayesian import BayesianNetwork
from bnnlib.networks.posterior import pruned
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.evaluations import weights_hash
from bnnlib.storage.files import write_text

# Blundell et al. 2015, table 2, has 0, 50, 75, 95 and 98 %.
SHARES = (0, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995)
FILE = "pruning.json"


@dataclass(frozen=True)
class Cost:
    """Figures without `share` of the weights.

    `error` in [0, 1], `nll` in nats, `mutual_information`: its mean over the images in nats,
    corrected for the number of samples.
    """

    share: float
    error: float
    nll: float
    mutual_information: float


@dataclass(frozen=True)
class PruningCurve:
    """The costs by share, and on what they were measured."""

    costs: tuple[Cost, ...]
    images: int
    samples: int
    source: str

    def at(self, share: float) -> Cost:
        """The cost at the measured share that is nearest."""
        return min(self.costs, key=lambda cost: abs(cost.share - share))


def cost(network: BayesianNetwork, share: float, part: Split, samples: int, seed: int) -> Cost:
    """The figures without `share` of the weights, by `samples` networks drawn from `seed`."""
    probs = sample_probs(pruned(network, share), part.images, samples, seed, shared=True)
    mean = probs.mean(0)
    return Cost(
        share,
        metrics.error(mean, part.labels),
        metrics.nll(mean, part.labels),
        float(corrected_mutual_information(probs).mean()),
    )


def pruning_curve(
    network: BayesianNetwork,
    part: Split,
    source: str,
    samples: int,
    seed: int = 0,
    shares: Sequence[float] = SHARES,
    progress: Callable[[float, str], object] = lambda done, text: None,
) -> PruningCurve:
    """The cost at each of `shares` on the images of `part`, which come from `source`."""
    costs = []
    for k, share in enumerate(shares):
        progress(k / len(shares), f"Leaving out {100 * share:g} % of the weights …")
        costs.append(cost(network, share, part, samples, seed))
    return PruningCurve(tuple(costs), len(part), samples, source)


def pruned_card(network: BayesianNetwork, name: str, share: float) -> dict[str, Any]:
    """The card of `network` without `share` of its weights; `name`: what that network is called."""
    kept = {key: value for key, value in network.card.items() if key not in ("figures", "created")}
    return {**kept, "pruned": {"of": name, "share": share, "by": "signal-to-noise"}}


def save_curve(folder: Path, curve: PruningCurve) -> Path:
    """Keep the curve beside the weights in the checkpoint's `folder`; returns the file.

    Raises OSError where it cannot be written, and BnnlibError without weights.
    """
    write_text(
        folder / FILE, json.dumps({"weights": weights_hash(folder), **asdict(curve)}, indent=1)
    )
    return folder / FILE


def load_curve(folder: Path) -> PruningCurve | None:
    """The curve kept in `folder`; None where there is none of these weights that can be read."""
    try:
        kept = json.loads((folder / FILE).read_text())
        if kept.pop("weights") != weights_hash(folder):
            return None
        return PruningCurve(**{**kept, "costs": tuple(Cost(**cost) for cost in kept["costs"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
