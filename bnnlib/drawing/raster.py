"""Make a drawing into a 28 x 28 image in the way that MNIST's images were made.

MNIST's digits were scaled into a box of 20 x 20, with anti-aliasing and their aspect ratio kept.
Then they were moved by whole pixels until their centre of mass was in the middle of the 28 x 28
image (LeCun et al. 1998): row and column 14, counted from 0.
"""

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps, UnidentifiedImageError
from torch import Tensor

from bnnlib.errors import BnnlibError

FIELD, BOX, CENTRE = 28, 20, 14
INK = 0.02  # darker than this is background: below the 5 of 255 that resampling leaves around a stroke
# How thick and how soft the strokes of a drawing are, in pixels of the image. MNIST's median stroke
# is 2.3 pixels wide. Chosen on pen digits of 6 people: docs/drawings.md has the table.
PEN, SOFTNESS = 2.0, 0.45
SUPERSAMPLE = 12
MAX_SIDE = 2_048  # a picture with a longer side is scaled down first
MAX_PIXELS = 100_000_000  # a picture with more is refused


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
    strokes: Sequence[ArrayLike], pen: float = PEN, softness: float = SOFTNESS
) -> Tensor:
    """Pen strokes, each `[n, 2]` x-y points with y down and any unit -> float `[28, 28]` in [0, 1].

    pen: how thick a stroke is drawn, in pixels of the image, whatever the drawing's size.
    softness: the standard deviation of the blur at its edges, in the same pixels.
    A drawing without extent is a dot as large as the pen.
    Raises BnnlibError for a stroke of another shape or not finite, and for a pen outside (0, 10].
    """
    if not (0 < pen <= BOX / 2 and 0 <= softness <= BOX / 2):
        raise BnnlibError(
            f"The pen is {pen} pixels thick and {softness} soft: expected more than 0 and at least 0,"
            f" both at most {BOX // 2}."
        )
    lines = [line for stroke in strokes if len(line := _points(stroke))]
    if not lines:
        return torch.zeros(FIELD, FIELD)
    points = np.concatenate(lines)
    low, extent = points.min(0), float(np.ptp(points, axis=0).max())
    scale = (BOX - pen) * SUPERSAMPLE / extent if extent else 1.0
    width, margin = pen * SUPERSAMPLE, round(3 * softness * SUPERSAMPLE)
    side = BOX * SUPERSAMPLE + 2 * margin
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    for line in lines:
        path = [(x, y) for x, y in (line - low) * scale + width / 2 + margin]
        draw.line(path, fill=255, width=round(width))
        for x, y in path:  # round ends and joints
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    if softness:
        sheet = sheet.filter(ImageFilter.GaussianBlur(softness * SUPERSAMPLE))
    return image_from_ink(np.asarray(sheet, dtype=np.float32) / 255, dot=not extent)


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
    """A picture file as an image `[28, 28]` in [0, 1], and a note on what was done, or None.

    The picture may have any size and be dark on light or light on dark; the background is what is
    at its border. Raises BnnlibError for a file that is missing or not a picture.
    """
    notes = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit follows
            opened = Image.open(path)
        with opened as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            if max(picture.size) > MAX_SIDE:
                notes.append(
                    f"{path} is {picture.width} x {picture.height} pixels and was scaled down"
                )
            if picture.has_transparency_data:
                notes.append(
                    f"{path} has an alpha channel: what is transparent counts as background"
                )
            ImageOps.exif_transpose(picture, in_place=True)  # a photograph may be stored rotated
            ink = _ink_of(picture)
    except FileNotFoundError:
        raise BnnlibError(f"There is no file {path}.") from None
    except UnidentifiedImageError:
        raise BnnlibError(
            f"{path} is no picture that can be read: give a PNG or JPEG file."
        ) from None
    except Image.DecompressionBombError:
        raise BnnlibError(
            f"{path} has more than 100 million pixels: scale it down first."
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BnnlibError(
            f"{path} cannot be read as a picture ({error}): give a PNG or JPEG file."
        ) from error
    return image_from_ink(ink), "; ".join(notes) or None


def _ink_of(picture: Image.Image) -> NDArray[np.floating]:
    """How much each pixel differs from the background at the border, [0, 1]."""
    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = (
            picture.convert("F").point(lambda v: v / 256).convert("L")
            if picture.mode.startswith("I")
            else picture.convert("RGB")
        )
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX, reducing_gap=None)
    if picture.mode == "RGBA":
        grey, alpha = (
            np.asarray(band, dtype=np.float32) / 255
            for band in (picture.convert("RGB").convert("L"), picture.getchannel("A"))
        )
        if (_border(alpha) > 0.5).mean() < 0.5:  # the background is transparent
            # What is opaque is ink; if it has several shades, the brighter ones are.
            opaque = alpha > 0.5
            plain = not opaque.any() or np.ptp(grey[opaque]) < 0.1
            return alpha if plain else alpha * grey
        grey = grey * alpha + np.median(_border(grey)) * (1 - alpha)
    else:
        grey = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    ink = np.abs(grey - np.median(_border(grey)))
    peak = ink.max()
    if peak <= 0.1:
        return np.zeros_like(ink)
    return np.where(ink < 0.15 * peak, 0, ink / peak).astype(np.float32)


def _border(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def image_from_ink(ink: NDArray[np.floating], dot: bool = False) -> Tensor:
    """Ink `[H, W]` in [0, 1] -> `[28, 28]`: cut out, scaled into the box of 20, centred by mass.

    dot: the ink is a single dot, which is not scaled up to the box.
    """
    rows, columns = np.flatnonzero((ink > INK).any(1)), np.flatnonzero((ink > INK).any(0))
    if not len(rows):
        return torch.zeros(FIELD, FIELD)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 1 / SUPERSAMPLE if dot else BOX / max(cut.shape)
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
