"""A drawing, or images, as text that needs no escaping in an address, and back."""

import base64
import binascii
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bnnlib.drawing.raster import FIELD
from bnnlib.drawing.strokes import OFFSET, WIDTHS, Stroke, make_stroke
from bnnlib.errors import BnnlibError

MAX_IMAGES = 64  # in one text


def to_text(strokes: Sequence[Stroke]) -> str:
    """The drawing as text that needs no escaping in an address.

    Strokes are joined by dots; each number is two characters.
    """
    return ".".join(
        _pack([stroke.width, *(v + OFFSET for point in stroke.points for v in point)])
        for stroke in strokes
    )


def from_text(text: str) -> list[Stroke]:
    """The drawing that `to_text` wrote; raises BnnlibError if the text is not one."""
    try:
        strokes = []
        for part in text.split(".") if text else []:
            width, *numbers = _unpack(part)
            if len(numbers) % 2 or not WIDTHS[0] <= width <= WIDTHS[1]:
                raise ValueError
            strokes.append(make_stroke(np.array(numbers).reshape(-1, 2) - OFFSET, width))
    except (ValueError, binascii.Error, BnnlibError):
        raise BnnlibError(
            "The address holds a drawing that cannot be read: copy the whole address, or draw anew."
        ) from None
    return strokes


def images_to_text(images: NDArray[np.uint8]) -> str:
    """Images, uint8 `[n, 28, 28]`, compressed; an image of ink takes about 400 characters."""
    packed = zlib.compress(np.ascontiguousarray(images, dtype=np.uint8).tobytes(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def images_from_text(text: str) -> NDArray[np.uint8]:
    """The images, uint8 `[n, 28, 28]`, that `images_to_text` wrote.

    Raises BnnlibError if the text holds none, or more than 64.
    """
    size, most = FIELD * FIELD, MAX_IMAGES * FIELD * FIELD
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        values = unpacking.decompress(packed, most + 1)
        if not unpacking.eof or not values or len(values) > most or len(values) % size:
            raise ValueError
    except (ValueError, zlib.error):
        raise BnnlibError(
            "The address holds a picture that cannot be read: copy the whole address, "
            "or choose the picture's file again."
        ) from None
    return np.frombuffer(values, np.uint8).reshape(-1, FIELD, FIELD).copy()


def _pack(numbers: Sequence[int]) -> str:
    bits = "".join(f"{number:012b}" for number in numbers)
    bits += "0" * (-len(bits) % 24)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return base64.urlsafe_b64encode(packed).decode()[: 2 * len(numbers)]


def _unpack(text: str) -> list[int]:
    if len(text) % 2 or not text.isascii():
        raise ValueError
    packed = base64.b64decode(text + "A" * (-len(text) % 4), altchars=b"-_", validate=True)
    bits = f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}"
    return [int(bits[k : k + 12], 2) for k in range(0, 6 * len(text), 12)]
