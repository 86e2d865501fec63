"""The parts of an evaluation: answers to digits, to pictures that are no digits, to harder digits.

Each takes answers and returns figures as JSON has them. What cannot be measured is left out, and
`notes` says so.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.datasets.mnist import Split
from bnnlib.datasets.shifts import SHIFTS
from bnnlib.errors import BnnlibError

COVERAGE = 0.95  # of validation digits that the refusal rule answers
SHIFT_IMAGES = 1_000
EDGES = torch.cat(
    [torch.zeros(1), torch.logspace(-6, math.log10(math.log(10)), 51)]
)  # nats; up to log 10, the most there is
FIGURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "error": metrics.error,
    "nll": metrics.nll,
    "ece": metrics.ece,
    "brier": metrics.brier,
    "equal_mass_ece": metrics.equal_mass_ece,
}


@dataclass(frozen=True)
class Asked:
    """What the networks said of images: their mean `[B, C]` and every measure of doubt `[B]`.

    levels: the measures with the bias of few samples taken from the mutual information. Compare
    them between networks; `doubts` rank the images of one network.
    """

    mean: Tensor
    doubts: dict[str, Tensor]
    levels: dict[str, Tensor]

    @staticmethod
    def of(probs: Tensor, complete: bool) -> "Asked":
        """From probabilities `[S, B, C]`; complete: they are of all members there are.

        Then nothing was sampled, and there is no bias to correct.
        """
        doubts = metrics.doubts(probs)
        levels = dict(doubts)
        if not complete:
            levels["mutual_information"] = metrics.corrected_mutual_information(probs)
        return Asked(probs.mean(0), doubts, levels)

    def means(self) -> dict[str, float]:
        """The mean level of every measure."""
        return {name: level.mean().item() for name, level in self.levels.items()}


def digit_figures(
    asked: Asked, labels: Tensor, notes: list[str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Figures on digits, and what the file keeps of each image."""
    mean, wrong = asked.mean, asked.mean.argmax(-1) != labels
    summary: dict[str, Any] = {name: figure(mean, labels) for name, figure in FIGURES.items()}
    intervals: dict[str, Any] = {
        name: metrics.bootstrap_interval(_mean, values(mean, labels))
        for name, values in (
            ("error", metrics.errors),
            ("nll", metrics.nlls),
            ("brier", metrics.briers),
        )
    }
    summary["squared_calibration_error"] = metrics.squared_calibration_error(mean, labels)
    intervals["squared_calibration_error"] = metrics.squared_calibration_error_interval(
        mean, labels
    )
    plain = asked.doubts["least_confidence"]
    summary["aurc"] = metrics.aurc(plain, wrong)
    intervals["aurc"] = metrics.aurc_interval(plain, wrong)
    summary["accuracy_at_coverage"] = _accuracies(plain, wrong)
    summary["selective"] = {
        name: {
            "aurc": metrics.aurc(doubt, wrong),
            "accuracy_at_coverage": _accuracies(doubt, wrong),
        }
        for name, doubt in asked.doubts.items()
    }
    summary["mistakes"] = dict.fromkeys(asked.doubts)
    if wrong.any() and not wrong.all():
        for name, doubt in asked.doubts.items():
            interval = metrics.auroc_interval(doubt, wrong)
            summary["mistakes"][name] = {"auroc": metrics.auroc(doubt, wrong), "interval": interval}
    else:
        notes.append(
            f"all answers are {'wrong' if wrong.any() else 'right'}: "
            "how well doubt finds mistakes cannot be measured"
        )
    if len(labels.unique()) == 1:
        notes.append(
            f"all images are of class {int(labels[0])}: the figures say nothing of other classes"
        )
    summary["means"], summary["corrected_means"] = asked.means(), True
    summary["per_class_error"] = metrics.per_class_error(matrix := metrics.confusion(mean, labels))
    summary["intervals"] = intervals
    table = metrics.reliability(mean, labels)
    arrays = {
        "labels": labels.to(torch.uint8),
        "predicted": mean.argmax(-1).to(torch.uint8),
        "confusion": matrix.to(torch.int32),
        "reliability": torch.stack([table.count.double(), table.confidence, table.accuracy])
        .nan_to_num()
        .float(),
        "nlls": metrics.nlls(mean, labels).float(),
        "briers": metrics.briers(mean, labels).float(),
        **{name: doubt.half() for name, doubt in asked.doubts.items()},
        **histograms("digits", asked),
    }
    return summary, arrays


def _mean(values: Tensor) -> float:
    return values.mean().item()


