"""Replays: what is left unchanged, what moves where, and both ends of a morph."""

import numpy as np
import pytest
import torch

from bnnlib.drawing.replay import CHANGES, morph, placed, replay
from bnnlib.drawing.strokes import drawn_image, make_stroke
from bnnlib.errors import BnnlibError

SEVEN = (make_stroke([(84, 64), (196, 62), (128, 232)]), make_stroke([(104, 146), (188, 140)]))
ONE = (make_stroke([(140, 40), (140, 240)]),)
NAMES = sorted(set(CHANGES) - {"morph"})


def at(name: str, amount: float, images: torch.Tensor) -> torch.Tensor:
    return images[int(np.abs(CHANGES[name].amounts - amount).argmin())]


def picture(strokes) -> np.ndarray:
    return (drawn_image(strokes).numpy() * 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["lines", "picture"])
def test_at_the_present_amount_it_is_the_image_the_networks_see(name, kind) -> None:
    change = CHANGES[name]
    assert np.isclose(change.amounts, change.present).any()
    images = replay(name, SEVEN) if kind == "lines" else replay(name, (), picture(SEVEN))
    assert images.shape == (len(change.amounts), 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1
    same = at(name, change.present, images)
    # Lines are drawn anew: their soft edges differ a little.
    limit = 0.1 if kind == "lines" else 0.003
    assert (same - drawn_image(SEVEN)).abs().max() < limit


@pytest.mark.parametrize("kind", ["lines", "picture"])
def test_a_quarter_turn_and_a_shift_are_exact(kind) -> None:
    how = ((), picture(SEVEN)) if kind == "picture" else (SEVEN, None)
    turned = replay("rotate", *how)
    limit = 0.13 if kind == "lines" else 0.01
    quarter = torch.rot90(at("rotate", 0, turned), -1, (0, 1))  # clockwise
    assert (at("rotate", 90, turned) - quarter).abs().max() < limit
    shifted = replay("shift", *how)
    moved = torch.zeros(28, 28)
    moved[:, 5:] = at("shift", 0, shifted)[:, :-5]
    assert (at("shift", 5, shifted) - moved).abs().max() < 0.02


@pytest.mark.parametrize("kind", ["lines", "picture"])
def test_ink_grows_and_shrinks_as_the_change_says(kind) -> None:
    how = ((), picture(SEVEN)) if kind == "picture" else (SEVEN, None)
    for name, sign in (("thicken", 1), ("scale", 1), ("erase", -1)):
        ink = replay(name, *how).sum((1, 2)) * sign
        assert (ink.diff() >= -0.3).all(), name
    erased = replay("erase", *how)
    assert erased[-1].sum() == 0
    assert at("erase", 0.52, erased).sum() == pytest.approx(0.48 * float(erased[0].sum()), rel=0.2)


def test_what_was_drawn_last_is_erased_first() -> None:
    half = at("erase", 0.24, replay("erase", SEVEN))  # the cross bar is 20 % of the ink
    seven = placed(SEVEN)
    bar = type(seven)(seven.lines[1:], seven.zoom).render()
    rest = type(seven)(seven.lines[:1], seven.zoom).render()
    alone = (bar > 0.9) & (rest < 0.05)
    assert alone.any()
    assert half[alone].max() < 0.2
    assert half[rest > 0.9].mean() > 0.8


def test_noise_is_one_pattern_that_grows_and_the_seed_chooses_it() -> None:
    images = replay("noise", ONE, seed=1)
    assert torch.equal(images, replay("noise", ONE, seed=1))
    assert not torch.equal(images, replay("noise", ONE, seed=2))
    change = (images - images[0]).abs().sum((1, 2))
    assert (change.diff() > 0).all()


def test_a_morph_goes_from_one_drawing_to_the_other() -> None:
    images = morph(ONE, SEVEN)
    assert (images[0] - drawn_image(ONE)).abs().max() < 0.1
    assert (images[-1] - drawn_image(SEVEN)).abs().max() < 0.1
    mixed = morph((), SEVEN, picture(ONE))
    assert torch.allclose(mixed[13], 0.48 * mixed[0] + 0.52 * mixed[-1], atol=1e-6)


def test_a_dot_and_a_blank_sheet_have_replays_too() -> None:
    dot = (make_stroke([(50, 50)]),)
    assert len(placed(dot).lines) == 1
    for strokes in (dot, ()):
        for name in NAMES:
            assert torch.isfinite(replay(name, strokes)).all()
        assert torch.isfinite(morph(strokes, SEVEN)).all()
    shrunk = at("scale", 1, replay("scale", dot))
    assert (shrunk - drawn_image(dot)).abs().max() < 0.35


def test_an_unknown_change_gets_a_sentence() -> None:
    with pytest.raises(BnnlibError, match="no change 'melt': choose one of erase"):
        replay("melt", ONE)
