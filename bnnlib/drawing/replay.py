"""Replay a drawing along a change: images of it turned, moved, scaled, thicker, erased, noisy.

A drawing's lines are changed in the frame of its 28 x 28 image and drawn anew, so a turned stroke
is as sharp as the first one, and nothing is cut out or centred again. A picture without lines, or
with strokes laid over it, is resampled instead. `morph` goes from one drawing to another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

from bnnlib.drawing.raster import (
    BOX,
    FIELD,
    INK,
    PEN,
    SOFTNESS,
    SUPERSAMPLE,
    image_from_strokes,
)
from bnnlib.drawing.strokes import Stroke, drawn_image, on_sheet
from bnnlib.errors import BnnlibError

MIDDLE = FIELD / 2
THINNEST = 0.3  # pixels of the image; a thinner pen leaves gaps
MORPH_POINTS = 48  # of each line, spread evenly along it
Lines = list[NDArray[np.float64]]


@dataclass(frozen=True)
class Change:
    """A change by its `label` and `unit`; `amounts` `[K]` rise from left to right.

    present: the amount at which nothing is changed.
    """

    label: str
    unit: str
    amounts: NDArray[np.float64]
    present: float = 0.0


CHANGES = {
    "rotate": Change("Rotate", "degrees clockwise", np.linspace(-180, 180, 37)),
    "shift": Change("Shift", "pixels to the right", np.linspace(-12, 12, 25)),
    "scale": Change("Scale", "times as large", np.linspace(0.3, 1.6, 27), 1.0),
    "thicken": Change("Thicken", "pixels added to the pen", np.linspace(-1.5, 5, 27)),
    "erase": Change("Erase", "share erased, the last ink first", np.linspace(0, 1, 26)),
    "noise": Change("Noise", "standard deviation of each pixel", np.linspace(0, 0.8, 21)),
    "morph": Change("Morph", "share of the way to the other drawing", np.linspace(0, 1, 26)),
}


def replay(
    name: str,
    strokes: Sequence[Stroke],
    start: NDArray[np.uint8] | None = None,
    seed: int = 0,
) -> Tensor:
    """The images along the change `name`, float `[K, 28, 28]` in [0, 1], one for each amount.

    start: a picture uint8 `[28, 28]` under the strokes, as in `drawn_image`. seed: of the noise, a
    fixed pattern that grows. Raises BnnlibError for an unknown change, and for "morph", which has a
    function of its own.
    """
    if name not in CHANGES or name == "morph":
        names = ", ".join(sorted(set(CHANGES) - {"morph"}))
        raise BnnlibError(f"There is no change {name!r}: choose one of {names}.")
    amounts = CHANGES[name].amounts
    image = drawn_image(strokes, start)
    if name == "noise":
        generator = torch.Generator().manual_seed(seed)
        pattern = torch.randn(FIELD, FIELD, generator=generator)
        return torch.stack([(image + float(a) * pattern).clamp(0, 1) for a in amounts])
    if start is not None or not image.any():
        return torch.stack([_PICTURE[name](image, float(a)) for a in amounts])
    there = placed(strokes)
    return torch.stack([_LINES[name](there, float(a)) for a in amounts])


def morph(
    strokes: Sequence[Stroke],
    other: Sequence[Stroke],
    start: NDArray[np.uint8] | None = None,
) -> Tensor:
    """The images on the way from one drawing to the other, float `[K, 28, 28]` in [0, 1].

    The lines of both are paired in the order they were drawn; the drawing with fewer lines has its
    longest ones split. Every point goes straight to its partner. With a picture `start` under the
    strokes, or a blank drawing, the one image fades into the other.
    """
    shares = CHANGES["morph"].amounts
    here, there = drawn_image(strokes, start), drawn_image(other)
    if start is not None or not here.any() or not there.any():
        return torch.stack([(1 - float(t)) * here + float(t) * there for t in shares])
    pairs = _paired(placed(strokes).lines, placed(other).lines)
    return torch.stack(
        [image_from_strokes([(1 - t) * a + t * b for a, b in pairs]) for t in shares]
    )


@dataclass(frozen=True)
class Placed:
    """A drawing's `lines` `[n, 2]` where they are in its image, in pixels of the image.

    zoom: the pen and its softness are so many times those of `image_from_strokes`, which scales the
    ink, with its soft edge, into the box.
    """

    lines: Lines
    zoom: float = 1.0

    def render(
        self,
        change: Callable[[Lines], Lines] = lambda lines: lines,
        pen: float = PEN,
        scale: float = 1.0,
    ) -> Tensor:
        """The changed lines drawn where they are -> float `[28, 28]` in [0, 1]."""
        zoom = self.zoom * scale
        sheet = _sheet(change(self.lines), pen * zoom, SOFTNESS * zoom)
        return torch.from_numpy(np.asarray(sheet.reduce(SUPERSAMPLE), dtype=np.float32) / 255)


def placed(strokes: Sequence[Stroke]) -> Placed:
    """The drawing's lines where `drawn_image` put them. Its image must not be blank."""
    lines = [line for stroke in strokes for line in on_sheet(stroke)]
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    extent = float((high - low).max())
    image = drawn_image(strokes)
    if extent == 0 or float(image.sum()) < 1.5 * PEN**2:  # a dot, whose size says nothing
        lines, zoom = [np.full((1, 2), MIDDLE)], 1.0
    else:
        scale = (BOX - PEN) / extent
        lines = [(line - (low + high) / 2) * scale + MIDDLE for line in lines]
        soft = np.asarray(_sheet(lines, PEN, SOFTNESS)) > INK * 255
        rows, columns = np.flatnonzero(soft.any(1)), np.flatnonzero(soft.any(0))
        zoom = BOX * SUPERSAMPLE / float(max(np.ptp(rows), np.ptp(columns)) + 1)
        lines = [(line - MIDDLE) * zoom + MIDDLE for line in lines]
    there = Placed(lines, zoom)
    move = _centre(image) - _centre(there.render())
    return Placed([line + move for line in lines], zoom)


