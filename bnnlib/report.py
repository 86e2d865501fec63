"""A network's figures on images it has never seen, its doubt on images that are no digits, and when it had better not answer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnnlib import evaluation
from bnnlib.data import Digits, Split, held_out, to_float
from bnnlib.errors import BnnlibError
from bnnlib.models import DropoutNetwork, Network
from bnnlib.ood import available_sets, load_ood
from bnnlib.predict import deterministic_probs, sample_probs
from bnnlib.results import Results
from bnnlib.shifts import SHIFTS, shift_images

COVERAGE = 0.95  # of validation digits that the refusal rule answers
CHUNK = 10  # samples between two signs of progress; a multiple of an ensemble's five members
SHIFT_IMAGES = 1_000
EDGES = torch.cat([torch.zeros(1), torch.logspace(-6, math.log10(math.log(10)), 51)])  # nats; up to log 10, the most there is
FIGURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "error": evaluation.error,
    "nll": evaluation.nll,
    "ece": evaluation.ece,
    "brier": evaluation.brier,
    "adaptive_ece": evaluation.adaptive_ece,
}
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Plan:
    """What to find out. `ood`: names or paths of sets that are no digits; `shifts`: names in SHIFTS.

    refusal: learn on the validation images when to refuse. Sets, temperature scaling and refusal ask the validation images too.
    """

    split: str = "test"
    samples: int = 100
    seed: int = 0
    ood: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    refusal: bool = False
    temperature_scaling: bool = False

    @staticmethod
    def full(samples: int = 100, seed: int = 0) -> "Plan":
        """Everything that the Evaluate page shows, with the sets that are at hand."""
        return Plan(samples=samples, seed=seed, ood=tuple(available_sets()), shifts=("rotation",), refusal=True, temperature_scaling=True)


@dataclass(frozen=True)
class Asked:
    """What `samples` networks said of images: their mean `[B, C]` and every measure of doubt `[B]`."""

    mean: Tensor
    doubts: dict[str, Tensor]


def evaluate(network: Network, digits: Digits, split: str = "test", samples: int = 100, seed: int = 0) -> dict[str, Any]:
    """`error`, `nll` (nats), `ece` and `brier` of the mean over `samples` networks, and where they come from.

    A dropout network's answer with all units kept is under `deterministic`. Images that the network was trained on, by the
    source its card names, are left out. Raises BnnlibError for the training split.
    """
    part = held_out(digits, split, trained_on(network))
    probs = sample_probs(network, part.images, samples, torch.Generator().manual_seed(seed), shared=True).mean(0)
    return {**evaluation.figures(probs, part.labels), **_origin(network, digits, part, Plan(split, samples, seed))}


def examine(network: Network, digits: Digits, plan: Plan, progress: Progress | None = None) -> Results:
    """All that `plan` asks for. `progress` is told the share of the work done, [0, 1], and what is at work.

    Raises BnnlibError for the training split, for sets that are not there, and for probabilities that are none.
    """
    source = trained_on(network)
    part = held_out(digits, plan.split, source)
    validation = held_out(digits, "validation", source) if plan.refusal or plan.temperature_scaling or plan.ood else None
    sets = [load_ood(name, digits.validation, "test", plan.seed) for name in plan.ood]
    reference = load_ood("fashion-mnist", digits.validation, "train") if sets and "fashion-mnist" in available_sets() else None
    shifted = {kind: _shifted(part, kind) for kind in plan.shifts}
    work = _Work(network, plan, progress)
    pieces = [part.images, *(s.images for s in sets), *shifted.values()]
    pieces += [p.images for p in (validation, reference) if p is not None]
    work.total = sum(len(piece) for piece in pieces) * plan.samples

    notes = [s.note for s in sets if s.note]
    if plan.samples == 1:
        notes.append("one sampled network cannot disagree with itself: with a single sample the mutual information is 0 everywhere")
    asked = work.ask(part.images, f"{plan.split} images")
    evaluation.check_labels(evaluation.check_probs(asked.mean), part.labels)
    summary, arrays = _figures(asked, part.labels, notes)
    summary.update(_origin(network, digits, part, plan))
    if validation is not None:
        known = work.ask(validation.images, "validation images")
        summary["refusal"] = _refusal(known, validation.labels, asked, part.labels, plan.split, notes)
        if plan.temperature_scaling:
            summary["temperature_scaled"] = _temperature(known.mean, validation.labels, asked.mean, part.labels, notes)
        if sets:
            chosen = _choose_measure(known, work.ask(reference.images, "Fashion-MNIST's training images") if reference else None, notes)
            rules = summary["refusal"]["rules"]
            summary["ood"] = {"measure": chosen, "sets": {}}
            for name, found in ((s.name, work.ask(s.images, s.description)) for s in sets):
                summary["ood"]["sets"][name] = _set_figures(asked, found, rules)
                arrays.update(_histograms(name, found))
            for s in sets:
                summary["ood"]["sets"][s.name]["description"] = s.description
    if plan.shifts:
        summary["shifts"] = {kind: _curve(work.ask(images, kind), part, kind) for kind, images in shifted.items()}
    summary["notes"] = notes
    return Results(summary, arrays)


def trained_on(network: Network) -> str:
    """The source of digits that the network was trained on, as its card has it."""
    return str(network.card.get("source", "mnist"))


class _Work:
    """Asks, chunk by chunk, and tells how much of `total` (images x samples) is done."""

    def __init__(self, network: Network, plan: Plan, progress: Progress | None) -> None:
        self.network, self.plan, self.progress = network, plan, progress
        self.total, self.done = 1, 0

    def ask(self, images: Tensor, words: str) -> Asked:
        """Whole networks are drawn, the same ones for every set of images."""
        generator, chunks = torch.Generator().manual_seed(self.plan.seed), []
        for start in range(0, self.plan.samples, CHUNK):
            if self.progress is not None:
                self.progress(min(1.0, self.done / self.total), words)
            size = min(CHUNK, self.plan.samples - start)
            chunks.append(sample_probs(self.network, images, size, generator, shared=True))
            self.done += size * len(images)
        probs = torch.cat(chunks)
        evaluation.check_probs(probs)
        return Asked(probs.mean(0), evaluation.doubts(probs))


def _origin(network: Network, digits: Digits, part: Split, plan: Plan) -> dict[str, Any]:
    """Where the figures come from, and the figures of a dropout network asked without sampling."""
    result: dict[str, Any] = {
        "samples": plan.samples, "images": len(part), "source": digits.source, "split": plan.split, "seed": plan.seed,
    }  # fmt: skip
    if isinstance(network, DropoutNetwork):
        result["deterministic"] = evaluation.figures(deterministic_probs(network, part.images), part.labels)
    return result


def _figures(asked: Asked, labels: Tensor, notes: list[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    mean, wrong = asked.mean, asked.mean.argmax(-1) != labels
    summary: dict[str, Any] = {name: figure(mean, labels) for name, figure in FIGURES.items()}
    intervals: dict[str, Any] = {
        name: evaluation.bootstrap_interval(_mean, values(mean, labels))
        for name, values in (("error", evaluation.errors), ("nll", evaluation.nlls), ("brier", evaluation.briers))
    }
    intervals["ece"] = evaluation.ece_interval(mean, labels)
    plain = asked.doubts["least_confidence"]
    summary["aurc"] = evaluation.aurc(plain, wrong)
    intervals["aurc"] = evaluation.aurc_interval(plain, wrong)
    summary["accuracy_at_coverage"] = _accuracies(plain, wrong)
    summary["selective"] = {
        name: {"aurc": evaluation.aurc(doubt, wrong), "accuracy_at_coverage": _accuracies(doubt, wrong)}
        for name, doubt in asked.doubts.items()
    }
    summary["mistakes"] = dict.fromkeys(asked.doubts)
    if wrong.any() and not wrong.all():
        for name, doubt in asked.doubts.items():
            interval = evaluation.auroc_interval(doubt, wrong)
            summary["mistakes"][name] = {"auroc": evaluation.auroc(doubt, wrong), "interval": interval}
    else:
        notes.append(f"all answers are {'wrong' if wrong.any() else 'right'}: how well doubt finds mistakes cannot be measured")
    if len(labels.unique()) == 1:
        notes.append(f"all images are of class {int(labels[0])}: the figures say nothing of other classes")
    summary["means"] = {name: doubt.mean().item() for name, doubt in asked.doubts.items()}
    summary["per_class_error"] = evaluation.per_class_error(matrix := evaluation.confusion(mean, labels))
    summary["intervals"] = intervals
    table = evaluation.reliability(mean, labels)
    arrays = {
        "labels": labels.to(torch.uint8),
        "predicted": mean.argmax(-1).to(torch.uint8),
        "confusion": matrix.to(torch.int32),
        "reliability": torch.stack([table.count.double(), table.confidence, table.accuracy]).nan_to_num().float(),
        **{name: doubt.half() for name, doubt in asked.doubts.items()},
        **_histograms("digits", asked),
    }
    return summary, arrays


def _mean(values: Tensor) -> float:
    return values.mean().item()


def _accuracies(doubt: Tensor, wrong: Tensor) -> dict[str, float]:
    return {f"{coverage:g}": evaluation.accuracy_at_coverage(doubt, wrong, coverage) for coverage in evaluation.COVERAGES}


def _refusal(known: Asked, known_labels: Tensor, asked: Asked, labels: Tensor, split: str, notes: list[str]) -> dict[str, Any]:
    """For each measure the doubt up to which 95 % of validation digits are answered, and what that gives on the images reported on."""
    known_wrong, wrong = known.mean.argmax(-1) != known_labels, asked.mean.argmax(-1) != labels
    rules: dict[str, Any] = {}
    for name, doubt in asked.doubts.items():
        threshold = evaluation.refusal_threshold(known.doubts[name], COVERAGE)
        answered = doubt <= threshold
        right = (1 - wrong[answered].double().mean().item()) if answered.any() else None
        rules[name] = {"threshold": threshold, "answered": answered.double().mean().item(), "right": right}
    if split == "validation":
        notes.append("the refusal rule was learnt on the very images it is reported on: use the test split for its worth")
    best = min(rules, key=lambda name: evaluation.aurc(known.doubts[name], known_wrong))
    return {"measure": best, "coverage": COVERAGE, "learnt_on": "validation", "rules": rules}


def _temperature(known: Tensor, known_labels: Tensor, mean: Tensor, labels: Tensor, notes: list[str]) -> dict[str, Any] | None:
    try:
        temperature = evaluation.fit_temperature(known, known_labels)
    except BnnlibError as error:
        notes.append(f"no temperature was fitted ({error})")
        return None
    scaled = evaluation.apply_temperature(mean, temperature)
    return {"temperature": temperature, "fitted_on": "validation", **{name: figure(scaled, labels) for name, figure in FIGURES.items()}}


def _choose_measure(known: Asked, clothes: Asked | None, notes: list[str]) -> str:
    """The measure that best tells Fashion-MNIST's training images from validation digits: chosen without the images reported on."""
    if clothes is None:
        notes.append("Fashion-MNIST is not here to choose a measure of doubt by: the predictive entropy is taken")
        return "predictive_entropy"
    return max(known.doubts, key=lambda name: evaluation.detection(known.doubts[name], clothes.doubts[name])["auroc"])


