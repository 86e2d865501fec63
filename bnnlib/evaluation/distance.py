"""Fit how far images are from a network's training images, in its last hidden layer.

And by which measure of doubt the network should refuse.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.datasets.mnist import Digits, Split, held_out
from bnnlib.errors import BnnlibError
from bnnlib.metrics.answer import Rule
from bnnlib.metrics.density import Directions
from bnnlib.metrics.distance import Distance
from bnnlib.networks import Network
from bnnlib.networks.features import last_hidden, width
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.evaluations import Results

DIRECTIONS = 32  # chosen in docs/recipes.md
MAX_BASIS = 3 * 2**15  # numbers in the basis: 197 kB as float16; a wide layer gets fewer directions
FITTED_ON = 5_000  # images that the principal directions come from
CHUNK = 2_048
COVERAGE = 0.95  # of validation digits that the rule answers
SAMPLES, RULE_IMAGES = 30, 5_000  # sampled networks, and validation images, that learn the rule
# The rules to choose from: the doubts of which every one must be low. The first one is taken where
# there are no strangers to choose by.
RULES: tuple[tuple[str, ...], ...] = (
    ("distance", "predictive_entropy"),
    ("distance", "least_confidence"),
    ("distance", "mutual_information"),
    ("predictive_entropy",),
    ("least_confidence",),
    ("mutual_information",),
)
Progress = Callable[[float], object]


def fit_distance(
    network: Network, training: Split, held_out: Split, progress: Progress | None = None
) -> Distance:
    """From the training images, and from held-out ones that say which distance is usual.

    progress is told the share done, in [0, 1]. Raises BnnlibError where too little is given.
    """
    directions = fit_directions(network, training.images[:FITTED_ON])
    points = project(network, directions, training.images, progress)
    held = project(network, directions, held_out.images)
    return Distance.fit(directions, points, training.labels, held)


def fit_directions(network: Network, images: Tensor) -> Directions:
    """The principal directions of the images `[N, 28, 28]` in the last hidden layer."""
    most = min(DIRECTIONS, MAX_BASIS // width(network), len(images), width(network))
    return Directions.fit(_features(network, images), most)


def project(
    network: Network, directions: Directions, images: Tensor, progress: Progress | None = None
) -> Tensor:
    """The images' coordinates `[N, 28, 28] -> [N, D]`, a part at a time: features are wide."""
    parts = []
    for start in range(0, len(images), CHUNK):
        if progress is not None:
            progress(start / len(images))
        parts.append(directions.project(_features(network, images[start : start + CHUNK])))
    return torch.cat(parts)


def with_distance(
    results: Results,
    network: Network,
    digits: Digits,
    strangers: Tensor | None = None,
    progress: Progress | None = None,
) -> Results:
    """The results of an evaluation on test images, with a distance and a rule by which to answer.

    Every rule's limits are such that it answers 95 % of validation digits. With `strangers`,
    images `[M, 28, 28]` that are no digits, it is the rule that refuses most of them.
    What it gives on the test images is told. Raises BnnlibError where these are not at hand.
    """
    source = str(network.card.get("source", "mnist"))
    validation, test = (held_out(digits, split, source) for split in ("validation", "test"))
    distance = fit_distance(network, digits.train, validation, progress)
    known = _doubts(network, distance, validation.images[:RULE_IMAGES])
    limits = {rule: rule_limits({name: known[name] for name in rule}) for rule in RULES}
    refused: dict[tuple[str, ...], float] = {}
    if strangers is not None:
        unknown = _doubts(network, distance, strangers)
        refused = {rule: 1 - _share(answered(unknown, limits[rule])) for rule in RULES}
    best = max(refused, key=lambda rule: refused[rule]) if refused else RULES[0]
    doubts = {name: results.doubt(name) for name in best if name != "distance"}
    doubts["distance"] = 1 - _as_far(network, distance, test.images)
    if len(doubts["distance"]) != len(results.wrong):
        raise BnnlibError(
            f"The evaluation is of {len(results.wrong):,} test images and {len(test):,} are at "
            "hand: evaluate the network again with these."
        )
    given = answered(doubts, limits[best])
    figures = {
        "answered": _share(given),
        "right": _share(~results.wrong[given]) if given.any() else None,
        "coverage": COVERAGE,
        "training_images": len(digits.train),
        "strangers": 0 if strangers is None else len(strangers),
        "refused": {" or ".join(rule): share for rule, share in refused.items()},
    }
    return results.with_distance(distance, Rule(limits[best]), figures)


def rule_limits(doubts: dict[str, Tensor], coverage: float = COVERAGE) -> dict[str, float]:
    """The limits, each as rarely passed, within which `coverage` of the images lie by all doubts.

    doubts: by measure, `[B]` each, of images that should be answered.
    """
    p = torch.stack([metrics.conformal_p(doubt, doubt) for doubt in doubts.values()])
    inside = p.amin(0) >= -metrics.refusal_threshold(-p.amin(0), coverage)
    return {name: doubt[inside].max().item() for name, doubt in doubts.items()}


def answered(doubts: dict[str, Tensor], limits: dict[str, float]) -> Tensor:
    """Which images a rule with these limits answers, bool `[B]`."""
    return torch.stack([doubts[name] <= limit for name, limit in limits.items()]).all(0)


def _doubts(network: Network, distance: Distance, images: Tensor) -> dict[str, Tensor]:
    """Every doubt that a rule may go by, `[B]` each."""
    device = next(network.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    probs = sample_probs(network, images.to(device), SAMPLES, generator, shared=True).cpu()
    sampled = {name: metrics.MEASURES[name](probs) for rule in RULES[3:] for name in rule}
    return {**sampled, "distance": 1 - _as_far(network, distance, images)}


def _as_far(network: Network, distance: Distance, images: Tensor) -> Tensor:
    parts = [distance.as_far(_features(network, part)) for part in images.split(CHUNK)]
    return torch.cat(parts)


def _features(network: Network, images: Tensor) -> Tensor:
    """On the CPU, wherever the network is."""
    return last_hidden(network, images.to(next(network.parameters()).device)).cpu()


def _share(hits: Tensor) -> float:
    return hits.double().mean().item()
