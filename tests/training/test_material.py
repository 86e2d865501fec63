"""What a training learns from that no file holds: the digits themselves, cut up."""

import dataclasses

import pytest
import torch

from bnnlib.datasets import not_digits
from bnnlib.datasets.mnist import Digits
from bnnlib.training.config import TrainingConfig
from bnnlib.training.material import load_material
from bnnlib.training.presets import PRESET_NAMES, preset
from bnnlib.training.start import chosen_images

MNIST = TrainingConfig(not_digits="mnist", seed=1)


@pytest.fixture(autouse=True)
def few_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(not_digits, "OF_EACH", 24)


def test_digits_alone_bring_no_outliers(few: Digits) -> None:
    material = load_material(TrainingConfig(), few)
    assert material.outliers is None
    assert material.told == {}


def test_cut_up_digits_and_shapes_are_learnt_beside_the_digits_themselves(few: Digits) -> None:
    material = load_material(MNIST, few)
    assert material.lessons is few
    assert material.digits is few
    outliers = material.outliers
    assert outliers is not None
    assert outliers.dtype == torch.uint8
    assert outliers.shape[1:] == (28, 28)
    assert 2 * 24 < len(outliers) <= 3 * 24  # pieces with little ink are left out
    assert outliers.flatten(1).amax(1).min() > 100  # none is blank
    told = material.told["not_digits"]
    assert told["images"] == len(outliers)
    assert "MNIST's training images" in told["source"]


def test_the_seed_decides_what_is_learnt(few: Digits) -> None:
    first, again, other = (
        load_material(dataclasses.replace(MNIST, seed=seed), few).outliers for seed in (1, 1, 2)
    )
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first[:20], other[:20])
    assert not torch.equal(first[-20:], other[-20:])


def test_digits_that_are_not_learnt_are_not_cut_up(few: Digits) -> None:
    """Nor does a 0 or an 8 in a mirror count as no digit."""
    learnt = chosen_images(few.train, (0, 8))
    without = dataclasses.replace(few, train=learnt)
    config = dataclasses.replace(MNIST, classes=(0, 8))
    whole, part = (load_material(config, digits).outliers for digits in (few, without))
    assert whole is not None
    assert part is not None
    assert torch.equal(whole, part)


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_the_preset_doubt_goes_on_from_the_robust_network_with_mnist_alone(kind: str) -> None:
    _, training = preset(kind, "doubt")
    assert (training.start, training.not_digits, training.pen) == (f"{kind}-robust", "mnist", "")
    assert "MNIST alone" in PRESET_NAMES["doubt"]
