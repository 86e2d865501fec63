"""What the results of an evaluation say, in one plain sentence each. Markdown; names in bold."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from bnnlib.evaluation.compare import Difference
from bnnlib.metrics import COVERAGES, WORDS, risk_coverage
from bnnlib.storage.evaluations import Results

Summary = Mapping[str, Any]
CLOSE = 0.002  # confidence and accuracy this near each other count as the same


def percent(share: float, decimals: int = 1) -> str:
    """A share as a percentage, with a narrow space that does not break.

    Never 0 or 100 by mere rounding.
    """
    text = f"{100 * share:.{decimals}f}"
    finest = 10.0**-decimals
    if float(text) == 100 and share < 1:
        text = f"over {100 - finest:.{decimals}f}"
    if float(text.split()[-1]) == 0 and share > 0:
        text = f"under {finest:.{decimals}f}"
    return f"{text}\u202f%"


# key: name, how it is written, what it is
FIGURES: dict[str, tuple[str, Callable[[float], str], str]] = {
    "error": ("Error", lambda value: percent(value, 2), "share of digits answered wrongly"),
    "nll": (
        "NLL",
        "{:.4f}".format,
        "negative log-likelihood in nats: how surprised it is by the truth",
    ),
    "brier": (
        "Brier",
        "{:.4f}".format,
        "squared distance from the truth, summed over the ten digits",
    ),
    "ece": (
        "ECE",
        lambda value: percent(value, 2),
        "expected calibration error: how far confidence is from being right that often, 15 bins. "
        "Chance alone makes it larger than 0, so it has no interval",
    ),
    "squared_calibration_error": (
        "Debiased calibration error",
        lambda value: percent(max(0.0, value) ** 0.5, 2),
        "the root of the mean squared gap between confidence and accuracy, less what chance adds, "
        "15 bins of equal counts. If its interval begins at 0, the network may be calibrated",
    ),
    "aurc": (
        "AURC",
        lambda value: f"{1e3 * value:.2f} ‰",
        "area under the risk-coverage curve: the error left among the surest digits, averaged "
        "over how many are answered",
    ),
}


def a_digit(digit: int) -> str:
    """ "a 7", but "an 8"."""
    return f"{'an' if digit == 8 else 'a'} {digit}"


def better(
    values: Sequence[float], difference: Callable[[int, int], Difference | None]
) -> tuple[int, bool | None] | None:
    """Which of several figures is the least, and whether beyond chance against every other.

    difference: the paired difference of the figures at two places; None where it is not known, and
    then so is the answer. None if two are equally the least, or there is only one.
    """
    if len(values) < 2:
        return None
    order = sorted(range(len(values)), key=values.__getitem__)
    first = order[0]
    if values[first] == values[order[1]]:
        return None
    found = [difference(first, other) for other in order[1:]]
    known = [one for one in found if one is not None]
    if not all(one.beyond_chance for one in known):
        return first, False
    return first, True if len(known) == len(found) else None


def points(difference: Difference) -> str:
    """A difference of shares with its interval, in percentage points, as a positive number."""
    ends = sorted(100 * sign(difference) * end for end in (difference.low, difference.high))
    return f"{100 * abs(difference.value):.2f} points ({ends[0]:.2f} to {ends[1]:.2f})"


def points_apart(difference: float) -> str:
    """A difference of two errors in words: "0.12 points more", "0.03 points fewer"."""
    if abs(difference) < 5e-5:
        return "as many"
    return f"{100 * abs(difference):.2f} points {'more' if difference > 0 else 'fewer'}"


def sign(difference: Difference) -> int:
    """-1 where the first figure is the less, else 1."""
    return -1 if difference.value < 0 else 1


def on_errors(
    summaries: Mapping[str, Summary], difference: Callable[[int, int], Difference | None]
) -> str:
    """Who errs least on how many digits, and whether that is more than chance.

    difference: the paired difference of the errors at two places, None where it is not tested.
    """
    names = list(summaries)
    errors = [summaries[name]["error"] for name in names]
    words = ", ".join(
        f"**{name}** gets {percent(error, 2)} wrong"
        for name, error in zip(names, errors, strict=True)
    )
    images = summaries[names[0]]["images"]
    sentence = f"Of {images:,} digits that no network was trained on, {words}"
    found = better(errors, difference)
    if found is None or found[1] is None:
        return sentence + "."
    if len(names) > 2:
        chance = "" if found[1] else "not "
        return (
            f"{sentence}: **{names[found[0]]}** errs least, {chance}beyond chance against each of "
            "the others."
        )
    between = difference(0, 1)
    assert between is not None  # else `better` would not know
    lead = f"{sentence}: a difference of {points(between)}"
    if found[1]:
        return f"{lead}, beyond chance."
    return f"{lead}, within chance: other digits might well reverse it."


def on_old(names: Sequence[str]) -> str:
    """Which comparison the files of an earlier version do not allow, and how to renew them."""
    return (
        f"{', '.join(names)}: evaluated by an earlier version, so differences of NLL and Brier "
        "score are not tested; "
        f"`python -m bnnlib evaluate {' '.join(names)} --save` renews the files."
    )


def on_uncorrected(summaries: Mapping[str, Summary]) -> str | None:
    """Whose mean mutual information has the bias of few samples; None where nobody's has."""
    names = [
        name for name, summary in summaries.items() if not summary.get("corrected_means", False)
    ]
    if not names:
        return None
    return (
        f"{', '.join(names)}: the mean mutual information is not corrected for the number of "
        "samples, so it is a little too low; "
        f"`python -m bnnlib evaluate {' '.join(names)} --save` corrects it."
    )