def _sheet(lines: Lines, pen: float, softness: float) -> Image.Image:
    """The lines at `SUPERSAMPLE` times the resolution of the image, with soft edges."""
    side, width = FIELD * SUPERSAMPLE, pen * SUPERSAMPLE
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    for line in lines:
        path = [(x, y) for x, y in line * SUPERSAMPLE]
        draw.line(path, fill=255, width=max(1, round(width)))
        for x, y in path:
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return sheet.filter(ImageFilter.GaussianBlur(softness * SUPERSAMPLE))


def _centre(image: Tensor) -> NDArray[np.float64]:
    """The centre of mass, x and y."""
    mass = image.double().numpy()
    places = np.arange(FIELD) + 0.5
    return np.array([mass.sum(0) @ places, mass.sum(1) @ places]) / mass.sum()


def _turned(lines: Lines, degrees: float) -> Lines:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [(line - MIDDLE) @ turn + MIDDLE for line in lines]


def _erased(lines: Lines, share: float) -> Lines:
    """What is left when the last `share` of the ink's length is taken away; a dot has length 1."""
    lengths = [max(1.0, _length(line)) for line in lines]
    left = (1 - share) * sum(lengths)
    kept: Lines = []
    for line, length in zip(lines, lengths, strict=True):
        if left <= 0:
            break
        along = min(1.0, left / length)
        kept.append(line if along == 1 else _along(line, np.linspace(0, along, MORPH_POINTS)))
        left -= length
    return kept


def _length(line: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def _along(line: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points at these shares of the line's length, `[n, 2]`."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    at = np.concatenate([[0.0], steps.cumsum()])
    if at[-1] == 0:
        return np.repeat(line[:1], len(shares), axis=0)
    return np.stack([np.interp(shares * at[-1], at, line[:, k]) for k in (0, 1)], axis=1)


def _paired(one: Lines, two: Lines) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The lines of two drawings in pairs of equally many points."""
    count = max(len(one), len(two))
    shares = np.linspace(0, 1, MORPH_POINTS)
    pairs = []
    for a, b in zip(_split(one, count), _split(two, count), strict=True):
        p, q = _along(a, shares), _along(b, shares)
        straight, crossed = np.square(p - q).sum(), np.square(p - q[::-1]).sum()
        pairs.append((p, q[::-1] if crossed < straight else q))
    return pairs


def _split(lines: Lines, count: int) -> Lines:
    """The same lines in `count` pieces: the longest is halved until there are enough."""
    lines = list(lines)
    while len(lines) < count:
        longest = max(range(len(lines)), key=lambda k: _length(lines[k]))
        line = lines[longest]
        ends = ((0.0, 0.5), (0.5, 1.0))
        halves = [_along(line, np.linspace(a, b, MORPH_POINTS)) for a, b in ends]
        lines[longest : longest + 1] = halves
    return lines


_LINES: dict[str, Callable[[Placed, float], Tensor]] = {
    "rotate": lambda there, a: there.render(lambda lines: _turned(lines, a)),
    "shift": lambda there, a: there.render(
        lambda lines: [line + np.array([a, 0]) for line in lines]
    ),
    "scale": lambda there, a: there.render(
        lambda lines: [(line - MIDDLE) * a + MIDDLE for line in lines], scale=a
    ),
    "thicken": lambda there, a: there.render(pen=max(THINNEST, PEN + a)),
    "erase": lambda there, a: there.render(lambda lines: _erased(lines, a)),
}


def _warped(image: Tensor, degrees: float = 0, right: float = 0, scale: float = 1) -> Tensor:
    """The picture turned and scaled about its middle, then moved; bilinear, black outside."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    x = -right * 2 / FIELD
    matrix = torch.tensor([[[cos, sin, cos * x], [-sin, cos, -sin * x]]], dtype=torch.float32)
    grid = F.affine_grid(matrix, [1, 1, FIELD, FIELD], align_corners=False)
    return F.grid_sample(image[None, None], grid, align_corners=False)[0, 0].clamp(0, 1)


def _thickened(image: Tensor, pixels: float) -> Tensor:
    """The picture's lines thicker by so many pixels, or thinner: a grey dilation or erosion."""
    steps, sign = abs(pixels) / 2, 1 if pixels > 0 else -1
    now = sign * image
    while steps > 0:
        more = F.max_pool2d(now[None, None], 3, 1, 1)[0, 0]
        now = now + min(1.0, steps) * (more - now)
        steps -= 1
    return (sign * now).clamp(0, 1)


def _wiped(image: Tensor, share: float) -> Tensor:
    """The picture without the lowest `share` of its ink, row by row."""
    ink = image.sum(1)
    above = torch.cumsum(ink, 0) - ink
    left = ((1 - share) * ink.sum() - above) / ink.clamp(min=1e-9)
    return image * left.clamp(0, 1)[:, None]


_PICTURE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "rotate": lambda image, a: _warped(image, degrees=a),
    "shift": lambda image, a: _warped(image, right=a),
    "scale": lambda image, a: _warped(image, scale=a),
    "thicken": _thickened,
    "erase": _wiped,
}
