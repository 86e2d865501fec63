"""Pictures as text: PNG bytes, and the data URI that puts an image file into HTML or a figure."""

import base64
import io

from PIL import Image


def to_png(picture: Image.Image) -> bytes:
    """The picture as the bytes of a PNG file."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def embed(content: bytes, kind: str = "image/png") -> str:
    """The bytes of an image file as a data URI; `kind` is the file's media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
