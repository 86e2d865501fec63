"""Read a picture file of any kind as the colours it shows: upright, of bounded size, in [0, 1].

Camera JPEG files are decoded at a reduced size, so that a photograph of 50 megapixels needs little
memory. Values beyond 8 bits, floats, CMYK, palettes and transparency come out as what they show.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bnnlib.errors import BnnlibError

MAX_SIDE = 2_048  # a larger picture is scaled down first
MAX_PIXELS = 100_000_000  # a still larger one is refused

# How files begin that people take for pictures and Pillow cannot read: where, and the bytes.
SIGNATURES = (
    (4, b"ftyphei", "a HEIC photograph"),
    (4, b"ftyphev", "a HEIC photograph"),
    (4, b"ftypmif1", "a HEIC photograph"),
    (4, b"ftypmsf1", "a HEIC photograph"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyp", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\x00\x00\x01\xba", "a video"),
    (0, b"\x00\x00\x01\xb3", "a video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (0, b"8BPS", "a Photoshop picture"),
)


@dataclass(frozen=True)
class Picture:
    """Colours, float32 `[H, W, 3]` in [0, 1], and `notes`: short sentences on what was done."""

    colours: NDArray[np.float32]
    notes: tuple[str, ...] = ()


def read_picture(source: str | Path | bytes, name: str | None = None) -> Picture:
    """The first picture of a file, a path or its bytes, upright, each side at most 2,048 pixels.

    name: what messages call the file; the path by default. Raises BnnlibError, naming the format
    where it is known, for a file that is missing, too large, damaged or no picture.
    """
    named = name or (str(source) if isinstance(source, str | Path) else "The file")
    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            # Our own limit on pixels follows; a damaged EXIF block does no harm.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                if max(opened.size) > MAX_SIDE:
                    size = f"{opened.width} x {opened.height}"
                    notes.append(f"{named} is {size} pixels and was scaled down")
                frames = getattr(opened, "n_frames", 1)
                if frames > 1 and opened.format != "MPO":  # MPO: a photograph and its previews
                    notes.append(f"{named} holds {frames} pictures and the first was taken")
                if opened.has_transparency_data:
                    notes.append(
                        f"{named} has an alpha channel: what is transparent counts as background"
                    )
                colours = _colours(opened)
    except FileNotFoundError:
        raise BnnlibError(f"There is no file {named}.") from None
    except UnidentifiedImageError:
        raise BnnlibError(_unknown(source, named)) from None
    except Image.DecompressionBombError:
        raise BnnlibError(
            f"{named} has more than 100 million pixels: scale it down first."
        ) from None
    except Exception as error:  # the decoder of a damaged file may raise anything
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise BnnlibError(
            f"{named} cannot be read as a picture ({reason}): give a PNG or JPEG file."
        ) from error
    return Picture(np.ascontiguousarray(colours, dtype=np.float32), tuple(notes))


def _unknown(source: str | Path | bytes, named: str) -> str:
    """One sentence on a file that Pillow does not know; it names the format where known."""
    try:
        head = source[:512] if isinstance(source, bytes) else _head(Path(source))
    except OSError:
        head = b""
    for offset, signature, kind in SIGNATURES:
        if head[offset:].startswith(signature):
            return f"{named} is {kind}, which cannot be read: save the picture as PNG or JPEG."
    if b"<svg" in head.lower():
        return f"{named} is an SVG drawing, which cannot be read: save it as PNG or JPEG."
    return f"{named} is no picture that can be read: give a PNG or JPEG file."


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _colours(opened: Image.Image) -> NDArray[np.floating]:
    """The picture's colours `[H, W, 3]`, upright and scaled down."""
    opened.draft(None, (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded no larger than needed
    ImageOps.exif_transpose(opened, in_place=True)  # photographs are stored lying on their side
    picture: Image.Image = opened
    if picture.mode.startswith("I") or picture.mode == "F":
        return np.repeat(_beyond_8_bits(picture)[..., None], 3, axis=2)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    picture = _shrunk(picture)
    if picture.mode == "RGBA":
        return _on_a_ground((np.asarray(picture) / 255).astype(np.float32))
    return np.asarray(picture.convert("RGB"), dtype=np.float32) / 255


def _shrunk(picture: Image.Image) -> Image.Image:
    factor = max(picture.size) / MAX_SIDE
    if factor <= 1:
        picture.load()
        return picture
    size = tuple(max(1, round(side / factor)) for side in picture.size)
    return picture.resize((size[0], size[1]), Image.Resampling.BOX, reducing_gap=2.0)


def _beyond_8_bits(picture: Image.Image) -> NDArray[np.float32]:
    """16-bit, 32-bit and float values `[H, W]` in [0, 1]: the largest is white, for files of 10 or
    12 bits in 16 say nowhere how many they use. What is not finite counts as background."""
    values = np.asarray(picture, dtype=np.float32)
    factor = -(-max(values.shape) // MAX_SIDE)
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("it holds no finite value")
    if not finite.all():
        values = np.where(finite, values, np.median(values[finite]))
    if factor > 1:
        rows, columns = (side // factor * factor for side in values.shape)
        blocks = values[:rows, :columns].reshape(rows // factor, factor, -1, factor)
        values = blocks.mean((1, 3))
    low, high = min(0.0, float(values.min())), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _on_a_ground(rgba: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours `[H, W, 3]` of a transparent picture on a ground that shows what is drawn on it.

    Lines on nothing lie on white, or on black where they are light. A transparent rim around a
    picture that has a ground of its own gets that ground's colour.
    """
    colours, alpha = rgba[..., :3], rgba[..., 3:]
    opaque = alpha[..., 0] > 0.5
    if not opaque.any():
        return np.ones_like(colours)
    grey = colours.mean(-1)
    share = opaque[np.ix_(opaque.any(1), opaque.any(0))].mean()
    if share > 0.6 and np.ptp(grey[opaque]) > 0.1:
        ground = np.median(colours[opaque], axis=0)
    else:
        ground = np.full(3, 1.0 if grey[opaque].mean() < 0.6 else 0.0, np.float32)
    return colours * alpha + ground * (1 - alpha)
