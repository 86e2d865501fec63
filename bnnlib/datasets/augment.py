"""Random small distortions of the training images, new ones for each batch.

The number of training images N does not change, so the ELBO's KL / N does not change either.
Elastic distortions follow Simard, Steinkraus & Platt 2003, "Best Practices for Convolutional
Neural Networks". Images may be on any device; random numbers are drawn on the generator's.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.datasets.mnist import to_float

AUGMENTATIONS = {
    "none": "the images as they are",
    "affine": "a small rotation, scale, shear and shift for each image",
    "full": "affine, plus an elastic distortion and thinner or thicker strokes",
}
ROTATION = math.radians(7.5)  # each parameter is uniform between minus and plus its value
SHEAR = 0.1
SCALE = 0.07  # 7 % narrower to 7 % wider, each axis on its own
SHIFT = 1.0  # pixels
BEND = 0.5  # standard deviation of the elastic displacement at the knots, pixels
KNOTS = 6  # knots of the displacement field along each side: one every 5 pixels or so
THICKNESS = 0.2  # how far towards the 3 x 3 minimum or maximum the strokes go at most


def augment(images: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """Distort each image at random; `[B, 28, 28]`, uint8 or float -> float32 in [0, 1].

    how: a key of AUGMENTATIONS.
    """
    x = to_float(images)
    if how == "none":
        return x
    if how == "full":
        x = _thickened(x, generator)
    affine = _affine(len(x), generator).to(x.device)
    shift = bend(len(x), x.shape[-1], generator).to(x.device) if how == "full" else None
    return resampled(x, affine, shift).clamp_(0, 1)


def resampled(x: Tensor, affine: Tensor, shift: Tensor | None = None) -> Tensor:
    """Images through affine maps `[B, 2, 3]` and a displacement of each pixel `[B, H, W, 2]`.

    Both are in the units of `affine_grid`; float `[B, H, W]` -> same.
    """
    grid = F.affine_grid(affine, [len(x), 1, *x.shape[1:]], align_corners=False)
    grid = grid if shift is None else grid + shift
    return F.grid_sample(x[:, None], grid, align_corners=False)[:, 0]


def _uniform(n: int, width: float, generator: torch.Generator) -> Tensor:
    """`[n]` numbers, uniform in [-width, width], on the generator's device."""
    return (2 * torch.rand(n, generator=generator, device=generator.device) - 1) * width


def _affine(n: int, generator: torch.Generator) -> Tensor:
    """Random affine maps in the units of `affine_grid` (the image spans [-1, 1]), `[n, 2, 3]`."""
    angle, shear = _uniform(n, ROTATION, generator), _uniform(n, SHEAR, generator)
    wide, high = 1 + _uniform(n, SCALE, generator), 1 + _uniform(n, SCALE, generator)
    right, down = _uniform(n, SHIFT / 14, generator), _uniform(n, SHIFT / 14, generator)
    cos, sin = angle.cos(), angle.sin()
    rows = [wide * cos, shear - sin, right, sin, high * cos, down]
    return torch.stack(rows, dim=1).view(n, 2, 3)


def bend(
    n: int, size: int, generator: torch.Generator, deviation: float = BEND, knots: int = KNOTS
) -> Tensor:
    """A smooth random displacement of each pixel in `affine_grid`'s units, `[n, size, size, 2]`.

    deviation: its standard deviation at the knots, pixels. knots: along each side.
    """
    drawn = torch.randn(n, 2, knots, knots, generator=generator, device=generator.device)
    shift = drawn * (deviation * 2 / size)
    field = F.interpolate(shift, size=(size, size), mode="bicubic", align_corners=True)
    return field.permute(0, 2, 3, 1)


def _thickened(x: Tensor, generator: torch.Generator) -> Tensor:
    """Make strokes thinner or thicker, `[B, 28, 28]` -> same.

    Thinner: towards the minimum of the 3 x 3 pixels around each. Thicker: towards their maximum.
    """
    share = _uniform(len(x), THICKNESS, generator).to(x.device)[:, None, None]
    thick, thin = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    return torch.lerp(x, torch.where(share > 0, thick, thin), share.abs())