def asked(figures: Mapping[str, Any], members: int | None = None) -> str:
    """Whose mean the answer is: of samples, or of an ensemble's members.

    members: how many the ensemble has, where `figures` do not say.
    """
    members = figures.get("members", members)
    if members is None:
        return f"{figures['samples']} sample{'s' if figures['samples'] != 1 else ''}"
    number = min(members, figures["samples"])
    return f"{number} member{'s' if number != 1 else ''}"


def told(lead: str, parts: Sequence[str]) -> str:
    """What holds of each network, after `lead`: one sentence for one or two, a list for more."""
    if len(parts) <= 2:
        return f"{lead}{'; '.join(parts)}."
    return f"{lead}\n" + "".join(f"\n- {part}" for part in parts)


def on_calibration(tables: Mapping[str, Tensor]) -> str:
    """Is each as sure as it is right? `tables`: name -> reliability `[3, bins]`."""
    parts = []
    for name, (count, confidence, accuracy) in tables.items():
        total = float(count.sum())
        said, right = (
            float((count * confidence).sum()) / total,
            float((count * accuracy).sum()) / total,
        )
        gap = said - right
        verdict = (
            "as sure as it should be"
            if abs(gap) < CLOSE
            else f"too {'sure' if gap > 0 else 'modest'} by {abs(gap) * 100:.1f} points"
        )
        parts.append(
            f"**{name}** says {percent(said, 1)} on average and is right {percent(right, 1)} "
            f"of the time: {verdict}"
        )
    return told("", parts)


def on_refusal(results: Mapping[str, Results], measure: str, refused: float) -> str:
    """What refusing the most uncertain share leaves wrong, and how many mistakes it catches."""
    parts = []
    for name, found in results.items():
        images, mistakes = len(found.wrong), int(found.wrong.sum())
        answered = max(1, round(images * (1 - refused)))
        left = float(risk_coverage(found.doubt(measure), found.wrong)[1][answered - 1]) * answered
        caught = (
            f"{mistakes - left:.0f} of its {mistakes} mistakes are among the refused"
            if mistakes
            else "it makes no mistakes"
        )
        parts.append(
            f"**{name}** is right on {percent(1 - left / answered, 2)} of the {answered:,} digits "
            f"it still answers; {caught}"
        )
    lead = (
        f"Refusing the {percent(refused, 1)} with the largest {WORDS[measure]}"
        if refused
        else "Refusing nothing"
    )
    return told(f"{lead}: ", parts)


def on_rule(name: str, summary: Summary) -> str:
    """The refusal rule learnt on validation digits, as it fares on the test digits."""
    refusal = summary["refusal"]
    rule = refusal["rules"]["least_confidence"]
    right = "" if rule["right"] is None else f", {percent(rule['right'], 2)} of them right"
    return (
        f"**{name}**: “I don't know” below a winner's probability of "
        f"{percent(1 - rule['threshold'], 1)}, learnt on validation digits, answers "
        f"{percent(rule['answered'], 1)} of the test digits{right}."
    )


