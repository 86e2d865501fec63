"""What is no digit, made of images of digits: for networks that learn from MNIST alone.

Digits cut, joined, overlaid, turned and bent. Each picture is then placed as a drawing is: in a box
of 20 pixels, its centre of mass in the middle.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.datasets.augment import bend, resampled

SIDE, BOX, INK = 28, 20, 0.15  # pixels, pixels, and from which grey on a pixel belongs to the box
NO_DIGITS_TURNED = (2, 3, 4, 5, 7)  # what is no digit in a mirror or on its side
LEAST = 15.0  # ink, in black pixels, below which a piece is left out
BENT, BENT_KNOTS = 4.5, 5  # pixels at the knots, nine times what the training digits are bent


def cut_digits(images: Tensor, labels: Tensor, count: int, seed: int) -> Tensor:
    """About `count` pictures that are no digit, uint8 `[count, 28, 28]`, on the CPU.

    images: of digits, uint8 `[N, 28, 28]`; labels `[N]`.
    """
    make = _Maker(images.cpu().float() / 255, labels.cpu(), seed)
    kinds = (
        make.halves,
        make.quarters,
        make.overlaid,
        make.turned,
        make.bent,
        make.rows,
        make.mirrored,
        make.pieces,
    )
    pictures = torch.cat([kind(count // len(kinds)) for kind in kinds]).clamp_(0, 1)
    pictures = pictures[pictures.sum((1, 2)) > LEAST]
    return placed(pictures).mul_(255).round_().to(torch.uint8)


class _Maker:
    """Makes k pictures of each kind, `[k, 28, 28]`."""

    def __init__(self, digits: Tensor, labels: Tensor, seed: int) -> None:
        self.digits, self.labels = digits, labels
        self.random = torch.Generator().manual_seed(seed)

    def halves(self, k: int) -> Tensor:
        """One side of a digit, and the other side of another one that is turned."""
        side = self._side(k)
        return self._some(k) * side + self._moved(self._some(k), math.pi, 0.2, 3) * (1 - side)

    def quarters(self, k: int) -> Tensor:
        """The quarters of a digit change places."""
        q = self._some(k).view(k, 2, 14, 2, 14).transpose(2, 3).reshape(k, 4, 14, 14)
        order = self._uniform(k, 4).argsort(1)
        order[(order == torch.arange(4)).all(1)] = torch.arange(3, -1, -1)
        q = q.gather(1, order[:, :, None, None].expand_as(q))
        return q.view(k, 2, 2, 14, 14).transpose(2, 3).reshape(k, SIDE, SIDE)

    def overlaid(self, k: int) -> Tensor:
        """Two digits over each other, or three."""
        one, two, three = (self._moved(self._some(k), math.pi, 0.3, 4) for _ in range(3))
        third = three * (self._uniform(k, 1, 1) < 0.4)
        return torch.maximum(torch.maximum(one, two), third)

    def turned(self, k: int) -> Tensor:
        """A digit in a mirror, or on its side; none where no such digits are given."""
        able = torch.isin(self.labels, torch.tensor(NO_DIGITS_TURNED)).nonzero()[:, 0]
        if not len(able):
            return torch.zeros(0, SIDE, SIDE)
        x = self.digits[able[torch.randint(len(able), (k,), generator=self.random)]]
        side = x.transpose(1, 2)
        ways = torch.stack([x.flip(2), side, side.flip(1), side.flip(1, 2)])
        return ways[torch.randint(4, (k,), generator=self.random), torch.arange(k)]

    def bent(self, k: int) -> Tensor:
        """A digit bent until it is none."""
        shift = bend(k, SIDE, self.random, BENT, BENT_KNOTS)
        return resampled(self._some(k), torch.eye(2, 3).expand(k, 2, 3), shift)

    def rows(self, k: int) -> Tensor:
        """Two digits side by side; their columns and rows exchanged now and then."""
        wide = torch.zeros(k, SIDE, 2 * SIDE)
        wide[:, :, 4:32] = self._some(k)
        wide[:, :, 24:52] = torch.maximum(wide[:, :, 24:52], self._some(k))
        small = torch.zeros(k, SIDE, SIDE)
        small[:, 7:21] = F.interpolate(wide[:, None], size=(14, SIDE), mode="area")[:, 0]
        return torch.where(self._uniform(k, 1, 1) < 0.3, small.transpose(1, 2), small)

    def mirrored(self, k: int) -> Tensor:
        """One side of a digit, with its own mirror image turned."""
        part = self._some(k) * self._side(k)
        return torch.maximum(part, self._moved(part, math.pi, 0.1, 2, mirror=1.0))

    def pieces(self, k: int) -> Tensor:
        """Pieces of three digits put together."""
        cut = [self._some(k) * self._side(k) * self._side(k) for _ in range(3)]
        return torch.stack([self._moved(x, math.pi, 0.2, 6) for x in cut]).amax(0)

    def _some(self, k: int) -> Tensor:
        return self.digits[torch.randint(len(self.digits), (k,), generator=self.random)]

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.random)

    def _side(self, k: int) -> Tensor:
        """1 on one side of a line near the middle, 0 on the other, `[k, 28, 28]`."""
        angle, offset = 2 * math.pi * self._uniform(k, 1, 1), 8 * (self._uniform(k, 1, 1) - 0.5)
        place = torch.arange(SIDE) - (SIDE - 1) / 2
        return (place * angle.cos() + place[:, None] * angle.sin() > offset).float()

    def _moved(
        self, x: Tensor, turn: float, scale: float, shift: float, mirror: float = 0.5
    ) -> Tensor:
        """Turned (radians), scaled (logarithm) and shifted (pixels) up to these, or mirrored."""
        k = len(x)
        angle, wide, high, right, down = (2 * self._uniform(5, k) - 1) * torch.tensor(
            [turn, scale, scale, 2 * shift / SIDE, 2 * shift / SIDE]
        )[:, None]
        wide = wide.exp() * torch.where(self._uniform(k) < mirror, -1.0, 1.0)
        rows = [wide * angle.cos(), -high.exp() * angle.sin(), right]
        rows += [wide * angle.sin(), high.exp() * angle.cos(), down]
        return resampled(x, torch.stack(rows, 1).view(k, 2, 3))


def placed(x: Tensor) -> Tensor:
    """Each picture as a drawing is placed, float `[B, 28, 28]` -> same."""
    on, place = x > INK, torch.arange(SIDE)
    low, size = [], []
    for ink in (on.any(1), on.any(2)):  # columns, rows
        first = torch.where(ink, place, SIDE).amin(1)
        last = torch.where(ink, place, -1).amax(1)
        low.append(first + last + 1)
        size.append(last - first + 1)
    scale = torch.maximum(*size) / BOX
    x = resampled(x, _affine(scale, low[0] / SIDE - 1, low[1] / SIDE - 1))
    ink = x.sum((1, 2)).clamp_min(1e-6)
    middle = place - (SIDE - 1) / 2
    right, down = ((x * middle).sum((1, 2)), (x * middle[:, None]).sum((1, 2)))
    whole = _affine(torch.ones_like(ink), *(2 * (v / ink).round() / SIDE for v in (right, down)))
    return resampled(x, whole).clamp_(0, 1)


def _affine(scale: Tensor, right: Tensor, down: Tensor) -> Tensor:
    zero = torch.zeros_like(scale)
    return torch.stack([scale, zero, right, zero, scale, down], 1).view(-1, 2, 3)
