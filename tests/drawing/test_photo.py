"""Photographs become the digit's image: in uneven light, on lined paper, with dust and edges."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.photographs import CONDITIONS, photograph
from bnnlib.drawing.photo import PhotoSteps, read_photo, ruled_lines
from bnnlib.drawing.raster import image_from_strokes
from bnnlib.errors import BnnlibError

LETTER_L = [np.array([(0.0, 0), (5, 100), (60, 96)]), np.array([(20.0, 50), (50, 50)])]


def overlap(one: torch.Tensor, other: torch.Tensor) -> float:
    """The cosine of two images, at best after a move by one pixel."""
    moves = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    unit = (one.norm() * other.norm()).clamp_min(1e-9)
    return max(float((one * other.roll(move, (0, 1))).sum() / unit) for move in moves)


def sheet(grey: float = 0.9, height: int = 400, width: int = 300) -> np.ndarray:
    return np.full((height, width, 3), grey, np.float32)


def with_bar(colours: np.ndarray, colour: float = 0.15) -> np.ndarray:
    """An upright bar, 120 by 16 pixels, in the middle."""
    colours[140:260, 142:158] = colour
    return colours


def is_the_bar(steps: PhotoSteps) -> bool:
    rows, columns = np.nonzero(steps.chosen.any(1))[0], np.nonzero(steps.chosen.any(0))[0]
    found = [rows[0], rows[-1], columns[0], columns[-1]]
    return bool(np.abs(np.array(found) - [140, 259, 142, 157]).max() <= 3)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_photograph_shows_what_was_written(condition: str) -> None:
    expected = image_from_strokes(LETTER_L)
    for seed in (1, 2):
        steps = read_photo(photograph(condition, LETTER_L, seed))
        assert overlap(steps.image, expected) > 0.75
        assert steps.inverted == (condition == "chalk")


def test_the_steps_are_as_large_as_the_picture_and_lead_to_the_image() -> None:
    steps = read_photo(with_bar(sheet()))
    assert steps.original.shape == (400, 300, 3)
    assert steps.flat.shape == steps.mask.shape == steps.chosen.shape == (400, 300)
    assert steps.image.shape == (28, 28)
    assert not (steps.chosen & ~steps.mask).any()
    assert steps.image[4:24, 12:16].mean() > 0.5
    assert is_the_bar(steps)


def test_light_from_one_side_is_no_ink() -> None:
    light = np.linspace(1, 0.35, 300, dtype=np.float32)[None, :, None]
    assert is_the_bar(read_photo(with_bar(sheet()) * light))


def test_a_shadow_and_a_table_are_no_ink() -> None:
    shadow = with_bar(sheet())
    shadow[:, 200:] *= 0.5
    assert is_the_bar(read_photo(shadow))
    table = with_bar(sheet())
    table[360:] = 0.2
    table[:, :30] = 0.2
    assert is_the_bar(read_photo(table))


def test_light_ink_on_a_dark_ground_is_found_and_can_be_said() -> None:
    steps = read_photo(with_bar(sheet(0.2), 0.9))
    assert steps.inverted
    assert is_the_bar(steps)
    assert is_the_bar(read_photo(with_bar(sheet(0.2), 0.9), invert=True))
    assert not read_photo(with_bar(sheet(0.2), 0.9), invert=False).chosen[200, 150]


def test_yellow_on_white_is_ink() -> None:
    colours = sheet(0.95)
    colours[140:260, 142:158] = (0.95, 0.9, 0.3)
    assert is_the_bar(read_photo(colours))


def test_dust_far_away_is_left_out_and_a_part_nearby_is_kept() -> None:
    colours = with_bar(sheet())
    colours[20:25, 20:25] = 0
    assert is_the_bar(read_photo(colours))
    colours[130:138, 160:200] = 0.15  # the detached hat of a 5
    assert read_photo(colours).chosen[134, 190]


def test_ruled_lines_are_found_and_a_digits_bar_is_not_one() -> None:
    mask = np.zeros((400, 300), bool)
    mask[100:102] = mask[200:202] = True
    mask[140:152, 100:200] = True
    lines = ruled_lines(mask)
    assert lines[100:102].mean() > 0.95
    assert not lines[140:152].any()


def test_a_crop_looks_at_this_part_alone() -> None:
    colours = sheet()
    colours[100:200, 40:60] = 0.1  # left
    colours[100:200, 200:300] = 0.1  # right: larger
    steps = read_photo(colours, crop=(0, 0, 0.4, 1))
    assert steps.original.shape == (400, 120, 3)
    assert steps.chosen.sum() == pytest.approx(100 * 20, rel=0.1)


def test_a_threshold_of_ones_own_makes_the_mask() -> None:
    steps = read_photo(with_bar(sheet()), threshold=0.99)
    assert steps.threshold == 0.99
    assert not steps.mask.any()


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_a_picture_without_ink_is_blank_with_a_note(grey: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (400, 300, 3))
    for colours in (sheet(grey), np.clip(sheet(grey) + noise, 0, 1).astype(np.float32)):
        steps = read_photo(colours)
        assert not steps.image.any()
        assert "no ink" in steps.notes[-1]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"crop": (0.5, 0, 0.2, 1)}, "crop"),
        ({"crop": (-1, 0, 1, 1)}, "crop"),
        ({"threshold": 1.5}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
    ],
)
def test_corrections_that_are_none_are_refused(options: dict, what: str, one_sentence) -> None:
    with pytest.raises(BnnlibError, match=what) as error:
        read_photo(with_bar(sheet()), **options)
    assert one_sentence(error.value)


def test_colours_that_are_none_are_refused(one_sentence) -> None:
    for colours in (np.zeros((3, 3)), sheet() * np.nan, sheet() + 1):
        with pytest.raises(BnnlibError) as error:
            read_photo(colours)
        assert one_sentence(error.value)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 3), (28, 28), (63, 70)])
def test_small_pictures_do_no_harm(shape: tuple[int, int]) -> None:
    colours = np.random.default_rng(0).uniform(0, 1, (*shape, 3)).astype(np.float32)
    image = read_photo(colours).image
    assert image.shape == (28, 28)
    assert 0 <= float(image.amin()) <= float(image.amax()) <= 1


def test_a_path_and_bytes_give_the_same(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "bar.png"
    Image.fromarray((with_bar(sheet()) * 255).astype(np.uint8)).save(path)
    assert torch.equal(read_photo(path).image, read_photo(path.read_bytes()).image)
