"""Cut one connected piece of ink into digits that touch, or leave it whole.

Over-segmentation (Casey & Lecolinet 1996): several candidate cuts are made, each the path from top
to bottom that crosses the least ink. If a recogniser is given it scores the ink between any two
cuts, and the cut is chosen whose sides are digits rather than the whole.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Mask = NDArray[np.bool_]
Score = Callable[[Tensor], Tensor]  # images `[B, 28, 28]` -> how sure each is a digit, `[B]`
Render = Callable[[Mask], Tensor]  # a piece of the ink -> its image `[28, 28]`

WIDE = 0.6  # a piece of ink narrower than this, in heights, is not cut
MOST = 7  # candidate cuts of one piece
APART = 0.08  # the least distance between two candidates, in heights of the piece
# Whether a piece is cut: a logistic regression fitted by `python -m benchmarks.fit_cuts`. Its
# terms: width / height, ink crossed / pen, times crossed, height of the shorter side / height, the
# smaller side's share of the ink; with a recogniser also its score of the whole and of the sides.
CUT = (0.7, -1.29, 0.3, 5.18, 4.13)
CUT_LIMIT = 6.7
CUT_SCORED = (-0.15, -1.0, 0.37, 3.68, 4.03, -0.95, 0.28, 1.49)
CUT_SCORED_LIMIT = 5.3
FITTED_WITH = "bayesian-pen"  # the recogniser: a network that doubts what is no single digit
SCALE = 4.0  # what brings the regression's units to those of the other decisions


@dataclass(frozen=True)
class Cut:
    """A candidate: the columns of its path, `[H]`, what lies left of it, and its terms."""

    path: NDArray[np.int_]
    left: Mask
    terms: tuple[float, ...]


def cut(
    piece: Mask, height: int, render: Render, score: Score | None = None, depth: int = 3
) -> tuple[list[Mask], list[float], list[Mask] | None]:
    """A piece of ink `[H, W]` as one digit or several.

    height: of the tallest piece. Returns the parts, how far each decision was from its limit
    (positive where it was cut), and the parts of the likeliest cut if it was not made.
    """
    found = candidates(piece, height) if depth else []
    if not found:
        return [piece], [], None
    terms = np.array([one.terms for one in found])
    weights, limit = np.array(CUT), CUT_LIMIT
    if score is not None:
        terms = np.hstack([terms, scores(piece, found, render, score)])
        weights, limit = np.array(CUT_SCORED), CUT_SCORED_LIMIT
    margins = (terms @ weights - limit) / SCALE
    best = int(margins.argmax())
    left = found[best].left
    sides = [left, piece & ~left]
    if margins[best] <= 0:
        return [piece], [float(margins[best])], sides
    parts: list[Mask] = []
    decided = [float(margins[best])]
    for side in sides:
        more, further, _ = cut(side, height, render, score, depth - 1)
        parts += more
        decided += [margin for margin in further if margin > 0]
    return parts, decided, None


def candidates(piece: Mask, height: int) -> list[Cut]:
    """The likeliest cuts of a piece of ink `[H, W]`, by geometry alone, from left to right."""
    import cv2

    rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
    if not len(rows):
        return []
    part = piece[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall, wide = part.shape
    aspect = wide / tall
    if aspect < WIDE or tall < 0.6 * height or min(part.shape) < 6:
        return []
    depths = cv2.distanceTransform(np.pad(part, 1).astype(np.uint8), cv2.DIST_L2, 5)
    ridge = depths[(depths > 0) & (depths >= cv2.dilate(depths, np.ones((3, 3), np.uint8)))]
    pen = max(1.0, 2 * float(np.median(ridge)) - 1)
    found = []
    starts = np.arange(int(0.12 * wide), int(0.88 * wide) + 1, max(1, round(pen / 2)))
    for path in _paths(part, starts, reach=max(1, round(0.12 * tall))):
        on_ink = part[np.arange(tall), path]
        crossed, runs = on_ink.sum(), int(np.diff(on_ink.astype(int), prepend=0).clip(0).sum())
        left = part & (np.arange(wide)[None] <= path[:, None])
        right = part & ~left
        shorter = min(_solid_height(left), _solid_height(right)) / tall
        if shorter:
            smaller = min(left.sum(), right.sum()) / part.sum()
            terms = (aspect, float(crossed) / pen, float(runs), shorter, float(smaller))
            found.append(Cut(path, left, terms))
    found.sort(key=lambda one: -float(np.dot(CUT, one.terms)))
    kept: list[Cut] = []
    for one in found:
        place = one.path.mean()
        if len(kept) < MOST and all(abs(place - k.path.mean()) >= APART * tall for k in kept):
            kept.append(one)
    full = []
    for one in sorted(kept, key=lambda one: one.path.mean()):
        left = np.zeros_like(piece)
        left[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = one.left
        full.append(Cut(one.path + columns[0], left, one.terms))
    return full


def scores(piece: Mask, found: list[Cut], render: Render, score: Score) -> NDArray[np.float64]:
    """Of each cut: the score of the whole, of the worse and of the better side, `[K, 3]`.

    A side that is better cut again counts as its worst part does then.
    """
    lefts = [np.zeros_like(piece), *(one.left for one in found), piece]
    spans = [(i, j) for i in range(len(lefts)) for j in range(i + 1, len(lefts))]
    masks = [lefts[j] & ~lefts[i] for i, j in spans]
    seen = [k for k, mask in enumerate(masks) if mask.any()]
    values = score(torch.stack([render(masks[k]) for k in seen])).tolist()
    alone = dict.fromkeys(spans, 0.0) | {
        spans[k]: float(v) for k, v in zip(seen, values, strict=True)
    }
    best: dict[tuple[int, int], float] = {}
    for i, j in sorted(spans, key=lambda span: span[1] - span[0]):
        inner = (min(best[i, k], best[k, j]) for k in range(i + 1, j))
        best[i, j] = max(alone[i, j], max(inner, default=-math.inf))
    last = len(lefts) - 1
    sides = [sorted((best[0, k], best[k, last])) for k in range(1, last)]
    return np.array([[alone[0, last], *pair] for pair in sides])


def _paths(part: Mask, starts: NDArray[np.int_], reach: int) -> NDArray[np.int_]:
    """For each start the path from top to bottom within `reach` columns of it that crosses the
    least ink, `[n, H]`: its column in each row."""
    tall, wide = part.shape
    offsets = np.arange(-reach, reach + 1)
    columns = starts[:, None] + offsets  # [n, 2 * reach + 1]
    inside = (columns >= 0) & (columns < wide)
    straight = 1e-3 * np.abs(offsets) / reach  # straight where it can be
    cost = np.where(inside[None], part[:, columns.clip(0, wide - 1)] + straight, np.inf)
    total = np.full((tall, len(starts), len(offsets) + 2), np.inf)
    total[0, :, 1:-1] = cost[0]
    for row in range(1, tall):
        above = total[row - 1]
        total[row, :, 1:-1] = cost[row] + np.minimum(
            np.minimum(above[:, :-2], above[:, 1:-1]), above[:, 2:]
        )
    every = np.arange(len(starts))
    place = total[-1].argmin(1)
    paths = np.empty((len(starts), tall), int)
    paths[:, -1] = place
    for row in range(tall - 2, -1, -1):
        near = place[:, None] + np.array([0, -1, 1])
        place = near[every, total[row][every[:, None], near].argmin(1)]
        paths[:, row] = place
    return paths - 1 - reach + starts[:, None]


def _solid_height(side: Mask) -> int:
    """How tall one side of a cut is; 0 if it lies in pieces: the cut went through a digit."""
    import cv2

    count, _, stats, _ = cv2.connectedComponentsWithStats(side.astype(np.uint8), connectivity=8)
    if count < 2:
        return 0
    areas = stats[1:, cv2.CC_STAT_AREA]
    main = int(areas.argmax())
    return int(stats[main + 1, cv2.CC_STAT_HEIGHT]) if areas[main] > 0.9 * areas.sum() else 0