def _set_figures(digits: Asked, found: Asked, rules: dict[str, Any]) -> dict[str, Any]:
    """AUROC, AUPR and FPR95 of every measure against the digits, its mean on the set, and the share that the refusal rule refuses."""
    measures = {}
    for name, outside in found.doubts.items():
        inside = digits.doubts[name]
        interval = evaluation.auroc_interval(*evaluation.against(inside, outside))
        refused = (outside > rules[name]["threshold"]).double().mean().item()
        measures[name] = {
            **evaluation.detection(inside, outside), "interval": interval, "mean": outside.mean().item(), "refused": refused,
        }  # fmt: skip
    return {"images": len(found.mean), "measures": measures}


def _histograms(name: str, asked: Asked) -> dict[str, Tensor]:
    return {f"histogram/{name}/{measure}": _histogram(doubt) for measure, doubt in asked.doubts.items()}


def _histogram(values: Tensor) -> Tensor:
    """Counts between EDGES, int32; the first bin takes all below the first positive edge, the last all above."""
    index = torch.bucketize(values.contiguous(), EDGES, right=True).sub(1).clamp(0, len(EDGES) - 2)
    return torch.bincount(index, minlength=len(EDGES) - 1).to(torch.int32)


def _shifted(part: Split, kind: str) -> Tensor:
    """The first SHIFT_IMAGES images at every strength, one strength after another, float `[K * B, 28, 28]`."""
    if kind not in SHIFTS:
        raise BnnlibError(f"There is no shift {kind!r}: choose {', '.join(SHIFTS)}.")
    images = to_float(part.images[:SHIFT_IMAGES])
    return torch.cat([shift_images(images, kind, strength) for strength in SHIFTS[kind].strengths])


def _curve(asked: Asked, part: Split, kind: str) -> dict[str, Any]:
    """Accuracy, NLL, ECE and every measure's mean at each strength."""
    strengths = SHIFTS[kind].strengths
    labels = part.labels[:SHIFT_IMAGES]
    means = asked.mean.view(len(strengths), len(labels), -1)
    curve: dict[str, Any] = {"strengths": list(strengths), "unit": SHIFTS[kind].unit, "images": len(labels)}
    curve["accuracy"] = [1 - evaluation.error(mean, labels) for mean in means]
    curve["nll"] = [evaluation.nll(mean, labels) for mean in means]
    curve["ece"] = [evaluation.ece(mean, labels) for mean in means]
    for name, doubt in asked.doubts.items():
        curve[name] = doubt.view(len(strengths), -1).mean(1).tolist()
    return curve
