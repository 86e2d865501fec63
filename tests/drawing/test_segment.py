"""Several digits are split in reading order; the strokes of one digit stay together."""

import numpy as np
import pytest

from benchmarks.several import ink_side_by_side, strokes_side_by_side
from bnnlib.datasets.mnist import Digits
from bnnlib.drawing.segment import segment_ink, segment_strokes
from bnnlib.errors import BnnlibError

SEVEN = [[(0, 0), (60, 0), (20, 100)], [(15, 50), (55, 50)]]  # crossed
FOUR = [[(20, 0), (0, 60), (60, 60)], [(45, 30), (45, 100)]]
FIVE = [[(10, 0), (5, 45), (50, 60), (40, 95), (0, 100)], [(12, 0), (60, -4)]]
ONE = [[(0, 0), (0, 100)]]
ZERO = [[(30, 0), (0, 50), (30, 100), (60, 50), (30, 0)]]
DIGITS = {"7": SEVEN, "4": FOUR, "5": FIVE, "1": ONE, "0": ZERO}


def placed(*digits: list, gap: float = 25) -> tuple[list[np.ndarray], list[tuple[int, ...]]]:
    strokes: list[np.ndarray] = []
    owners, left = [], 0.0
    for digit in digits:
        owners.append(tuple(range(len(strokes), len(strokes) + len(digit))))
        lines = [np.array(line, dtype=float) for line in digit]
        strokes += [line + np.array([left, 0]) for line in lines]
        left += np.concatenate(lines)[:, 0].max() + gap
    return strokes, owners


@pytest.mark.parametrize("name", DIGITS)
def test_the_strokes_of_one_digit_stay_together(name: str) -> None:
    split = segment_strokes(DIGITS[name])
    assert split.members == (tuple(range(len(DIGITS[name]))),)
    assert split.images.shape == (1, 28, 28)


@pytest.mark.parametrize("word", ["42", "2024", "17", "505", "47", "10"])
def test_digits_side_by_side_are_parted(word: str) -> None:
    strokes, owners = placed(*(DIGITS.get(digit, ZERO) for digit in word))
    split = segment_strokes(strokes)
    assert list(split.members) == owners
    assert len(split.images) == len(split.boxes) == len(word)
    lefts = [box[0] for box in split.boxes]
    assert lefts == sorted(lefts)
    assert split.doubt < 0.9


def test_strokes_drawn_in_any_order_are_read_from_left_to_right() -> None:
    strokes, owners = placed(SEVEN, ONE, FOUR)
    split = segment_strokes(strokes[::-1])
    last = len(strokes) - 1
    assert [sorted(last - k for k in group) for group in split.members] == [
        sorted(group) for group in owners
    ]


def test_rows_are_read_one_after_the_other() -> None:
    above, _ = placed(SEVEN, ONE)
    below, _ = placed(ZERO, FOUR)
    split = segment_strokes([*(line + np.array([0, 200]) for line in below), *above])
    assert [len(group) for group in split.members] == [2, 1, 1, 2]


def test_a_narrow_gap_is_more_doubtful_than_a_wide_one_and_both_have_another_reading() -> None:
    wide, _ = placed(ZERO, ZERO, gap=60)
    near, _ = placed(ZERO, ZERO, gap=-10)
    assert segment_strokes(near).doubt > 2 * segment_strokes(wide).doubt
    assert len(segment_strokes(near).alternatives[0].boxes) == 1
    assert 0 <= segment_strokes(wide).doubt <= 1


def test_nothing_is_no_digit_and_what_is_none_is_refused(one_sentence) -> None:
    assert segment_strokes([]).images.shape == (0, 28, 28)
    assert segment_ink(np.zeros((50, 80))).boxes == ()
    for strokes in ([[]], [[(1, 2, 3)]], [[(float("nan"), 0)]]):
        with pytest.raises(BnnlibError) as error:
            segment_strokes(strokes)
        assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="pieces") as error:
        segment_strokes([[(k, 0), (k, 9)] for k in range(500)])
    assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="expected"):
        segment_ink(np.zeros(5))


def test_ink_is_split_as_its_strokes_are_and_dust_goes_with_its_neighbour(embedded: Digits) -> None:
    images = embedded.test.images.numpy()
    random = np.random.default_rng(0)
    for first in range(0, 20, 2):
        ink, columns = ink_side_by_side(images[first : first + 2], random, touching=False)
        ink[2:4, 2:4] = 1
        split = segment_ink(ink)
        assert len(split.boxes) == 2
        assert split.boxes[1][0] == pytest.approx(columns[1][0], abs=16)
        assert split.members[0][2:4, 2:4].all()


def test_touching_digits_are_cut_and_uncut_is_an_alternative() -> None:
    ink = np.zeros((120, 160))
    for left in (10, 78):  # two upright boxes that share a wall's pixel
        ink[10:110, left : left + 60] = 1
        ink[20:100, left + 10 : left + 50] = 0
    ink[50:58, 68:80] = 1
    split = segment_ink(ink)
    assert len(split.boxes) == 2
    assert len(split.alternatives[0].boxes) == 1
    assert split.images.shape == (2, 28, 28)


@pytest.mark.mnist
def test_single_digits_are_seldom_split(mnist: Digits) -> None:
    from benchmarks.several import enlarged

    images = mnist.validation.images[:150].numpy()
    assert sum(len(segment_ink(enlarged(image)).boxes) > 1 for image in images) <= 4


def test_the_generator_says_which_stroke_is_whose() -> None:
    digits = [[np.array(line, dtype=float) for line in DIGITS[name]] for name in "740"]
    strokes, owners = strokes_side_by_side(digits, np.random.default_rng(0), touching=False)
    assert owners == [(0, 1), (2, 3), (4,)]
    boxes = [np.concatenate([strokes[k] for k in group]) for group in owners]
    assert boxes[0][:, 0].max() < boxes[1][:, 0].min() < boxes[2][:, 0].min()
