"""Make ink of any form into 28 x 28 images in the way that MNIST's images were made."""

from bnnlib.drawing.raster import (
    image_from_canvas,
    image_from_file,
    image_from_ink,
    image_from_strokes,
)

__all__ = ["image_from_canvas", "image_from_file", "image_from_ink", "image_from_strokes"]
