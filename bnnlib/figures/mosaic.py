"""Digits side by side in one picture, with captions: for downloads, and where nothing is clicked.

Images are uint8 `[K, 28, 28]`, white on black as in MNIST.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.theme import MISTAKE, ink, paper

SCALE = 3  # screen pixels a digit's pixel, so that a browser does not blur it
FRAME = 3  # screen pixels around a digit


def enlarge(image: np.ndarray, framed: bool = False) -> Image.Image:
    """One digit, uint8 `[28, 28]`, enlarged without smoothing; `framed` marks it as a mistake."""
    digit = Image.fromarray(np.kron(image, np.ones((SCALE, SCALE), np.uint8)))
    canvas = Image.new(
        "RGB", (digit.width + 2 * FRAME, digit.height + 2 * FRAME), MISTAKE if framed else "black"
    )
    canvas.paste(digit, (FRAME, FRAME))
    return canvas


def data_uri(image: np.ndarray, framed: bool = False) -> str:
    """One digit, enlarged as by `enlarge`, as a data URI."""
    return embed(to_png(enlarge(image, framed).quantize(64)))


def mosaic(
    images: np.ndarray,
    captions: Sequence[str],
    framed: Sequence[bool] | None = None,
    title: str = "",
    columns: int = 8,
    text_size: int = 13,
    dark: bool = False,
) -> Image.Image:
    """The digits in reading order, `columns` a row, each with its caption below.

    A caption may have several lines. framed: which digits are mistakes. title: one line above all.
    """
    colour = ink(dark)
    font, heading = ImageFont.load_default(text_size), ImageFont.load_default(text_size + 4)
    side, line = 28 * SCALE + 2 * FRAME, text_size + 4
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    width, height, top = side + 24, side + lines * line + 12, 44 if title else 10
    rows = -(-len(images) // columns)
    picture = Image.new("RGB", (columns * width + 16, top + rows * height + 6), paper(dark))
    pen = ImageDraw.Draw(picture)
    if title:
        pen.text((16, 14), title, colour, heading)
    for k, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = 8 + k % columns * width, top + k // columns * height
        picture.paste(enlarge(image, bool(framed is not None and framed[k])), (x + 12, y))
        pen.multiline_text(
            (x + width // 2, y + side + 3),
            caption,
            colour,
            font,
            anchor="ma",
            align="center",
            spacing=4,
        )
    return picture