def on_others(summaries: Mapping[str, Summary], set_name: str, measure: str) -> str:
    """How well doubt tells a set from digits."""
    parts = []
    for name, summary in summaries.items():
        found = summary["ood"]["sets"][set_name]["measures"][measure]
        parts.append(
            f"for **{name}** in {percent(found['auroc'], 1)} of pairs, and its rule refuses "
            f"{percent(found['refused'], 0)} of the set"
        )
    return told(
        f"A picture from this set has a larger {WORDS[measure]} than a digit "
        "(in 50\u202f% of pairs by mere chance): ",
        parts,
    )


def on_shift(curves: Mapping[str, Summary], words: str) -> str:
    """Does doubt rise where accuracy falls? At the strength where accuracy is least on average."""
    first = next(iter(curves.values()))
    worst = int(np.mean([curve["accuracy"] for curve in curves.values()], axis=0).argmin())
    strength, unit = first["strengths"][worst], first["unit"]
    parts = []
    for name, curve in curves.items():
        right, doubt = curve["accuracy"], curve["mutual_information"]
        parts.append(
            f"**{name}** falls from {percent(right[0], 0)} right to {percent(right[worst], 0)} "
            f"while its mutual information goes from {doubt[0]:.2f} to {doubt[worst]:.2f} nats"
        )
    return told(f"Digits {words}, at {strength:g} {unit}: ", parts)


def on_mistakes(name: str, doubt: Tensor, labels: Tensor, predicted: Tensor) -> str:
    """The most confident mistake and how many are made with confidence; `[B]` each.

    `doubt` is 1 - the winner's probability.
    """
    wrong = (predicted != labels).nonzero()[:, 0]
    if not len(wrong):
        return f"**{name}** makes no mistake on these {len(labels):,} digits."
    first = int(wrong[doubt[wrong].argmin()])
    sure = int((doubt[wrong] < 0.1).sum())
    return (
        f"**{name}** is surest of itself and wrong with {a_digit(int(labels[first]))} that it "
        f"takes for {a_digit(int(predicted[first]))} ({percent(1 - float(doubt[first]), 1)}); "
        f"{sure} of its {len(wrong)} mistakes on these {len(labels):,} digits are made with more "
        "than 90\u202f%."
    )


def on_confusion(name: str, matrix: Tensor, errors: Sequence[float | None]) -> str:
    """The commonest confusion and the hardest digit; `matrix` `[C, C]`."""
    mistakes = matrix - matrix.diagonal().diag()
    if not mistakes.any():
        return f"**{name}** confuses no digits."
    true, taken = divmod(int(mistakes.argmax()), len(matrix))
    known = {digit: share for digit, share in enumerate(errors) if share is not None}
    hardest = max(known, key=known.__getitem__)
    times = int(mistakes[true, taken])
    return (
        f"**{name}** most often takes {a_digit(true)} for {a_digit(taken)} "
        f"({times} time{'s' if times > 1 else ''}); its hardest digit is {hardest}, "
        f"{percent(known[hardest], 1)} of which it gets wrong."
    )


def on_classes(errors: Mapping[str, Sequence[float | None]]) -> str:
    """The digits that the networks together find hardest and easiest.

    `errors`: name -> share wrong of each digit, None without images.
    """
    rows = enumerate(zip(*errors.values(), strict=True))
    means = {digit: float(np.mean(shares)) for digit, shares in rows if None not in shares}
    if len(means) < 2:
        return "There are images of too few digits to compare them."
    hardest, easiest = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    on_average = " on average" if len(errors) > 1 else ""
    return (
        f"The hardest digit is {hardest}: {percent(means[hardest], 1)} of them are answered "
        f"wrongly{on_average}; the easiest is {easiest} with {percent(means[easiest], 1)}."
    )


def coverage_row(summary: Summary, measure: str) -> dict[str, float]:
    """Share right when only the surest share is answered, by coverage."""
    return {
        f"{percent(coverage, 0)}": summary["selective"][measure]["accuracy_at_coverage"][
            f"{coverage:g}"
        ]
        for coverage in COVERAGES
    }
