"""What one or two networks answered to one image, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnnlib.metrics import WORDS
from bnnlib.metrics.answer import Answer, Rule, stands

Limit = float | Rule
FAR = 0.02  # share of held-out digits at least as far, up to which an image is "unlike" them
LEAN = 0.7  # of the mean probability: what two digits must have for it to lie between them
DOUBT = 0.05  # nats of total uncertainty below which its cause is not mentioned
FULL = 0.85  # share of the canvas with ink above which it counts as painted full
SPEAKERS = {
    "dropout": ("the dropout network", "sampled dropout networks"),
    "bayesian": ("the Bayesian network", "sampled Bayesian networks"),
    "ensemble": ("the ensemble", "members of the ensemble"),
    "laplace": ("the Laplace network", "sampled Laplace networks"),
}
DOT = 1.25  # small ink whose height and width differ by less than this factor is a dot


@dataclass(frozen=True)
class Speaker:
    """A network and its answer.

    the: as in "the dropout network". sampled: who votes, as in "sampled dropout networks".
    """

    the: str
    sampled: str
    answer: Answer


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


def sentence(speakers: Sequence[Speaker], limit: Limit | Sequence[Limit]) -> str:
    """One sentence about one or two answers.

    limit: a network does not know if the mean probability of its winner is below this, or if this
    rule says so; one for all networks, or one each.
    """
    if not speakers:
        return "No network can answer: choose another checkpoint."
    limits = limit if isinstance(limit, Sequence) else [limit] * len(speakers)
    sure = [stands(s.answer, one) for s, one in zip(speakers, limits, strict=True)]
    if len(speakers) == 1:
        return _capital(_alone(speakers[0], sure[0])) + "."
    one, two = speakers
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


def _alone(one: Speaker, sure: bool) -> str:
    if not sure:
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


def kind_of_doubt(answers: Sequence[Answer]) -> str | None:
    """Why these answers are in doubt: "unlike", "contradict", "ambiguous", or None.

    "unlike": nearly no held-out digit is as far from the training images. "contradict": most of the
    uncertainty is epistemic. "ambiguous": most is aleatoric. None: there is little of either.
    """
    far = [one.as_far for one in answers if one.as_far is not None]
    if far and max(far) <= FAR:
        return "unlike"
    aleatoric, epistemic = sum(a.aleatoric for a in answers), sum(a.epistemic for a in answers)
    if aleatoric + epistemic < DOUBT:
        return None
    return "contradict" if epistemic > aleatoric else "ambiguous"


def _cause(*speakers: Speaker) -> str:
    """Which kind of doubt it is, over all these networks."""
    answers = [one.answer for one in speakers]
    kind, voter = kind_of_doubt(answers), _voter(speakers)
    if kind == "unlike":
        share = max(one.as_far for one in answers if one.as_far is not None)
        return f"; this is unlike anything seen in training: {farther(share)}"
    if kind == "contradict":
        return f"; most of the uncertainty is epistemic: the {voter}s contradict each other"
    if kind == "ambiguous":
        between = _between(answers)
        unsure = f"{between}" if between else "is itself unsure"
        return f"; most of the uncertainty is aleatoric: each {voter} {unsure}"
    return ""


def farther(as_far: float) -> str:
    """The distance on the scale of held-out digits: "farther ... than 99.8 % of digits"."""
    # Rounded down: never farther than all of them.
    share = np.floor(1000 * (1 - as_far)) / 10 if as_far < 0.1 else round(100 * (1 - as_far))
    return f"farther from the training images than {share:g} % of digits"


def rule_words(rule: Rule) -> str:
    """When the rule does not let a network answer, after "Learnt for NAME: refuses"."""
    words = []
    for name, limit in rule.limits.items():
        if name == "distance":
            words.append(f"farther from the training images than {limit:.1%} of digits")
        elif name == "least_confidence":
            words.append(f"the winner's mean probability is below {1 - limit:.2f}")
        else:
            words.append(f"{WORDS[name]} above {limit:.3f} nats")
    return " or ".join(words)


def _between(answers: Sequence[Answer]) -> str | None:
    """ "sees a digit between 4 and 9", if all networks put the same two digits first."""
    pairs = {tuple(sorted(np.argsort(-one.mean, kind="stable")[:2].tolist())) for one in answers}
    if len(pairs) > 1 or any(np.sort(one.mean)[-2:].sum() < LEAN for one in answers):
        return None
    low, high = pairs.pop()
    return f"sees a digit between {low} and {high}"


def _voter(speakers: Sequence[Speaker]) -> str:
    """What one voter is called; the members of an ensemble are not sampled."""
    sampled = all(one.sampled.startswith("sampled") for one in speakers)
    return "sampled network" if sampled else "network"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
