"""Pen strokes on a square sheet: kept small, shown as the canvas shows them, made into an image.

A drawing is a list of strokes on a sheet of `SHEET` x `SHEET` pixels, x to the right and y down.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from bnnlib.drawing.raster import FIELD, image_from_strokes
from bnnlib.errors import BnnlibError

SHEET = 280
WIDTHS = (4, 60)
# Pixels of the sheet by which thinning may move a line. A drawing as large as the sheet is scaled
# from 280 to 20 pixels, so this is 1/14 of a pixel of its image.
TOLERANCE = 1.0
OFFSET, LIMIT = 1024, 4096  # a number in the text form has 12 bits: -1,024 to 3,071
SUPERSAMPLE = 2
DOT = 4  # pixels of the sheet: a smaller drawing is a dot


@dataclass(frozen=True)
class Stroke:
    """One line of the pen: its integer `points` ((x, y), ...) and its `width`, in sheet pixels."""

    points: tuple[tuple[int, int], ...]
    width: int = 20


def make_stroke(points: ArrayLike, width: float = 20) -> Stroke:
    """A stroke from points `[n, 2]`, rounded to whole pixels and thinned.

    To do it again changes nothing. Raises BnnlibError for points of another shape or not finite,
    and for a width that is no number.
    """
    line = np.asarray(points, dtype=np.float64)
    if not math.isfinite(width):
        raise BnnlibError(f"A stroke has the width {width}: expected a number of pixels.")
    if line.ndim != 2 or line.shape[1] != 2 or not len(line) or not np.isfinite(line).all():
        raise BnnlibError(
            f"A stroke has shape {list(line.shape)}: "
            "expected [n, 2] finite x-y points, at least one."
        )
    whole = np.clip(np.rint(line), -OFFSET, LIMIT - OFFSET - 1).astype(int)
    moved = np.concatenate([[True], (np.diff(whole, axis=0) != 0).any(1)])
    kept = _thinned(whole[moved])
    return Stroke(tuple((int(x), int(y)) for x, y in kept), int(np.clip(round(width), *WIDTHS)))


def _thinned(line: NDArray[np.int_]) -> NDArray[np.int_]:
    """Drop points as long as the line moves by no more than the tolerance.

    The algorithm is that of Ramer (1972) and of Douglas & Peucker (1973).
    """
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord, inner = line[last] - line[first], line[first + 1 : last] - line[first]
        squared = float(chord @ chord)
        along = np.clip(inner @ chord / squared, 0, 1) if squared else np.zeros(len(inner))
        distance = np.linalg.norm(inner - along[:, None] * chord, axis=1)
        farthest = int(distance.argmax())
        if distance[farthest] > TOLERANCE:
            middle = first + 1 + farthest
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return line[keep]


def ink(strokes: Sequence[Stroke]) -> NDArray[np.float32]:
    """The sheet as drawn with a round pen, `[SHEET, SHEET]` in [0, 1].

    What lies outside the sheet is lost.
    """
    side = SHEET * SUPERSAMPLE
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    for stroke in strokes:
        radius = stroke.width * SUPERSAMPLE / 2
        path = [(x * SUPERSAMPLE, y * SUPERSAMPLE) for x, y in stroke.points]
        draw.line(path, fill=255, width=round(2 * radius))
        for x, y in path:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return (np.asarray(sheet.reduce(SUPERSAMPLE)) / 255).astype(np.float32)


def drawn_image(strokes: Sequence[Stroke], start: NDArray[np.uint8] | None = None) -> Tensor:
    """The image the network sees, float `[28, 28]` in [0, 1].

    Without `start` the image is built from the strokes' lines as MNIST made its own: the drawing's
    size and place and the pen's width do not matter. With `start`, an image uint8 `[28, 28]`, the
    strokes are laid over it where they are, ten pixels of the sheet to one of the image, as thick
    as they were drawn, and nothing is moved or scaled. What leaves the sheet is lost.
    """
    if start is None:
        return _rebuilt(strokes)
    cell = SHEET // FIELD
    over = ink(strokes).reshape(FIELD, cell, FIELD, cell).mean((1, 3))
    return torch.from_numpy(np.maximum(start.astype(np.float32) / 255, over))


def _rebuilt(strokes: Sequence[Stroke]) -> Tensor:
    lines = [line for stroke in strokes for line in on_sheet(stroke)]
    if not lines:
        return torch.zeros(FIELD, FIELD)
    points = np.concatenate(lines)
    pen = max(stroke.width for stroke in strokes)
    if np.ptp(points, axis=0).max() < max(DOT, pen / 2):  # a touch of the pen, no figure
        lines = [points.mean(0, keepdims=True)]
    return image_from_strokes(lines)


def on_sheet(stroke: Stroke) -> list[NDArray[np.float64]]:
    """The parts of the pen's line on the sheet, each `[n, 2]` (Liang & Barsky 1984)."""
    points = np.array(stroke.points, dtype=np.float64)
    if points.min() >= 0 and points.max() <= SHEET:
        return [points]
    parts: list[list[NDArray[np.float64]]] = []
    for start, end in pairwise(points):
        step = end - start
        enter, leave = 0.0, 1.0
        for place, move in zip(start, step, strict=True):
            if move:
                near, far = sorted((-place / move, (SHEET - place) / move))
                enter, leave = max(enter, near), min(leave, far)
            elif not 0 <= place <= SHEET:
                leave = -1.0
        if enter > leave:
            continue
        first, last = start + enter * step, start + leave * step
        if not parts or enter > 0 or not np.array_equal(parts[-1][-1], first):
            parts.append([first])
        parts[-1].append(last)
    return [np.array(part) for part in parts]
