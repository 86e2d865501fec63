"""Fit how far images are from a network's training images, in its last hidden layer.

And by which measure of doubt the network should refuse.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.datasets.mnist import Digits, Split, held_out
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
CANDIDATES = ("least_confidence", "predictive_entropy", "mutual_information")  # besides distance
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
    return Directions.fit(last_hidden(network, images), most)


def project(
    network: Network, directions: Directions, images: Tensor, progress: Progress | None = None
) -> Tensor:
    """The images' coordinates `[N, 28, 28] -> [N, D]`, a part at a time: features are wide."""
    parts = []
    for start in range(0, len(images), CHUNK):
        if progress is not None:
            progress(start / len(images))
        parts.append(directions.project(last_hidden(network, images[start : start + CHUNK])))
    return torch.cat(parts)


def with_distance(
    results: Results,
    network: Network,
    digits: Digits,
    strangers: Tensor | None = None,
    progress: Progress | None = None,
) -> Results:
    """The results of an evaluation on test images, with a distance and a rule by which to answer.

    Each measure of doubt has the threshold that answers 95 % of the validation digits. With
    `strangers`, images `[M, 28, 28]` that are no digits, the rule takes the measure that refuses
    most of them; without any, the distance. What it gives on the test images is told.
    """
    source = str(network.card.get("source", "mnist"))
    distance = fit_distance(network, digits.train, held_out(digits, "validation", source), progress)
    rules = (results.summary.get("refusal") or {}).get("rules", {})
    refused = {} if strangers is None else _refused(network, distance, rules, strangers)
    best = max(refused, key=lambda name: refused[name]) if refused else "distance"
    part = held_out(digits, "test", source)
    near = 1 - _as_far(network, distance, part.images)
    known = len(near) == len(results.wrong)  # the evaluation was made on these very images
    answered = near <= COVERAGE
    told: dict[str, Any] = {
        "answered": answered.double().mean().item(),
        "right": (~results.wrong[answered]).double().mean().item() if known else None,
    }
    rule = Rule("distance", COVERAGE)
    if best != "distance":
        rule = Rule(best, rules[best]["threshold"])
        told = {name: rules[best][name] for name in told}
    if told["right"] is None:
        rule = None
    figures = {
        **told,
        "coverage": COVERAGE,
        "training_images": len(digits.train),
        "strangers": 0 if strangers is None else len(strangers),
        "refused": refused,
    }
    return results.with_distance(distance, rule, figures)


def _refused(
    network: Network, distance: Distance, rules: dict[str, Any], strangers: Tensor
) -> dict[str, float]:
    """The share of the strangers that each measure refuses."""
    probs = sample_probs(network, strangers, 30, 0, shared=True)
    doubts = {name: metrics.MEASURES[name](probs) for name in CANDIDATES if name in rules}
    shares = {
        name: (doubt > rules[name]["threshold"]).double().mean().item()
        for name, doubt in doubts.items()
    }
    far = 1 - _as_far(network, distance, strangers)
    return {**shares, "distance": (far > COVERAGE).double().mean().item()}


def _as_far(network: Network, distance: Distance, images: Tensor) -> Tensor:
    parts = [distance.as_far(last_hidden(network, part)) for part in images.split(CHUNK)]
    return torch.cat(parts)
