"""The points of the toy, and their text in an address."""

import math

import pytest

from bnnlib.errors import BnnlibError
from bnnlib.toy.points import MOST, PRESETS, Points, from_text, to_text


def test_points_survive_the_address() -> None:
    points = Points.of([(-1.2, 0.534), (0.8, -0.07), (5, -9)])
    assert points.pairs == ((-1.2, 0.53), (0.8, -0.07), (2.0, -2.0))
    assert to_text(points) == "-120_53.80_-7.200_-200"
    assert from_text(to_text(points)) == points


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_named_and_can_be_written_out(name: str) -> None:
    assert to_text(PRESETS[name]) == name
    assert from_text(name) == PRESETS[name]
    longer = Points.of([*PRESETS[name].pairs, (0.0, 0.0)])
    assert from_text(to_text(longer)) == longer


def test_no_points_one_and_too_many() -> None:
    assert from_text(to_text(Points())) == Points()
    assert from_text("0_0").pairs == ((0.0, 0.0),)
    assert from_text(".".join(["10_-10"] * 500)) == Points.of([(0.1, -0.1)] * MOST)
    assert len(Points.of([(0, 0)] * 500)) == MOST == 200


@pytest.mark.parametrize("text", ["", "lines", "1_2.", "1_2_3", "201_0", "1.5_2", "1_2;3_4", "a_b"])
def test_other_texts_are_refused_in_one_sentence(text: str, one_sentence) -> None:
    with pytest.raises(BnnlibError) as error:
        from_text(text)
    assert one_sentence(error.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_no_coordinate(value: float, one_sentence) -> None:
    with pytest.raises(BnnlibError) as error:
        Points.of([(0.0, value)])
    assert one_sentence(error.value)
