"""Which distance finds strangers: `python -m benchmarks.strangers [NAMES] [--data DIR] [--save]`.

Distances in the last hidden layer, fitted to MNIST's training images. Chosen by pen digits of
writers 19-24 and MNIST's validation images against letters of writers 1-4 and every second doodle
category; reported on writers 25-30 and the test images against writers 5-6 and the other half.
`--save` fits the distance that was chosen, learns the rule to refuse by on the tuning half, and
keeps both with the checkpoint.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import ink_data
from bnnlib import load_checkpoint, load_mnist, metrics
from bnnlib.cli.evaluate import keep
from bnnlib.datasets.mnist import data_folders
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.distance import with_distance
from bnnlib.metrics.density import ClassGaussians
from bnnlib.metrics.neighbours import nearest, principal
from bnnlib.networks.features import last_hidden
from bnnlib.storage.evaluations import load_results

Sets = dict[str, Tensor]
HELD = 2_500  # of MNIST's validation and test images
COLUMNS = (  # digits, strangers
    ("pen", "letters"),
    ("mnist", "letters"),
    ("pen", "doodles"),
    ("mnist", "doodles"),
)


def read(data: Path, reporting: bool) -> Sets:
    """The images of the tuning half or of the reporting half."""
    digits, mnist = ink_data.pen_digits(data, ink_data.TUNING), load_mnist().validation
    writers: tuple[int, ...] = (1, 2, 3, 4)
    if reporting:
        digits, mnist = ink_data.pen_digits(data, ink_data.REPORTING), load_mnist().test
        writers = (5, 6)
    letters = [strokes for _, strokes in ink_data.letters(data, writers)]
    doodles = ink_data.doodles(data)
    half = set(sorted({kind for kind, _ in doodles})[reporting::2])
    return {
        "mnist": mnist.images[:HELD],
        "pen": ink_data.rendered([strokes for _, strokes in digits]),
        "letters": ink_data.rendered(letters),
        "doodles": ink_data.rendered([strokes for kind, strokes in doodles if kind in half]),
    }


def candidates(train: Tensor, labels: Tensor, sets: Sets) -> dict[str, Sets]:
    """Every distance tried, from features `[N, H]`: for each set of features one value an image."""
    found: dict[str, Sets] = {"length of the features, negative": {}}
    for name, part in sets.items():
        found["length of the features, negative"][name] = -part.norm(dim=1)
    for words, lengths in (("", False), ("normalised, ", True)):
        scaled = {name: F.normalize(part) if lengths else part for name, part in sets.items()}
        images = F.normalize(train) if lengths else train
        mean, basis = principal(images[:5_000], 128, torch.Generator().manual_seed(0))
        all_points = (images - mean) @ basis
        for size in (8, 16, 32, 64, 128):
            points = all_points[:, :size]
            placed = {name: (part - mean) @ basis[:, :size] for name, part in scaled.items()}
            for how, distance in _gaussian(points, labels).items():
                key = f"{words}{size} directions: {how}"
                found[key] = {name: distance(part) for name, part in placed.items()}
            if size == 32:
                for k in (1, 5):
                    key = f"{words}{size} directions: neighbour {k} of {len(points):,}"
                    found[key] = {
                        name: nearest(part, points, k)[0][:, -1] for name, part in placed.items()
                    }
    return found


def _gaussian(points: Tensor, labels: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Distances by Gaussians: of each class, or with the covariance that all classes share."""
    own = ClassGaussians.fit(points, labels)
    centred = points - own.means[labels]
    shared = ClassGaussians.fit(centred, torch.zeros_like(labels)).factors[0]
    overall = ClassGaussians.fit(points, torch.zeros_like(labels))

    def mahalanobis(part: Tensor) -> Tensor:
        offset = part[:, None] - own.means
        return (offset @ shared.T).square().sum(-1).amin(-1)

    def background(part: Tensor) -> Tensor:
        return ((part - overall.means) @ overall.factors[0].T).square().sum(-1)

    return {
        "Mahalanobis": mahalanobis,
        "relative Mahalanobis": lambda part: mahalanobis(part) - background(part),
        "a Gaussian for each class": own.distance,
    }


def table(tuned: dict[str, Sets], reported: dict[str, Sets]) -> str:
    """Markdown: a row a distance, AUROC against each kind of digits."""
    heads = [f"{strangers} / {digits}" for digits, strangers in COLUMNS]
    lines = ["| | " + " | ".join([*heads, *heads]) + " |", "|---" * 9 + "|"]
    for name in tuned:
        cells = [
            f"{metrics.auroc(*metrics.against(part[digits], part[strangers])):.3f}"
            for part in (tuned[name], reported[name])
            for digits, strangers in COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strangers", description=__doc__.splitlines()[0]
    )
    parser.add_argument("names", nargs="*", help="checkpoints (default: bayesian)")
    parser.add_argument("--data", type=Path, help="the folder with pen and doodles")
    parser.add_argument("--save", action="store_true", help="keep the chosen distance and a rule")
    options = parser.parse_args()
    try:
        data, digits = options.data or data_folders()[0], load_mnist()
        halves = [read(data, reporting) for reporting in (False, True)]
        for name in options.names or ["bayesian"]:
            network = load_checkpoint(name)
            if options.save:
                if (results := load_results(name)) is None:
                    raise BnnlibError(
                        f"{name} has no evaluation: run python -m bnnlib evaluate {name} --save."
                    )
                strangers = torch.cat([halves[0]["letters"], halves[0]["doodles"]])
                made = with_distance(results, network, digits, strangers)
                keep(name, made)
                print(name, made.summary["distance"])
                continue
            train = last_hidden(network, digits.train.images)
            found = [
                candidates(
                    train,
                    digits.train.labels,
                    {key: last_hidden(network, part) for key, part in half.items()},
                )
                for half in halves
            ]
            print(f"{name}\n{table(*found)}\n")
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
