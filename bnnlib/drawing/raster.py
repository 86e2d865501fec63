"""Make a drawing into a 28 x 28 image in the way that MNIST's images were made.

MNIST's digits were scaled into a box of 20 x 20, with anti-aliasing and their aspect ratio kept.
Then they were moved by whole pixels until their centre of mass was in the middle of the 28 x 28
image (LeCun et al. 1998): row and column 14, counted from 0.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from bnnlib.errors import BnnlibError

FIELD, BOX, CENTRE = 28, 20, 14
INK = 0.02  # less is background; resampling leaves 5 of 255 (0.0196) around a stroke
# How thick and how soft the strokes of a drawing are, in pixels of the image. MNIST's median stroke
# is 2.3 pixels wide. Chosen on pen digits of 6 people: docs/drawings.md has the table.
PEN, SOFTNESS = 2.0, 0.45
SUPERSAMPLE = 12


def image_from_canvas(rgba: ArrayLike) -> Tensor:
    """White-on-black canvas pixels, uint8 RGBA `[H, W, 4]` -> float `[28, 28]` in [0, 1].

    A blank canvas gives zeros. Transparent pixels count as background. Raises BnnlibError for an
    array of another shape.
    """
    pixels = np.asarray(rgba)
    if pixels.ndim != 3 or pixels.shape[2] != 4 or 0 in pixels.shape:
        raise BnnlibError(
            f"The canvas has shape {list(pixels.shape)}: "
            "expected [H, W, 4] (red, green, blue, alpha)."
        )
    rgb, alpha = pixels[..., :3].astype(np.float32), pixels[..., 3].astype(np.float32)
    return image_from_ink(rgb.mean(-1) * alpha / 255**2)


def image_from_strokes(
    strokes: Sequence[ArrayLike],
    pen: float = PEN,
    softness: float = SOFTNESS,
    supersample: int = SUPERSAMPLE,
) -> Tensor:
    """Pen strokes, each `[n, 2]` x-y points with y down and any unit -> float `[28, 28]` in [0, 1].

    pen: how thick a stroke is drawn, in pixels of the image, whatever the drawing's size.
    softness: the standard deviation of the blur at its edges, in the same pixels.
    supersample: pixels of the sheet to one of the image; a third as many take a fifth of the time.
    A drawing without extent is a dot as large as the pen.
    Raises BnnlibError for a stroke of another shape or not finite, and for a pen outside (0, 10].
    """
    if not (0 < pen <= BOX / 2 and 0 <= softness <= BOX / 2):
        raise BnnlibError(
            f"The pen is {pen} pixels thick and {softness} soft: "
            f"expected more than 0 and at least 0, both at most {BOX // 2}."
        )
    lines = [line for stroke in strokes if len(line := _points(stroke))]
    if not lines:
        return torch.zeros(FIELD, FIELD)
    points = np.concatenate(lines)
    low, extent = points.min(0), float(np.ptp(points, axis=0).max())
    scale = (BOX - pen) * supersample / extent if extent else 1.0
    width, margin = pen * supersample, round(3 * softness * supersample)
    side = BOX * supersample + 2 * margin
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    for line in lines:
        path = [(x, y) for x, y in (line - low) * scale + width / 2 + margin]
        draw.line(path, fill=255, width=round(width))
        for x, y in path:  # round ends and joints
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    if softness:
        sheet = sheet.filter(ImageFilter.GaussianBlur(softness * supersample))
    return image_from_ink(
        np.asarray(sheet, dtype=np.float32) / 255, dot=1 / supersample if not extent else None
    )


def _points(stroke: ArrayLike) -> NDArray[np.float64]:
    try:
        line = np.asarray(stroke, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BnnlibError(
            "A stroke is ragged or holds no numbers: expected [n, 2] finite x-y points."
        ) from error
    if line.size == 0:
        return np.empty((0, 2))
    if line.ndim != 2 or line.shape[1] != 2:
        raise BnnlibError(
            f"A stroke has shape {list(line.shape)}: expected [n, 2] finite x-y points."
        )
    if not (np.abs(line) < 1e9).all():
        raise BnnlibError(
            "A stroke has a point that is not finite or beyond a billion: "
            "expected [n, 2] finite x-y points."
        )
    return line


def image_from_file(path: str) -> tuple[Tensor, str | None]:
    """A picture or photograph of a digit -> (float `[28, 28]` in [0, 1], a note on it or None).

    Dark on light or light on dark, in any light: `bnnlib.drawing.photo.read_photo` shows the steps.
    Raises BnnlibError for a file that is missing or no picture.
    """
    from bnnlib.drawing.photo import read_photo  # here, not above: it rests on this file

    steps = read_photo(path)
    return steps.image, "; ".join(steps.notes) or None


def image_from_ink(ink: NDArray[np.floating], dot: float | None = None) -> Tensor:
    """Ink `[H, W]` in [0, 1] -> `[28, 28]`: cut out, scaled into the box of 20, centred by mass.

    dot: the ink is a single dot, scaled by this and not up to the box.
    """
    rows, columns = np.flatnonzero((ink > INK).any(1)), np.flatnonzero((ink > INK).any(0))
    if not len(rows):
        return torch.zeros(FIELD, FIELD)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = dot or BOX / max(cut.shape)
    # Rounded up to whole pixels of the image, so that a narrow digit is not stretched or squeezed.
    height, width = (max(1, math.ceil(side * scale - 0.02)) for side in cut.shape)
    pad = [round(to / scale) - side for to, side in zip((height, width), cut.shape, strict=True)]
    cut = np.pad(cut, [(max(0, p) // 2, max(0, p) - max(0, p) // 2) for p in pad])
    small = np.asarray(
        Image.fromarray(np.ascontiguousarray(cut, dtype=np.float32)).resize(
            (width, height), Image.Resampling.HAMMING
        )
    )
    return torch.from_numpy(_centred(np.clip(small, 0, 1)))


def _centred(small: NDArray[np.floating]) -> NDArray[np.floating]:
    total = small.sum()
    placed = []
    for axis in (0, 1):
        mass = small.sum(1 - axis)
        middle = (len(mass) - 1) / 2
        centre = float((mass * np.arange(len(mass))).sum() / total) if total else middle
        placed.append(int(np.clip(round(CENTRE - centre), 0, FIELD - len(mass))))
    field = np.zeros((FIELD, FIELD), np.float32)
    field[placed[0] : placed[0] + small.shape[0], placed[1] : placed[1] + small.shape[1]] = small
    return field
