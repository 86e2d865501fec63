"""Split what was written into digits: strokes or ink -> one image a digit, in reading order.

Strokes, or connected pieces of ink, that lie above one another or touch as the parts of one digit
do are put together. A piece of ink that is as wide as two digits is cut where one stroke alone
joins two tall parts. How doubtful the split is follows from how near the decisions were.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bnnlib.drawing.photo import image_of
from bnnlib.drawing.raster import FIELD, image_from_strokes
from bnnlib.errors import BnnlibError

Box = tuple[float, float, float, float]  # left, top, right, bottom
Mask = NDArray[np.bool_]
Score = Callable[[Tensor], Tensor]  # images `[B, 28, 28]` -> how sure each is a digit, `[B]`

# Lengths are in units of the tallest piece's height. Chosen on pen digits of writers 19-24 and on
# MNIST's validation digits; docs/drawings.md has the numbers.
OVERLAP = 0.3  # the share of the narrower piece that lies above or below the other, to be one digit
TOUCH = 0.06  # pieces nearer than this touch
TALL = 0.72  # a piece as tall as this is a digit of its own, unless it overlaps another
ROW = 0.35  # a gap between pieces above one another that parts two rows
WIDE = 0.6  # a piece of ink narrower than this is not cut
# Whether a piece is cut: a logistic regression fitted on 1,000 single MNIST training images and 300
# pairs that touch. Its terms: width / height, ink crossed / pen, times crossed, height of the
# shorter side / height, the smaller side's share of the ink. Fewer than 1 in 100 is cut.
CUT = (1.31, -1.35, -0.08, 8.85, 6.72)
CUT_LIMIT = 10.9
CUT_SCALE = 4.0  # what brings the regression's units to those of the other decisions
SOFT = 0.35  # how fast the doubt falls with the distance of a decision from its limit
MAX_PIECES = 200
ALTERNATIVES = 2


@dataclass(frozen=True)
class Split:
    """Digits in reading order: `images` float `[n, 28, 28]`, `boxes` (left, top, right, bottom) in
    the units of what was split, `members` the strokes' numbers or, for ink, the digits' masks.

    doubt: in [0, 1], 1 where the other choice was as good. alternatives: other splits, the
    likeliest first, without alternatives of their own.
    """

    images: Tensor
    boxes: tuple[Box, ...]
    members: tuple[tuple[int, ...], ...] | tuple[Mask, ...]
    doubt: float
    alternatives: tuple["Split", ...] = ()


def segment_strokes(strokes: Sequence[ArrayLike]) -> Split:
    """Strokes, each `[n, 2]` x-y points with y down -> the digits they form.

    A stroke is never cut. Raises BnnlibError for a stroke of another shape or not finite.
    """
    lines = []
    for stroke in strokes:
        line = np.asarray(stroke, dtype=np.float64)
        if line.ndim != 2 or line.shape[1] != 2 or not len(line) or not np.isfinite(line).all():
            raise BnnlibError(
                f"A stroke has shape {list(line.shape)}: expected [n, 2] finite x-y points."
            )
        lines.append(line)
    _check_count(len(lines))
    dense = [_dense(line) for line in lines]
    margins = _margins(dense)

    def split(groups: list[list[int]], doubt: float) -> Split:
        boxes = [_box(np.concatenate([lines[k] for k in group])) for group in groups]
        order = _reading_order(boxes)
        images = [image_from_strokes([lines[k] for k in groups[n]]) for n in order]
        return Split(
            torch.stack(images) if images else torch.zeros(0, FIELD, FIELD),
            tuple(boxes[n] for n in order),
            tuple(tuple(groups[n]) for n in order),
            doubt,
        )

    return _decided(margins, len(lines), split)


def segment_ink(ink: NDArray[np.floating] | Mask, score: Score | None = None) -> Split:
    """Ink `[H, W]` in [0, 1], or a mask of it -> the digits it forms, touching ones cut apart."""
    import cv2

    values = np.asarray(ink, dtype=np.float32)
    if values.ndim != 2:
        raise BnnlibError(f"The ink has shape {list(values.shape)}: expected [H, W].")
    mask = values > 0.3 * float(values.max(initial=0)) if values.any() else values > 0
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    _check_count(count - 1)
    pieces = [labels == k for k in range(1, count)]
    pieces, specks = _without_specks(pieces)
    cuts: list[float] = []
    height = max((_tall(piece) for piece in pieces), default=1)
    whole: list[Mask] = []
    for piece in pieces:
        parts, margin = _cut(piece, height)
        whole += parts
        cuts += margin
    outlines = [_outline(piece) for piece in whole]
    margins = _margins(outlines)
    # What a cut parted stays apart.
    of = [next(k for k, piece in enumerate(pieces) if piece[part].any()) for part in whole]
    margins = [(a, b, -1.0 if of[a] == of[b] else margin) for a, b, margin in margins]

    def split(groups: list[list[int]], doubt: float) -> Split:
        masks = [np.logical_or.reduce([whole[k] for k in group]) for group in groups]
        for speck in specks:
            masks[_nearest(speck, masks)] |= speck
        boxes = [_box(_points(one)) for one in masks]
        order = _reading_order(boxes)
        images = [image_of(values, masks[n]) for n in order]
        return Split(
            torch.stack(images) if images else torch.zeros(0, FIELD, FIELD),
            tuple(boxes[n] for n in order),
            tuple(masks[n] for n in order),
            doubt,
        )

    decided = _decided(margins, len(whole), split, cuts)
    if len(whole) > len(pieces):  # the other choice is not to cut
        uncut = [[k for k, number in enumerate(of) if number == n] for n in range(len(pieces))]
        other = split(uncut, 1 - decided.doubt)
        decided = Split(
            decided.images,
            decided.boxes,
            decided.members,
            decided.doubt,
            (other, *decided.alternatives),
        )
    return decided


def _check_count(count: int) -> None:
    if count > MAX_PIECES:
        raise BnnlibError(
            f"The drawing has {count:,} pieces: expected at most {MAX_PIECES}, a few digits."
        )


def _decided(
    margins: list[tuple[int, int, float]],
    count: int,
    split: Callable[[list[list[int]], float], Split],
    cuts: Sequence[float] = (),
) -> Split:
    """Pieces joined where the margin is positive; the nearest decision turned is an alternative."""
    groups = _groups(margins, count)
    # Only decisions that would change the groups count: others join what is joined anyway.
    turned: list[tuple[float, list[list[int]]]] = []
    of = {piece: number for number, group in enumerate(groups) for piece in group}
    needed = _forest(margins, count)
    for place in sorted(range(len(margins)), key=lambda k: abs(margins[k][2])):
        a, b, margin = margins[place]
        if place not in needed if margin > 0 else of[a] == of[b]:
            continue
        changed = [*margins[:place], (a, b, -margin), *margins[place + 1 :]]
        other = _groups(changed, count)
        if other != groups and all(other != known for _, known in turned):
            turned.append((_closeness(margin), other))
        if len(turned) == ALTERNATIVES:
            break
    doubts = [closeness for closeness, _ in turned] + [_closeness(margin) for margin in cuts]
    alternatives = tuple(split(other, closeness) for closeness, other in turned)
    chosen = split(groups, max(doubts, default=0.0))
    return Split(chosen.images, chosen.boxes, chosen.members, chosen.doubt, alternatives)


def _closeness(margin: float) -> float:
    """1 for a decision at its limit, falling to 0 with its distance from it."""
    return math.exp(-abs(margin) / SOFT)


def _margins(pieces: Sequence[NDArray[np.float64]]) -> list[tuple[int, int, float]]:
    """For every two pieces, points `[n, 2]`, by how much they are one digit (positive) or two."""
    if len(pieces) < 2:
        return []
    boxes = [_box(piece) for piece in pieces]
    height = max(max(bottom - top for _, top, _, bottom in boxes), 1e-9)
    found = []
    for a in range(len(pieces)):
        for b in range(a + 1, len(pieces)):
            found.append((a, b, _margin(pieces[a], pieces[b], boxes[a], boxes[b], height)))
    return found


def _margin(
    one: NDArray[np.float64], other: NDArray[np.float64], a: Box, b: Box, height: float
) -> float:
    vertical = max(a[1], b[1]) - min(a[3], b[3])
    if vertical > ROW * height:
        return -(vertical / height - ROW) - 0.1
    least = 0.12 * height  # an upright line has no width of its own
    narrow = max(least, min(a[2] - a[0], b[2] - b[0]))
    overlap = (min(a[2], b[2]) - max(a[0], b[0])) / narrow
    if min(a[2] - a[0], b[2] - b[0]) < least and overlap > -0.5:
        centre = (a[0] + a[2]) / 2 if a[2] - a[0] < b[2] - b[0] else (b[0] + b[2]) / 2
        wide = b if a[2] - a[0] < b[2] - b[0] else a
        inside = min(centre - wide[0], wide[2] - centre) / least
        overlap = max(overlap, 0.5 + inside) if inside > 0 else overlap
    short = min(a[3] - a[1], b[3] - b[1]) / height
    by_overlap = min(1.0, overlap) - OVERLAP
    # Touching parts are one digit if one of them is short: the hat of a 5, the hook of a 4.
    gap = math.hypot(max(0.0, max(a[0], b[0]) - min(a[2], b[2])), max(0.0, vertical)) / height
    if min((TOUCH - gap) * 6, (TALL - short) * 2) <= by_overlap:
        return by_overlap  # the boxes alone say it: the ink is no nearer than they are
    by_touch = min((TOUCH - _distance(one, other) / height) * 6, (TALL - short) * 2)
    return max(by_overlap, by_touch)


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = (p[:: max(1, len(p) // 150)] for p in (one, other))
    return float(np.sqrt(((one[:, None] - other[None]) ** 2).sum(-1)).min())


def _groups(margins: list[tuple[int, int, float]], count: int) -> list[list[int]]:
    parent = list(range(count))
    for a, b, margin in margins:
        if margin > 0:
            parent[_root(parent, b)] = _root(parent, a)
    groups: dict[int, list[int]] = {}
    for k in range(count):
        groups.setdefault(_root(parent, k), []).append(k)
    return sorted(groups.values())


def _forest(margins: list[tuple[int, int, float]], count: int) -> set[int]:
    """The places of the joins that are enough to hold each group together."""
    parent = list(range(count))
    needed = set()
    for place, (a, b, margin) in enumerate(margins):
        if margin > 0 and _root(parent, a) != _root(parent, b):
            parent[_root(parent, b)] = _root(parent, a)
            needed.add(place)
    return needed


def _root(parent: list[int], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


def _reading_order(boxes: Sequence[Box]) -> list[int]:
    """From left to right, a row after the other."""
    rows: list[list[int]] = []
    for n in sorted(range(len(boxes)), key=lambda n: (boxes[n][1] + boxes[n][3]) / 2):
        middle = (boxes[n][1] + boxes[n][3]) / 2
        for row in rows:
            if any(boxes[k][1] <= middle <= boxes[k][3] for k in row):
                row.append(n)
                break
        else:
            rows.append([n])
    return [n for row in rows for n in sorted(row, key=lambda n: boxes[n][0])]


def _dense(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with points along its long segments, for distances."""
    if len(line) < 2:
        return line
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0], steps.cumsum()])
    places = np.linspace(0, along[-1], max(2, min(150, 4 * len(line))))
    return np.stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)], 1)


