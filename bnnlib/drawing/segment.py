"""Split what was written into digits: strokes or ink -> one image a digit, in reading order.

Strokes, or connected pieces of ink, that lie above one another or touch as the parts of one digit
do are put together. A piece of ink that is as wide as two digits is cut where one stroke alone
joins two tall parts. How doubtful the split is follows from how near the decisions were.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from bnnlib.drawing.cuts import Mask, Score, cut
from bnnlib.drawing.photo import image_of
from bnnlib.drawing.raster import FIELD, image_from_strokes
from bnnlib.errors import BnnlibError

Box = tuple[float, float, float, float]  # left, top, right, bottom
# Lengths are in units of the tallest piece's height. Chosen on pen digits of writers 19-24 and on
# MNIST's validation digits; docs/drawings.md has the numbers.
OVERLAP = 0.3  # the share of the narrower piece that lies above or below the other, to be one digit
TOUCH = 0.06  # pieces nearer than this touch
TALL = 0.72  # a piece as tall as this is a digit of its own, unless it overlaps another
ROW = 0.35  # a gap between pieces above one another that parts two rows
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
    """Ink `[H, W]` in [0, 1], or a mask of it -> the digits it forms, touching ones cut apart.

    score: how sure a recogniser is that each of some images `[B, 28, 28]` is one digit, `[B]`, at
    most 1. Without it touching digits are cut by their form alone, and fewer are found.
    """
    import cv2

    values = np.asarray(ink, dtype=np.float32)
    if values.ndim != 2:
        raise BnnlibError(f"The ink has shape {list(values.shape)}: expected [H, W].")
    if not values.any():
        return Split(torch.zeros(0, FIELD, FIELD), (), (), 0.0)
    mask = values > 0.3 * float(values.max())
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    _check_count(count - 1)
    pieces, specks = _without_specks([labels == k for k in range(1, count)])
    height = max((_tall(piece) for piece in pieces), default=1)
    # Each piece as it is cut or not, and the pieces that could be cut otherwise.
    margins: list[float] = []
    others: list[tuple[float, int, list[Mask]]] = []
    chosen: list[list[Mask]] = []
    for piece in pieces:
        parts, decided, other = cut(piece, height, lambda part: image_of(values, part), score)
        if other is not None:
            others.append((decided[0], len(chosen), other))
        chosen.append(parts)
        margins += decided
    found = _put_together(values, chosen, specks, margins)
    other_choice = [[piece] for piece in pieces]  # not to cut, or else the likeliest cut
    if len(chosen) == sum(len(parts) for parts in chosen):
        if not others:
            return found
        _, place, parts = max(others, key=lambda one: one[0])
        other_choice[place] = parts
    turned = _put_together(values, other_choice, specks, ())
    alternative = Split(turned.images, turned.boxes, turned.members, 1 - found.doubt)
    return replace(found, alternatives=(alternative, *found.alternatives))


def _put_together(
    values: NDArray[np.float32],
    pieces: list[list[Mask]],
    specks: list[Mask],
    cuts: Sequence[float],
) -> Split:
    """The digits that pieces of ink form, each cut into parts that stay apart."""
    whole = [part for parts in pieces for part in parts]
    of = [number for number, parts in enumerate(pieces) for _ in parts]
    margins = [
        (a, b, -1.0 if of[a] == of[b] else margin)
        for a, b, margin in _margins([_outline(part) for part in whole])
    ]

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

    return _decided(margins, len(whole), split, cuts)


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
    if vertical > ROW * height:
        return min(ROW - vertical / height - 0.1, by_overlap)
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
