"""What one or two networks answered to one image, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DOUBT = 0.05  # nats of total uncertainty below which its cause is not mentioned
FULL = 0.85  # share of the canvas with ink above which it counts as painted full
SPEAKERS = {
    "dropout": ("the dropout network", "sampled dropout networks"),
    "bayesian": ("the Bayesian network", "sampled Bayesian networks"),
    "ensemble": ("the ensemble", "members of the ensemble"),
    "laplace": ("the Laplace network", "sampled Laplace networks"),
}
DOT = 1.25  # small ink whose height and width differ by less than this factor is a dot


class Answered(Protocol):
    """What a sentence needs of an answer; `bnnlib.metrics.answer.Answer` is one."""

    @property
    def votes(self) -> NDArray[np.int64]: ...

    @property
    def aleatoric(self) -> float: ...

    @property
    def epistemic(self) -> float: ...

    @property
    def digit(self) -> int: ...

    @property
    def probability(self) -> float: ...


@dataclass(frozen=True)
class Speaker:
    """A network and its answer.

    the: as in "the dropout network". sampled: who votes, as in "sampled dropout networks".
    """

    the: str
    sampled: str
    answer: Answered


def speaker_names(names: Sequence[str], kinds: Sequence[str]) -> list[tuple[str, str]]:
    """("the Bayesian network", "sampled Bayesian networks") for each network.

    Two networks of the same kind are called by their checkpoints' names.
    """
    if len(set(kinds)) == len(kinds):
        return [SPEAKERS[kind] for kind in kinds]
    if len(set(names)) < len(names):
        names = [f"the {side} {name}" for side, name in zip(("left", "right"), names, strict=False)]
    voters = "members" if kinds[0] == "ensemble" else "sampled networks"
    return [(name, f"{voters} of {name}") for name in names]


def sentence(speakers: Sequence[Speaker], threshold: float | Sequence[float]) -> str:
    """One sentence about one or two answers.

    threshold: a network does not know if the mean probability of its winner is below this; one for
    all networks, or one each.
    """
    if not speakers:
        return "No network can answer: choose another checkpoint."
    thresholds = [threshold] * len(speakers) if isinstance(threshold, (int, float)) else threshold
    if len(speakers) == 1:
        return _capital(_alone(speakers[0], thresholds[0])) + "."
    one, two = speakers
    sure = [s.answer.probability >= least for s, least in zip(speakers, thresholds, strict=True)]
    if all(sure):
        if one.answer.digit == two.answer.digit:
            return f"Both say {one.answer.digit}{_dissent(speakers)}."
        return _capital(f"{_says(one)}, but {_says(two)}.")
    if any(sure):
        knows, not_sure = (one, two) if sure[0] else (two, one)
        doubt = f"{not_sure.the} does not know: {_leaning(not_sure)}{_cause(not_sure)}"
        return _capital(f"{_says(knows)}, but {doubt}.")
    if one.answer.digit == two.answer.digit:
        leaning = f"both lean to {one.answer.digit} ({_percent(one)} and {_percent(two)})"
    else:
        leaning = f"{one.the} leans to {_leans(one)}, {two.the} to {_leans(two)}"
    return f"Neither network knows: {leaning}{_cause(one, two)}."


def ink_note(sheet: NDArray[np.float32]) -> str | None:
    """One sentence if the canvas is blank, holds a single dot, or is painted full; else None.

    sheet: the canvas's ink, `[H, W]` in [0, 1].
    """
    marked = sheet > 0.5
    if not marked.any():
        return "The canvas is blank: draw a digit, or choose an example."
    if marked.mean() > FULL:
        return "The canvas is painted full: clear it and draw a digit in lines."
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if (
        max(height, width) < DOT * min(height, width)
        and max(height, width) < sheet.shape[0] / 4
        and marked.sum() > 0.7 * height * width
    ):
        return "The canvas holds a single dot, which is not a digit: draw a larger line."
    return None


def _alone(one: Speaker, threshold: float) -> str:
    if one.answer.probability < threshold:
        return f"{one.the} does not know: {_leaning(one)}{_cause(one)}"
    return f"{_says(one)}{_dissent([one])}"


def _says(one: Speaker) -> str:
    return f"{one.the} says {one.answer.digit} ({_percent(one)})"


def _leaning(one: Speaker) -> str:
    return f"it leans to {_leans(one)}"


def _leans(one: Speaker) -> str:
    return f"{one.answer.digit} ({_percent(one)})"


def _percent(one: Speaker) -> str:
    p = one.answer.probability
    return "over 99 %" if p > 0.995 else f"{100 * p:.0f} %"


def _dissent(speakers: Sequence[Speaker]) -> str:
    """How many vote against the answer, for the network with the larger share of such votes."""
    shares = [1 - s.answer.votes[s.answer.digit] / s.answer.votes.sum() for s in speakers]
    if not any(shares):
        total = sum(int(s.answer.votes.sum()) for s in speakers)
        return f", and all {total} {_voter(speakers)}s agree"
    loudest = speakers[int(np.argmax(shares))]
    votes, digit = loudest.answer.votes, loudest.answer.digit
    against = np.where(np.arange(votes.size) == digit, 0, votes)
    count, rival = int(against.sum()), int(against.argmax())
    says = "says" if count == 1 else "say"
    others = f"{rival}" if np.count_nonzero(against) == 1 else f"something else, mostly {rival}"
    return f", but {count} of {int(votes.sum())} {loudest.sampled} {says} {others}"


def _cause(*speakers: Speaker) -> str:
    """Which kind of uncertainty is the larger, summed over the networks."""
    aleatoric = sum(s.answer.aleatoric for s in speakers)
    epistemic = sum(s.answer.epistemic for s in speakers)
    if aleatoric + epistemic < DOUBT:
        return ""
    if epistemic > aleatoric:
        return f"; most of the uncertainty is epistemic: the {_voter(speakers)}s disagree"
    return f"; most of the uncertainty is aleatoric: each {_voter(speakers)} is itself unsure"


def _voter(speakers: Sequence[Speaker]) -> str:
    """What one voter is called; the members of an ensemble are not sampled."""
    sampled = all(one.sampled.startswith("sampled") for one in speakers)
    return "sampled network" if sampled else "network"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
