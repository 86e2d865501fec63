"""Digits composed into one picture: the right pixels at the right places."""

import base64
import io

import numpy as np
from PIL import Image

from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.mosaic import FRAME, SCALE, data_uri, enlarge, mosaic
from bnnlib.figures.theme import MISTAKE


def test_enlarged_digit_keeps_every_pixel_and_frames_a_mistake() -> None:
    digit = np.arange(784, dtype=np.uint16).reshape(28, 28).astype(np.uint8)
    plain, framed = np.asarray(enlarge(digit)), enlarge(digit, framed=True)
    inside = plain[FRAME:-FRAME:SCALE, FRAME:-FRAME:SCALE, 0]
    assert np.array_equal(inside, digit)
    assert framed.getpixel((0, 0)) == tuple(bytes.fromhex(MISTAKE[1:]))
    assert plain[0, 0].tolist() == [0, 0, 0]


def test_a_data_uri_holds_the_file() -> None:
    assert embed(b"<svg/>", "image/svg+xml") == "data:image/svg+xml;base64,PHN2Zy8+"
    digit = np.repeat(np.arange(28, dtype=np.uint8) * 9, 28).reshape(28, 28)
    head, _, content = data_uri(digit).partition(",")
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
    assert np.array_equal(np.asarray(picture), np.asarray(enlarge(digit)))


def test_mosaic_lays_out_rows_and_reads_back_as_png() -> None:
    images = np.zeros((10, 28, 28), np.uint8)
    images[9] = 255
    picture = mosaic(
        images, [f"{k}" for k in range(10)], framed=[False] * 10, title="Ten digits", columns=8
    )
    back = np.asarray(Image.open(io.BytesIO(to_png(picture))))
    assert back.shape == (picture.height, picture.width, 3)
    side = 28 * SCALE + 2 * FRAME
    ys, xs = np.nonzero((back == 0).all(-1))  # the black digits; the text is dark blue
    assert ys.min() == 44  # under the title
    assert xs.min() == 20
    # The eighth digit of the first row is at the right end.
    assert xs.max() == 8 + 7 * (side + 24) + 12 + side - 1
    # The tenth digit, second in the second row, is white.
    second_row = back[picture.height // 2 + side // 2]
    assert (second_row[20 + side + 24 + side // 2] == 255).all()


def test_mosaic_has_a_row_for_every_eight() -> None:
    heights = [mosaic(np.zeros((k, 28, 28), np.uint8), [""] * k).height for k in (1, 8, 9, 64)]
    assert heights[0] == heights[1] < heights[2]
    assert heights[3] - heights[1] == 7 * (heights[2] - heights[1])
