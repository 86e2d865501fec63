"""Bent training images: still images, still the same digits, from their own generator."""

import pytest
import torch

from bnnlib.datasets.augment import AUGMENTATIONS, ROTATION, augment


def block(n: int = 64) -> torch.Tensor:
    images = torch.zeros(n, 28, 28, dtype=torch.uint8)
    images[:, 8:20, 11:17] = 255
    return images


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("how", AUGMENTATIONS)
def test_images_stay_images_and_the_same_seed_bends_alike(how):
    images, before = block(), torch.get_rng_state()
    bent = augment(images, how, seeded())
    assert bent.shape == images.shape
    assert bent.dtype == torch.float32
    assert 0 <= bent.min() <= bent.max() <= 1
    assert torch.equal(bent, augment(images, how, seeded()))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(images, block())


def test_none_is_the_image_itself():
    assert torch.equal(augment(block(), "none", seeded()), block().float() / 255)


def test_affine_moves_the_centre_by_at_most_the_shift_and_turns_both_ways():
    bent = augment(block(2_000), "affine", seeded())
    assert len(torch.unique(bent.flatten(1), dim=0)) == 2_000
    mass = bent.sum((1, 2))
    ys, xs = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    x, y = (bent * xs).sum((1, 2)) / mass, (bent * ys).sum((1, 2)) / mass
    assert (x - 13.5).abs().max() < 1.5 * 1.3
    assert (y - 13.5).abs().max() < 1.5 * 1.3
    assert (x - 13.5).mean().abs() < 0.1
    dx, dy = xs - x[:, None, None], ys - y[:, None, None]
    tilt = torch.atan2(2 * (bent * dx * dy).sum((1, 2)), (bent * (dy**2 - dx**2)).sum((1, 2))) / 2
    assert (tilt > 0).float().mean() == pytest.approx(0.5, abs=0.05)
    assert tilt.abs().max() < 2.5 * ROTATION
    assert mass.mean() == pytest.approx(12 * 6, rel=0.05)


def test_full_makes_strokes_thinner_and_thicker():
    mass = augment(block(500), "full", seeded()).sum((1, 2))
    affine = augment(block(500), "affine", seeded()).sum((1, 2))
    assert mass.std() > 1.5 * affine.std()
    assert (mass > 72 * 1.25).any()
    assert (mass < 72 * 0.8).any()
