"""What the networks answered to several digits side by side, in one or two sentences."""

from collections.abc import Sequence

from bnnlib.metrics.answer import Answer, stands
from bnnlib.sentences.answers import Limit

NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
CLEAR, DOUBTFUL = 0.2, 0.6  # below the first a split is clear, above the second doubtful
UNKNOWN = "?"


def digit_said(answers: Sequence[Answer], limits: Sequence[Limit]) -> str:
    """The digit that all networks say of one part, or "?" if one does not know or they differ.

    answers: each network's of this part. limits: each network's own; it does not know if the mean
    probability of its winner is below this, or if this rule says so.
    """
    digits = {answer.digit for answer in answers}
    known = all(stands(a, limit) for a, limit in zip(answers, limits, strict=True))
    return str(digits.pop()) if known and len(digits) == 1 else UNKNOWN


def several_sentence(answers: Sequence[Sequence[Answer]], limits: Sequence[Limit]) -> str:
    """ "Two digits: 4 and 2.", with a "?" for each part that the networks do not agree on.

    answers: for each part, in reading order, each network's.
    """
    said = [digit_said(part, limits) for part in answers]
    sentence = f"{number(len(said))} digits: {', '.join(said[:-1])} and {said[-1]}."
    if UNKNOWN not in said:
        return sentence
    unsure = contrary = False
    for part, word in zip(answers, said, strict=True):
        if word == UNKNOWN:
            known = all(stands(a, limit) for a, limit in zip(part, limits, strict=True))
            contrary, unsure = contrary or known, unsure or not known
    reasons = ["a network does not know"] * unsure + [
        "the networks contradict each other"
    ] * contrary
    return f"{sentence} Where ? stands, {' or '.join(reasons)}."


def split_note(count: int, doubt: float | None, other: int | None) -> str:
    """How doubtful it is that the ink holds `count` digits.

    doubt: in [0, 1], 1 where the other reading was as good; None if it is not known. other: how
    many digits that reading has.
    """
    if doubt is None:
        return ""
    if doubt < CLEAR or other is None:
        return f"The split into {number(count).lower()} is clear."
    digits = "one digit" if other == 1 else f"{number(other).lower()} digits"
    if doubt < DOUBTFUL:
        return f"The split is likely; less likely it is {digits}."
    return f"The split is doubtful: it may be {digits}."


def number(count: int) -> str:
    """The number as a capitalised word up to ten."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)
