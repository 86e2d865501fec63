"""What is said of several digits."""

from dataclasses import dataclass

import numpy as np
import pytest

from bnnlib.sentences.several import digit_said, number, several_sentence, split_note


@dataclass
class Said:
    digit: int
    probability: float
    votes: np.ndarray | None = None
    aleatoric: float = 0.0
    epistemic: float = 0.0


def both(digit: int, probability: float = 0.99) -> list[Said]:
    return [Said(digit, probability), Said(digit, probability)]


HALVES = (0.5, 0.5)


def test_digits_that_all_know_are_named_in_order() -> None:
    assert several_sentence([both(4), both(2)], HALVES) == "Two digits: 4 and 2."
    four = [both(2), both(0), both(2), both(4)]
    assert several_sentence(four, HALVES) == "Four digits: 2, 0, 2 and 4."


def test_a_digit_that_one_network_does_not_know_is_a_question_mark_with_its_reason() -> None:
    unsure = [Said(7, 0.99), Said(7, 0.4)]
    assert digit_said(unsure, HALVES) == "?"
    assert several_sentence([both(4), unsure], HALVES) == (
        "Two digits: 4 and ?. Where ? stands, a network does not know."
    )
    differ = [Said(7, 0.9), Said(1, 0.9)]
    assert several_sentence([differ, both(4)], HALVES) == (
        "Two digits: ? and 4. Where ? stands, the networks contradict each other."
    )
    assert "a network does not know or the networks contradict each other" in several_sentence(
        [differ, unsure], HALVES
    )


def test_each_network_has_its_own_threshold() -> None:
    pair = [Said(3, 0.6), Said(3, 0.6)]
    assert digit_said(pair, (0.5, 0.5)) == "3"
    assert digit_said(pair, (0.5, 0.7)) == "?"


@pytest.mark.parametrize(
    ("doubt", "other", "word"),
    [
        (None, 1, ""),
        (0.1, 1, "clear"),
        (0.4, 1, "less likely it is one digit"),
        (0.9, 3, "doubtful: it may be three digits"),
    ],
)
def test_the_doubt_about_the_split_in_words(doubt: float | None, other: int, word: str) -> None:
    note = split_note(2, doubt, other)
    assert word in note
    assert bool(note) == (doubt is not None)


def test_numbers_are_words_up_to_ten() -> None:
    assert (number(2), number(10), number(12)) == ("Two", "Ten", "12")
