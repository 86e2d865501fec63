"""The benchmark of drawings counts right: a network whose answers are known gives known figures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import ink_data
from benchmarks.drawings import Set, digits_result, measure, others_result, table
from benchmarks.failures import failures, picture
from benchmarks.photographs import CONDITIONS, photograph
from bnnlib.errors import BnnlibError


def certain(answers: list[int], confidence: list[float]) -> torch.Tensor:
    """Two equal samples `[2, B, 10]` that answer so, this surely."""
    probs = torch.stack([torch.full((10,), (1 - c) / 9) for c in confidence])
    probs[torch.arange(len(answers)), answers] = torch.tensor(confidence)
    return probs.expand(2, -1, -1)


def test_digits_are_counted() -> None:
    probs = certain([3, 3, 5, 7], [0.95, 0.99, 0.92, 0.5])
    result = digits_result(probs, torch.tensor([3, 3, 4, 7]))
    assert result["right"]["value"] == pytest.approx(75)
    assert result["sure and wrong"]["value"] == pytest.approx(25)
    assert result["named > 0.9"]["value"] == pytest.approx(75)
    assert result["right per class"] == {"3": 100, "4": 0, "7": 100}
    assert result["right"]["interval"][0] <= 75 <= result["right"]["interval"][1]


def test_what_is_no_digit_is_counted_by_kind_and_told_apart() -> None:
    inside, outside = certain([1, 2, 3], [0.99] * 3), certain([1, 1, 1], [0.5, 0.95, 0.6])
    result = others_result(inside, outside, ["house", "cat", "cat"])
    assert result["named > 0.9"]["value"] == pytest.approx(100 / 3)
    assert result["AUROC least_confidence"]["value"] == pytest.approx(1)
    assert result["named > 0.9 per class"] == {"cat": 50, "house": 0}


def test_every_set_is_asked_about_and_shown() -> None:
    images = torch.zeros(4, 28, 28)
    sets = {
        "pen digits": Set(images, ["1", "1", "2", "2"], [1, 1, 2, 2]),
        "doodles": Set(images[:2], ["house", "cat"]),
        "photos": Set(images[:3], ["shadow", "clean", "shadow"], [1, 1, 2]),
    }
    spread = [0.99, 0.98, 0.97, 0.96]
    results = measure(lambda asked: certain([1, 1, 2, 2][: len(asked)], spread[: len(asked)]), sets)
    assert results["photos"]["right per condition"] == {"clean": 100, "shadow": 100}
    text = table({"some-network": results})
    assert "| pen digits: right | 100.0 (100.0 to 100.0) |" in text
    assert "doodles: AUROC mutual_information" in text
    json.dumps(results)


def test_the_writers_of_pen_digits_are_told_apart(tmp_path: Path, one_sentence) -> None:
    (tmp_path / "pen").mkdir()
    stroke = ".PEN_DOWN\n 1 2\n 3 5\n.PEN_UP\n"
    text = "".join(
        f'.SEGMENT DIGIT 0 ? "{digit}"\n.COMMENT {digit} {writer} 9\n{stroke}'
        for digit, writer in [(7, 1), (3, 25), (4, 30)]
    )
    path = tmp_path / "pen" / "pendigits-orig-tra.txt"
    path.write_text(text)
    found = ink_data.pen_digits(tmp_path, ink_data.REPORTING)
    assert [label for label, _ in found] == [3, 4]
    assert found[0][1][0].tolist() == [[1, -2], [3, -5]]  # y points down
    path.write_text(text.replace(".COMMENT 3 25 9\n", ""))
    with pytest.raises(BnnlibError, match="names 2 writers for 3") as error:
        ink_data.pen_digits(tmp_path, ink_data.REPORTING)
    assert one_sentence(error.value)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_seed_gives_the_same_photograph_and_another_seed_another(condition: str) -> None:
    strokes = [np.array([(0.0, 0), (5, 100), (60, 96)])]
    one, again, other = (photograph(condition, strokes, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert 0 <= one.min() <= one.max() <= 1


def test_writers_for_training_tuning_and_reporting_are_disjoint() -> None:
    parts = [set(part) for part in (ink_data.TRAINING, ink_data.TUNING, ink_data.REPORTING)]
    assert set.union(*parts) == set(range(1, 31))
    assert sum(map(len, parts)) == 30


def test_failures_are_what_is_sure_and_wrong_the_surest_first() -> None:
    images = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(0))
    probs = certain([3, 5, 7, 1], [0.99, 0.92, 0.97, 0.6])
    digits = failures(Set(images, ["3", "4", "9", "2"], [3, 4, 9, 2]), probs)
    assert [(round(sure, 2), words) for sure, _, words in digits] == [
        (0.97, "9: 7"),
        (0.92, "4: 5"),
    ]
    assert torch.equal(digits[0][1], images[2])
    letters = failures(Set(images, list("aeiu")), probs)
    assert [words for _, _, words in letters] == ["a: 3", "i: 7", "e: 5"]
    sheet = np.asarray(picture({"digits": digits, "letters": letters}))
    assert sheet.min() < 50
    assert sheet.max() == 255
