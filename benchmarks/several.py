"""Pictures of two or three digits side by side, made from single ones, to measure their split."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from bnnlib.drawing.cuts import Score
from bnnlib.drawing.segment import Split, segment_ink, segment_strokes

Strokes = Sequence[NDArray[np.float64]]
HEIGHT = 100.0  # units of a digit's height
GAPS, OVERLAPS = (0.1, 0.5), (-0.06, 0.0)  # between digits, in heights: spaced and touching ones


def strokes_side_by_side(
    digits: Sequence[Strokes], random: np.random.Generator, touching: bool
) -> tuple[list[NDArray[np.float64]], list[tuple[int, ...]]]:
    """Strokes of digits written after each other, and which strokes form each digit."""
    place = 0.0
    drawn: list[NDArray[np.float64]] = []
    owners: list[tuple[int, ...]] = []
    for number, strokes in enumerate(digits):
        points = np.concatenate(strokes)
        extent = max(float(np.ptp(points[:, 1])), 0.4 * float(np.ptp(points[:, 0])), 1e-9)
        scale = HEIGHT * random.uniform(0.85, 1.15) / extent
        moved = [(stroke - points.min(0)) * scale for stroke in strokes]
        right, bottom = np.concatenate(moved).max(0)
        if number:
            place += random.uniform(*(OVERLAPS if touching else GAPS)) * HEIGHT
        down = random.uniform(-8, 8) + HEIGHT - bottom
        owners.append(tuple(range(len(drawn), len(drawn) + len(moved))))
        drawn += [stroke + np.array([place, down]) for stroke in moved]
        place += right
    return drawn, owners


def ink_side_by_side(
    images: Sequence[NDArray[np.uint8]], random: np.random.Generator, touching: bool
) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """MNIST images written after each other, four times enlarged: the ink `[H, W]`, and the first
    and last column of each digit. Touching ones are pushed together until they meet."""
    side = 112
    sheet = np.zeros((side + 48, side * len(images) + 200))
    place, columns = 20, []
    for number, image in enumerate(images):
        digit = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        rows, inked = np.flatnonzero((digit > 76).any(1)), np.flatnonzero((digit > 76).any(0))
        digit = digit[rows[0] : rows[-1] + 1, inked[0] : inked[-1] + 1] / 255
        height, width = digit.shape
        top = 40 + (80 - height) // 2 + int(random.integers(-6, 7))
        if number and touching:
            while (
                place > 0
                and not (
                    (sheet[top : top + height, place : place + width] > 0.3) & (digit > 0.3)
                ).any()
            ):
                place -= 1
            place = max(0, place - int(random.integers(0, 5)))
        elif number:
            place += int(random.uniform(*GAPS) * 80)
        part = sheet[top : top + height, place : place + width]
        np.maximum(part, digit, out=part)
        columns.append((place, place + width - 1))
        place += width
    return sheet, columns


def strokes_as_ink(
    strokes: Strokes, owners: Sequence[tuple[int, ...]], pen: int = 9
) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """The strokes drawn with a pen of `pen` pixels, 80 pixels to a digit's height, as
    `ink_side_by_side` gives ink."""
    lines = [np.asarray(stroke) * 0.8 for stroke in strokes]
    margin = 20 - np.concatenate(lines).min(0)
    lines = [line + margin for line in lines]
    width, height = np.ceil(np.concatenate(lines).max(0) + 20).astype(int).tolist()
    sheet = Image.new("L", (width, height))
    draw = ImageDraw.Draw(sheet)
    for line in lines:
        draw.line([(x, y) for x, y in line], fill=255, width=pen, joint="curve")
    columns = []
    for owned in owners:
        across = np.concatenate([lines[k] for k in owned])[:, 0]
        columns.append((int(across.min() - pen / 2), int(across.max() + pen / 2)))
    return np.asarray(sheet) / 255, columns


def split_strokes(
    digits: Sequence[Strokes], random: np.random.Generator, touch: bool
) -> tuple[Split, bool]:
    """How strokes side by side split, and whether every stroke goes to its digit."""
    strokes, owners = strokes_side_by_side(digits, random, touch)
    split = segment_strokes(strokes)
    return split, list(split.members) == owners


def split_ink(
    ink: NDArray[np.float64], columns: Sequence[tuple[int, int]], score: Score | None = None
) -> tuple[Split, bool]:
    """How ink splits whose digits have these first and last columns, and whether that is right.

    It is if there are as many parts as digits, each within a fifth of a digit's height.
    """
    split = segment_ink(ink, score)
    return split, len(split.boxes) == len(columns) and all(
        abs(box[0] - first) <= 16 and abs(box[2] - last) <= 16
        for box, (first, last) in zip(split.boxes, columns, strict=True)
    )


def enlarged(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """One MNIST image as `ink_side_by_side` enlarges it."""
    return np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)) / 255