def _box(points: NDArray[np.float64]) -> Box:
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    return left, top, right, bottom


def _points(mask: Mask) -> NDArray[np.float64]:
    return np.argwhere(mask)[:, ::-1].astype(np.float64)


def _tall(mask: Mask) -> int:
    rows = np.flatnonzero(mask.any(1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0


def _outline(mask: Mask) -> NDArray[np.float64]:
    import cv2

    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.concatenate([contour[:, 0] for contour in found]).astype(np.float64)


def _without_specks(pieces: list[Mask]) -> tuple[list[Mask], list[Mask]]:
    """The pieces that can be parts of a digit, and the others, which go with their neighbours."""
    if not pieces:
        return [], []
    largest = max(piece.sum() for piece in pieces)
    height = max(_tall(piece) for piece in pieces)
    own = [p.sum() > 0.04 * largest or _tall(p) > 0.3 * height for p in pieces]
    return (
        [piece for piece, yes in zip(pieces, own, strict=True) if yes],
        [piece for piece, yes in zip(pieces, own, strict=True) if not yes],
    )


def _nearest(speck: Mask, masks: Sequence[Mask]) -> int:
    spot = _points(speck)
    return int(np.argmin([_distance(spot, _outline(mask)) for mask in masks]))


def _cut(piece: Mask, height: int, depth: int = 3) -> tuple[list[Mask], list[float]]:
    """A piece of ink as one digit or several, and how far each decision was from its limit.

    A cut follows the path from top to bottom that crosses the least ink.
    """
    import cv2

    rows, columns = np.flatnonzero(piece.any(1)), np.flatnonzero(piece.any(0))
    part = piece[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall, wide = part.shape
    aspect = wide / max(tall, 1)
    if depth == 0 or aspect < WIDE or tall < 0.6 * height or min(part.shape) < 6:
        return [piece], []
    padded = np.pad(part, 1).astype(np.uint8)
    depths = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    ridge = depths[(depths > 0) & (depths >= cv2.dilate(depths, np.ones((3, 3), np.uint8)))]
    pen = max(1.0, 2 * float(np.median(ridge)) - 1)
    best: tuple[float, Mask] | None = None
    for start in range(int(0.12 * wide), int(0.88 * wide) + 1, max(1, round(pen / 2))):
        seam, crossed, runs = _seam(part, start, reach=max(1, round(0.12 * tall)))
        left = part & (np.arange(wide)[None] <= seam[:, None])
        right = part & ~left
        shorter = min(_solid_height(left), _solid_height(right)) / tall
        if not shorter:
            continue
        smaller = min(left.sum(), right.sum()) / part.sum()
        terms = (aspect, crossed / pen, runs, shorter, smaller)
        margin = (float(np.dot(CUT, terms)) - CUT_LIMIT) / CUT_SCALE
        if best is None or margin > best[0]:
            best = margin, left
    if best is None or best[0] <= 0:
        return [piece], [best[0]] if best else []
    found: list[Mask] = []
    margins = [best[0]]
    for side in (best[1], part & ~best[1]):
        full = np.zeros_like(piece)
        full[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = side
        parts, more = _cut(full, height, depth - 1)
        found += parts
        margins += [margin for margin in more if margin > 0]
    return found, margins


def _seam(part: Mask, start: int, reach: int) -> tuple[NDArray[np.int_], float, int]:
    """The path from top to bottom within `reach` columns of `start` that crosses the least ink;
    how much that is, and in how many places."""
    low, high = max(0, start - reach), min(part.shape[1], start + reach + 1)
    cost = part[:, low:high].astype(np.float64)
    cost += 1e-3 * np.abs(np.arange(low, high) - start)[None] / reach  # straight where it can be
    total = cost.copy()
    for row in range(1, len(cost)):
        above = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(above[:-2], above[1:-1]), above[2:])
    seam = np.empty(len(cost), int)
    seam[-1] = int(total[-1].argmin())
    for row in range(len(cost) - 2, -1, -1):
        near = range(max(0, seam[row + 1] - 1), min(cost.shape[1], seam[row + 1] + 2))
        seam[row] = min(near, key=lambda column: total[row, column])
    crossed = part[np.arange(len(cost)), seam + low]
    runs = int(np.diff(crossed.astype(int), prepend=0).clip(0).sum())
    return seam + low, float(crossed.sum()), runs


def _solid_height(side: Mask) -> int:
    """How tall one side of a cut is; 0 if it lies in pieces: the cut went through a digit."""
    import cv2

    count, _, stats, _ = cv2.connectedComponentsWithStats(side.astype(np.uint8), connectivity=8)
    if count < 2:
        return 0
    areas = stats[1:, cv2.CC_STAT_AREA]
    main = int(areas.argmax())
    return int(stats[main + 1, cv2.CC_STAT_HEIGHT]) if areas[main] > 0.9 * areas.sum() else 0
