"""Fit when touching digits are cut: `python -m benchmarks.fit_cuts [--data DIR] [--count N]`.

Single digits must stay whole and pairs and triples that touch must be cut between their digits.
The ink is MNIST's validation digits and pen digits of writers 19-24; half fits the regression, the
other half chooses its limit. Prints the constants of `bnnlib/drawing/cuts.py`.
"""

import argparse
import itertools
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks import ink_data
from benchmarks.several import enlarged, ink_side_by_side, strokes_as_ink, strokes_side_by_side
from bnnlib import load_checkpoint, load_mnist
from bnnlib.datasets.mnist import data_folders
from bnnlib.drawing.cuts import FITTED_WITH, Mask, candidates, scores
from bnnlib.drawing.photo import image_of
from bnnlib.networks.recogniser import recogniser

SPLIT_OF_SINGLE = 0.006  # the share of single digits that may be cut
Cuts = tuple[NDArray[np.float64], NDArray[np.bool_]]  # terms `[K, 8]`, and which are right `[K]`


def drawn(random: np.random.Generator, count: int, data: Path) -> list[tuple[Mask, list[float]]]:
    """Ink and the columns between its digits: half single ones, half two or three that touch."""
    images = load_mnist().validation.images.numpy()
    pen = [strokes for _, strokes in ink_data.pen_digits(data, ink_data.TUNING)]
    found: list[tuple[Mask, list[float]]] = []
    for number in range(count):
        many = int(random.choice([1, 1, 1, 2, 2, 3]))
        if number % 3:
            picked = [images[k] for k in random.integers(len(images), size=many)]
            if many == 1:
                ink, columns = enlarged(picked[0]), [(0, 0)]
            else:
                ink, columns = ink_side_by_side(picked, random, touching=True)
        else:
            lines = [pen[k] for k in random.integers(len(pen), size=many)]
            ink, columns = strokes_as_ink(*strokes_side_by_side(lines, random, touching=True))
        between = [(a[1] + b[0]) / 2 for a, b in itertools.pairwise(columns)]
        found.append((ink > 0.3, between))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=900)
    parser.add_argument("--network", default=FITTED_WITH)
    options = parser.parse_args()
    data = options.data or next(f for f in data_folders() if (f / "pen").is_dir())
    score = recogniser(load_checkpoint(options.network))
    found: list[tuple[bool, Cuts]] = []  # single or not, and its cuts
    for ink, between in drawn(np.random.default_rng(1), options.count, data):
        cuts = candidates(ink, int(np.ptp(np.flatnonzero(ink.any(1)))) + 1)
        if not cuts:
            if not between:
                found.append((True, (np.zeros((0, 8)), np.zeros(0, bool))))
            continue
        rest = scores(ink, cuts, partial(image_of, ink.astype(np.float32)), score)
        terms = np.hstack([[one.terms for one in cuts], rest])
        right = np.array([any(abs(one.path.mean() - b) <= 12 for b in between) for one in cuts])
        found.append((not between, (terms, right)))
    half = len(found) // 2
    for width, name in ((5, "CUT"), (8, "CUT_SCORED")):
        terms = np.concatenate([cuts[0] for _, cuts in found[:half]])[:, :width]
        right = np.concatenate([cuts[1] for _, cuts in found[:half]])
        spread = terms.std(0)
        fitted = LogisticRegression(max_iter=2_000).fit(terms / spread, right)
        weights = (fitted.coef_[0] / spread).round(2)
        best = [
            (
                alone,
                float((t[:, :width] @ weights).max(initial=-99)),
                r[(t[:, :width] @ weights).argmax()] if len(t) else False,
            )
            for alone, (t, r) in found[half:]
        ]
        singles = np.sort([value for alone, value, _ in best if alone])
        limit = float(singles[int(np.ceil((1 - SPLIT_OF_SINGLE) * len(singles))) - 1])
        others = [(value, ok) for alone, value, ok in best if not alone]
        cut = np.mean([value > limit and ok for value, ok in others])
        print(f"{name} = {tuple(weights.tolist())}\n{name}_LIMIT = {limit:.1f}")
        print(f"# {len(singles)} single digits; {cut:.1%} of {len(others)} touching ones cut right")


if __name__ == "__main__":
    main()
