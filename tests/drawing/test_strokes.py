"""Strokes: thinning, the text form, and the image that is made of them."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from bnnlib.drawing.codec import from_text, to_text
from bnnlib.drawing.raster import image_from_strokes
from bnnlib.drawing.strokes import SHEET, Stroke, drawn_image, make_stroke
from bnnlib.errors import BnnlibError
from ui.draw.examples import EXAMPLES


def test_thinning_keeps_only_the_corners_of_straight_lines():
    x = np.arange(0, 101)
    line = np.concatenate([np.stack([x, 0 * x], 1), np.stack([0 * x + 100, x], 1)])
    assert make_stroke(line, 10) == Stroke(((0, 0), (100, 0), (100, 100)), 10)


def test_thinning_twice_changes_nothing():
    generator = np.random.default_rng(0)
    for _ in range(50):
        stroke = make_stroke(generator.uniform(0, SHEET, (30, 2)).cumsum(0) / 8)
        assert make_stroke(stroke.points, stroke.width) == stroke


def test_the_text_form_gives_back_the_drawing():
    for example in EXAMPLES:
        assert tuple(from_text(to_text(example.strokes))) == example.strokes
    odd = [make_stroke([(-300, 5), (900, 3000)], 33), make_stroke([(0, 0)], 4)]
    assert from_text(to_text(odd)) == odd
    assert len(to_text([make_stroke([(0, 0), (10, 0), (10, 10)])])) == 2 * (1 + 6)


@pytest.mark.parametrize("text", ["a", "AA", "äö", "AUAA", "....", "%%", "AUQA.!!!!", "AUQAQ"])
def test_a_damaged_text_form_is_refused_in_one_sentence(text):
    with pytest.raises(BnnlibError, match="drawing that cannot be read"):
        from_text(text)


def scaled(strokes: Sequence[Stroke], factor: float, moved: int, width: int) -> list[Stroke]:
    return [make_stroke(np.array(s.points) * factor + moved, width) for s in strokes]


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The share of ink that differs, at best after a move by one pixel: centring rounds."""
    moves = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return min(float((one - other.roll(move, (0, 1))).abs().sum() / one.sum()) for move in moves)


def test_the_image_is_built_from_the_lines_as_any_strokes_are():
    for example in EXAMPLES[:-1]:
        lines = [np.array(stroke.points) / 7 + 1000 for stroke in example.strokes]
        assert apart(drawn_image(example.strokes), image_from_strokes(lines)) < 0.05


@pytest.mark.parametrize("width", [4, 60])
def test_neither_the_pen_nor_the_place_matters(width: int):
    for example in EXAMPLES[:-1]:
        moved = scaled(example.strokes, 1, 5, width)
        torch.testing.assert_close(drawn_image(example.strokes), drawn_image(moved))


def test_a_drawing_a_third_as_large_gives_nearly_the_same_image():
    for example in EXAMPLES[:-1]:
        small = scaled(example.strokes, 1 / 3, 150, 4)
        assert apart(drawn_image(example.strokes), drawn_image(small)) < 0.15


def test_what_leaves_the_sheet_is_lost():
    crossing = make_stroke([(100, 140), (400, 140), (400, 200), (100, 200)], 20)
    inside = [make_stroke([(100, 140), (280, 140)]), make_stroke([(280, 200), (100, 200)])]
    torch.testing.assert_close(drawn_image([crossing]), drawn_image(inside))
    diagonal = make_stroke([(-140, 0), (140, 280)])  # enters in the middle of the left edge
    torch.testing.assert_close(
        drawn_image([diagonal]), drawn_image([make_stroke([(0, 140), (140, 280)])])
    )
    assert not drawn_image([make_stroke([(-50, 10), (-10, 300)]), make_stroke([(500, 500)])]).any()


def test_a_dot_stays_a_dot_and_nothing_stays_nothing():
    assert 1 <= (drawn_image([make_stroke([(200, 60)])]) > 0.2).sum() <= 9
    jitter = make_stroke([(100, 100), (106, 100), (100, 107), (107, 107)], 20)
    assert torch.equal(drawn_image([jitter]), drawn_image([make_stroke([(200, 60)])]))
    assert not drawn_image([]).any()


def test_strokes_over_an_image_leave_its_own_pixels_where_they_are():
    image = torch.randint(
        0, 256, (28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    ).numpy()
    assert torch.equal(drawn_image([], image), torch.from_numpy(image).float() / 255)
    over = drawn_image([make_stroke([(140, 145), (270, 145)], 10)], image)
    assert (over[14, 14:27] > 0.9).all()
    assert torch.equal(over[:13], torch.from_numpy(image[:13]).float() / 255)


def test_points_that_are_none_are_refused():
    for points in ([], [(1, 2, 3)], [(float("nan"), 0)]):
        with pytest.raises(BnnlibError, match="expected"):
            make_stroke(points)