def _accuracies(doubt: Tensor, wrong: Tensor) -> dict[str, float]:
    return {
        f"{coverage:g}": metrics.accuracy_at_coverage(doubt, wrong, coverage)
        for coverage in metrics.COVERAGES
    }


def refusal_rules(
    known: Asked, known_labels: Tensor, asked: Asked, labels: Tensor, split: str, notes: list[str]
) -> dict[str, Any]:
    """For each measure the doubt up to which 95 % of the validation digits are answered.

    And what that gives on the images reported on.
    """
    known_wrong, wrong = known.mean.argmax(-1) != known_labels, asked.mean.argmax(-1) != labels
    rules: dict[str, Any] = {}
    for name, doubt in asked.doubts.items():
        threshold = metrics.refusal_threshold(known.doubts[name], COVERAGE)
        answered = doubt <= threshold
        right = (1 - wrong[answered].double().mean().item()) if answered.any() else None
        rules[name] = {
            "threshold": threshold,
            "answered": answered.double().mean().item(),
            "right": right,
        }
    if split == "validation":
        notes.append(
            "the refusal rule was learnt on the very images it is reported on: "
            "use the test split for its worth"
        )
    best = min(rules, key=lambda name: metrics.aurc(known.doubts[name], known_wrong))
    return {"measure": best, "coverage": COVERAGE, "learnt_on": "validation", "rules": rules}


def temperature_figures(
    known: Tensor, known_labels: Tensor, mean: Tensor, labels: Tensor, notes: list[str]
) -> dict[str, Any] | None:
    """Figures after temperature scaling; None, and a note, where no temperature can be fitted."""
    try:
        temperature = metrics.fit_temperature(known, known_labels)
    except BnnlibError as error:
        notes.append(f"no temperature was fitted ({error})")
        return None
    scaled = metrics.apply_temperature(mean, temperature)
    return {
        "temperature": temperature,
        "fitted_on": "validation",
        **{name: figure(scaled, labels) for name, figure in FIGURES.items()},
    }


def choose_measure(known: Asked, clothes: Asked | None, notes: list[str]) -> str:
    """The measure that best tells Fashion-MNIST's training images from the validation digits.

    It is chosen without the pictures that it is reported on.
    """
    if clothes is None:
        notes.append(
            "Fashion-MNIST is not here to choose a measure of doubt by: "
            "the predictive entropy is taken"
        )
        return "predictive_entropy"
    return max(
        known.doubts,
        key=lambda name: metrics.detection(known.doubts[name], clothes.doubts[name])["auroc"],
    )


def set_figures(digits: Asked, found: Asked, rules: dict[str, Any]) -> dict[str, Any]:
    """AUROC, AUPR and FPR95 of every measure against the digits, its mean level on the set.

    And the share of the set that the refusal rule refuses.
    """
    measures, means = {}, found.means()
    for name, outside in found.doubts.items():
        inside = digits.doubts[name]
        interval = metrics.auroc_interval(*metrics.against(inside, outside))
        refused = (outside > rules[name]["threshold"]).double().mean().item()
        measures[name] = {
            **metrics.detection(inside, outside),
            "interval": interval,
            "mean": means[name],
            "refused": refused,
        }
    return {"images": len(found.mean), "measures": measures}


def histograms(name: str, asked: Asked) -> dict[str, Tensor]:
    """Every measure's counts between EDGES, by the name that the file has for them."""
    return {
        f"histogram/{name}/{measure}": _histogram(doubt) for measure, doubt in asked.doubts.items()
    }


def _histogram(values: Tensor) -> Tensor:
    """Counts between EDGES, int32.

    The first bin takes all below the first positive edge, the last all above.
    """
    index = torch.bucketize(values.contiguous(), EDGES, right=True).sub(1).clamp(0, len(EDGES) - 2)
    return torch.bincount(index, minlength=len(EDGES) - 1).to(torch.int32)


def shift_curve(asked: Asked, part: Split, kind: str) -> dict[str, Any]:
    """Accuracy, NLL, ECE and every measure's mean level at each strength."""
    strengths = SHIFTS[kind].strengths
    labels = part.labels[:SHIFT_IMAGES]
    means = asked.mean.view(len(strengths), len(labels), -1)
    curve: dict[str, Any] = {
        "strengths": list(strengths),
        "unit": SHIFTS[kind].unit,
        "images": len(labels),
    }
    curve["accuracy"] = [1 - metrics.error(mean, labels) for mean in means]
    curve["nll"] = [metrics.nll(mean, labels) for mean in means]
    curve["ece"] = [metrics.ece(mean, labels) for mean in means]
    for name, level in asked.levels.items():
        curve[name] = level.view(len(strengths), -1).mean(1).tolist()
    return curve
