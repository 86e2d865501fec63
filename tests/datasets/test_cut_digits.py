"""What is no digit, made of digits: of the right kind, placed like a drawing, and no digit."""

import pytest
import torch
from torch import Tensor

from bnnlib.datasets.cut_digits import INK, cut_digits, placed
from bnnlib.datasets.mnist import Digits, Split

COUNT = 800


@pytest.fixture(scope="module")
def digits(embedded: Digits) -> Split:
    return embedded.train.select(torch.arange(1_000))


@pytest.fixture(scope="module")
def pictures(digits: Split) -> Tensor:
    return cut_digits(digits.images, digits.labels, COUNT, seed=3)


def extent(pictures: Tensor) -> Tensor:
    """The longer side of the ink's box, in pixels, `[B]`."""
    on = pictures.float() / 255 > INK
    return torch.stack([_span(on.any(1)), _span(on.any(2))]).amax(0)


def _span(on: Tensor) -> Tensor:
    return on.shape[1] - on.int().argmax(1) - on.flip(1).int().argmax(1)


def off_centre(pictures: Tensor) -> Tensor:
    """How far the centre of mass is from the middle in either direction, in pixels, `[B]`."""
    x, place = pictures.double(), torch.arange(28) - 13.5
    off = torch.stack([(x.sum(1) * place).sum(1), (x.sum(2) * place).sum(1)]) / x.sum((1, 2))
    return off.abs().amax(0)


def test_about_as_many_bytes_as_were_asked_for(pictures: Tensor) -> None:
    assert pictures.dtype == torch.uint8
    assert pictures.shape[1:] == (28, 28)
    assert 0.95 * COUNT < len(pictures) <= COUNT
    assert pictures.flatten(1).amax(1).min() > 100  # none is blank


def test_each_is_placed_as_a_drawing_is(pictures: Tensor) -> None:
    sides = extent(pictures)
    assert sides.max() <= 20 + 2  # pixels on both edges are half covered
    assert (sides == 20).double().mean() > 0.8
    # Of a very lopsided one the frame cuts off a tail.
    assert (off_centre(pictures) <= 1).double().mean() > 0.995


def test_a_small_picture_in_a_corner_is_scaled_and_centred() -> None:
    corner = torch.zeros(1, 28, 28)
    corner[:, 2:7, 20:26] = 1
    there = placed(corner)
    assert abs(int(extent(there * 255)) - 20) <= 2
    assert off_centre(there) <= 1
    assert torch.equal(placed(torch.zeros(1, 28, 28)), torch.zeros(1, 28, 28))


def test_the_seed_decides(digits: Split, pictures: Tensor) -> None:
    again, other = (cut_digits(digits.images, digits.labels, COUNT, seed) for seed in (3, 4))
    assert torch.equal(again, pictures)
    assert not torch.equal(other[:100], pictures[:100])


def test_none_is_a_digit_as_it_was(digits: Split, pictures: Tensor) -> None:
    """Neither as it was nor placed anew: at least a twentieth of the ink is elsewhere."""
    images, x = digits.images.float() / 255, pictures.float() / 255
    for known in (images, placed(images)):
        moved = torch.cdist(x.flatten(1), known.flatten(1), p=1).amin(1) / x.sum((1, 2))
        assert moved.min() > 0.05


def test_digits_of_which_none_can_be_turned_are_cut_all_the_same(digits: Split) -> None:
    """A 0 or an 8 in a mirror is a digit still."""
    some = digits.select(torch.isin(digits.labels, torch.tensor([0, 8])))
    found = cut_digits(some.images, some.labels, 80, seed=0)
    assert 60 <= len(found) <= 70  # all but those in a mirror or on their side
