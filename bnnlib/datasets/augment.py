"""Training images bent a little, as hands and pens bend them, batch by batch: more ways to write the same digit.

The number of training images N stays what it is, so the ELBO's KL / N does not change. Elastic distortions follow
Simard, Steinkraus & Platt 2003, "Best Practices for Convolutional Neural Networks".
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.datasets.mnist import to_float

AUGMENTATIONS = {
    "none": "the images as they are",
    "affine": "a small rotation, scale, shear and shift for each image",
    "full": "affine, and elastic distortion and thinner or thicker strokes",
}
ROTATION = math.radians(7.5)  # each parameter is uniform between minus and plus its value
SHEAR = 0.1
SCALE = 0.07  # 7 % narrower to 7 % wider, each axis on its own
SHIFT = 1.0  # pixels
BEND = 0.5  # standard deviation of the elastic displacement at the knots, pixels
KNOTS = 6  # knots of the displacement field along each side: one every 5 pixels or so
THICKNESS = 0.2  # how far towards the 3 x 3 minimum or maximum the strokes go at most


def augment(images: Tensor, how: str, generator: torch.Generator) -> Tensor:
    """Each image bent at random, uint8 or float `[B, 28, 28]` -> float32 `[B, 28, 28]` in [0, 1]. `how`: a key of AUGMENTATIONS."""
    x = to_float(images)
    if how == "none":
        return x
    if how == "full":
        x = _thickened(x, generator)
    grid = F.affine_grid(_affine(len(x), generator), [len(x), 1, *x.shape[1:]], align_corners=False)
    if how == "full":
        grid = grid + _bend(len(x), x.shape[-1], generator)
    return F.grid_sample(x[:, None], grid, align_corners=False)[:, 0].clamp_(0, 1)


def _uniform(n: int, width: float, generator: torch.Generator) -> Tensor:
    """`[n]`, uniform in [-width, width]."""
    return (2 * torch.rand(n, generator=generator, device=generator.device) - 1) * width


def _affine(n: int, generator: torch.Generator) -> Tensor:
    """Random affine maps in the units of `affine_grid` (the image spans [-1, 1]), `[n, 2, 3]`."""
    angle, shear = _uniform(n, ROTATION, generator), _uniform(n, SHEAR, generator)
    wide, high = 1 + _uniform(n, SCALE, generator), 1 + _uniform(n, SCALE, generator)
    right, down = _uniform(n, SHIFT / 14, generator), _uniform(n, SHIFT / 14, generator)
    cos, sin = angle.cos(), angle.sin()
    rows = [wide * cos, shear - sin, right, sin, high * cos, down]
    return torch.stack(rows, dim=1).view(n, 2, 3)


def _bend(n: int, size: int, generator: torch.Generator) -> Tensor:
    """A smooth random displacement of each pixel, `[n, size, size, 2]` in the units of `affine_grid`."""
    knots = torch.randn(n, 2, KNOTS, KNOTS, generator=generator, device=generator.device) * (
        BEND * 2 / size
    )
    return F.interpolate(knots, size=(size, size), mode="bicubic", align_corners=True).permute(
        0, 2, 3, 1
    )


def _thickened(x: Tensor, generator: torch.Generator) -> Tensor:
    """Strokes thinner (towards the minimum of the neighbouring pixels) or thicker (towards their maximum), `[B, 28, 28]`."""
    share = _uniform(len(x), THICKNESS, generator)[:, None, None]
    thick, thin = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    return torch.lerp(x, torch.where(share > 0, thick, thin), share.abs())
