"""Digits under a shift of growing strength: rotation, translation, blur, noise, occlusion.

A network's uncertainty should grow as its accuracy falls. Strength 0 leaves every image as it is.
Only noise and occlusion draw random numbers, from a given generator. Images may be on any device.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.datasets.mnist import to_float
from bnnlib.errors import BnnlibError

BOX = 20  # MNIST's ink lies in the middle 20 x 20 of 28 x 28 pixels (LeCun et al. 1998)


@dataclass(frozen=True)
class Shift:
    """One kind of shift: its `strengths`, smallest first, their `unit`, and a description."""

    strengths: tuple[float, ...]
    unit: str
    words: str


SHIFTS = {
    "rotation": Shift(
        tuple(range(0, 181, 15)), "degrees", "turned counter-clockwise about the centre"
    ),
    "translation": Shift(
        (0, 1, 2, 3, 4, 5, 6, 8),
        "pixels",
        "moved to the right, the left, down and up, a quarter of the images each",
    ),
    "blur": Shift(
        (0, 0.5, 1, 1.5, 2, 2.5, 3, 4), "pixels", "blurred by a Gaussian of this standard deviation"
    ),
    "noise": Shift(
        (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8),
        "of full ink",
        "with Gaussian noise of this standard deviation",
    ),
    "occlusion": Shift(
        (0, 4, 6, 8, 10, 12, 14, 16),
        "pixels",
        "with a black square of this side over a random part of the box",
    ),
}


def shift_images(
    images: Tensor, kind: str, strength: float, generator: torch.Generator | None = None
) -> Tensor:
    """Images under a shift, uint8 or float `[B, 28, 28]` -> float32 `[B, 28, 28]` in [0, 1].

    kind: a name in SHIFTS. strength: in the unit of the kind.
    generator: for noise and occlusion. None takes a generator with seed 0 on the CPU, so every
    strength and every device gets the same random numbers.
    Raises BnnlibError for an unknown kind, and for a strength that is negative or not finite.
    """
    if kind not in SHIFTS:
        raise BnnlibError(f"There is no shift {kind!r}: choose {', '.join(SHIFTS)}.")
    if not (math.isfinite(strength) and strength >= 0):
        raise BnnlibError(f"The strength of the {kind} is {strength}: expected a number from 0 up.")
    x = to_float(images).float()
    if strength == 0 or not len(x):
        return x
    generator = generator or torch.Generator().manual_seed(0)
    if kind == "rotation":
        return rotate(x, strength)
    if kind == "translation":
        return translate(x, round(strength))
    if kind == "blur":
        return blur(x, strength)
    if kind == "noise":
        noise = torch.randn(x.shape, generator=generator, device=generator.device)
        return (x + strength * noise.to(x.device)).clamp(0, 1)
    return occlude(x, round(strength), generator)


def rotate(images: Tensor, degrees: float) -> Tensor:
    """Turn counter-clockwise about the centre of the image, `[B, 28, 28]` -> same.

    Bilinear interpolation; what comes from outside the image is 0.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = images.new_tensor([[cos, -sin, 0], [sin, cos, 0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(matrix, [len(images), 1, *images.shape[1:]], align_corners=False)
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0].clamp(0, 1)


def translate(images: Tensor, pixels: int) -> Tensor:
    """Move image i to the right, left, down or up for i mod 4 = 0, 1, 2, 3; `[B, 28, 28]` -> same.

    The move is by whole pixels. What leaves the image is lost.
    """
    out = torch.zeros_like(images)
    p = min(pixels, images.shape[-1])
    keep = images.shape[-1] - p
    out[0::4, :, p:] = images[0::4, :, :keep]
    out[1::4, :, :keep] = images[1::4, :, p:]
    out[2::4, p:, :] = images[2::4, :keep, :]
    out[3::4, :keep, :] = images[3::4, p:, :]
    return out


def blur(images: Tensor, sigma: float) -> Tensor:
    """Convolve with a Gaussian that is cut at 4 sigma, `[B, 28, 28]` -> same.

    Outside the image everything is 0.
    """
    reach = math.ceil(4 * sigma)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())
    kernel /= kernel.sum()
    rows = F.conv2d(images[:, None], kernel.view(1, 1, 1, -1), padding=(0, reach))
    return F.conv2d(rows, kernel.view(1, 1, -1, 1), padding=(reach, 0))[:, 0].clamp(0, 1)


def occlude(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Cover a random square of `side` pixels with 0, `[B, 28, 28]` -> same.

    The square lies within the box of 20 x 20 in the middle, where MNIST has its ink. Each of its
    (21 - side)^2 places is equally likely. A generator in the same state gives squares of all
    sizes corresponding places.
    """
    places = max(1, BOX - side + 1)
    draws = torch.rand(2, len(images), 1, 1, generator=generator, device=generator.device)
    # A draw just below 1 may be rounded up to `places` itself, hence the clamp.
    corner = (draws * places).floor().clamp(max=places - 1).to(images.device) + (28 - BOX) // 2
    top, left = corner
    pixel = torch.arange(28, device=images.device)
    row, column = pixel.view(1, 28, 1), pixel.view(1, 1, 28)
    hidden = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    return images.masked_fill(hidden, 0)
