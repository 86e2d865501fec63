"""Strokes: thinning, the text form, and the image that is made of them."""

import numpy as np
import pytest
import torch

from bnnlib.drawing.codec import from_text, to_text
from bnnlib.drawing.raster import image_from_canvas
from bnnlib.drawing.strokes import SHEET, Stroke, drawn_image, ink, make_stroke
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


def test_the_image_is_the_one_made_of_the_canvas_pixels():
    for example in EXAMPLES[:-1]:
        sheet = (255 * ink(example.strokes)).round().astype(np.uint8)
        rgba = np.stack([sheet, sheet, sheet, np.full_like(sheet, 255)], -1)
        torch.testing.assert_close(
            drawn_image(example.strokes), image_from_canvas(rgba), atol=0.01, rtol=0
        )


def test_a_dot_stays_a_dot_and_nothing_stays_nothing():
    assert 1 <= (drawn_image([make_stroke([(200, 60)])]) > 0.2).sum() <= 9
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
