"""A network's figures on images it was not trained on, its doubt on others, and when to refuse."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.datasets.mnist import Digits, Split, held_out, to_float
from bnnlib.datasets.not_digits import learnt_of
from bnnlib.datasets.ood import available_sets, load_ood
from bnnlib.datasets.shifts import SHIFTS, shift_images
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.distance import with_distance
from bnnlib.evaluation.sections import (
    SHIFT_IMAGES,
    Asked,
    choose_measure,
    digit_figures,
    histograms,
    refusal_rules,
    set_figures,
    shift_curve,
    temperature_figures,
)
from bnnlib.networks import DropoutNetwork, EnsembleNetwork, Network
from bnnlib.networks.sampling import deterministic_probs, sample_probs
from bnnlib.storage.evaluations import Results

CHUNK = 10  # samples between two signs of progress
Progress = Callable[[float, str], object]


@dataclass(frozen=True)
class Plan:
    """What to find out. `ood`: names or paths of sets without digits; `shifts`: names in SHIFTS.

    refusal: learn on the validation images when to refuse. Sets, temperature scaling and refusal
    ask the validation images too. distance: fit how far images are from the training images.
    """

    split: str = "test"
    samples: int = 100
    seed: int = 0
    ood: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    refusal: bool = False
    temperature_scaling: bool = False
    distance: bool = False

    @staticmethod
    def full(samples: int = 100, seed: int = 0) -> "Plan":
        """Everything that the Evaluate page shows, with the sets that are at hand."""
        return Plan(
            samples=samples,
            seed=seed,
            ood=tuple(available_sets()),
            shifts=("rotation",),
            refusal=True,
            temperature_scaling=True,
            distance=True,
        )


def evaluate(
    network: Network, digits: Digits, split: str = "test", samples: int = 100, seed: int = 0
) -> dict[str, Any]:
    """`error`, `nll` (nats), `ece` and `brier` of the mean over `samples` networks.

    And where they come from. A dropout network's answer with all units kept is under
    `deterministic`. Images that the network was trained on, by the source its card names, are left
    out. The network may be on any device. Raises BnnlibError for the training split.
    """
    part, device = held_out(digits, split, trained_on(network)), device_of(network)
    probs = sample_probs(
        network,
        part.images.to(device),
        networks_asked(network, samples),
        torch.Generator(device).manual_seed(seed),
        shared=True,
    ).mean(0)
    return {
        **metrics.figures(probs.cpu(), part.labels),
        **_origin(network, digits, part, Plan(split, samples, seed)),
    }


def examine(
    network: Network, digits: Digits, plan: Plan, progress: Progress | None = None
) -> Results:
    """All that `plan` asks for; the network may be on any device.

    `progress` is told the share of the work done, [0, 1], and what is being asked. Raises
    BnnlibError for the training split, for sets that are not there, and for damaged probabilities.
    """
    source = trained_on(network)
    part = held_out(digits, plan.split, source)
    validation = (
        held_out(digits, "validation", source)
        if plan.refusal or plan.temperature_scaling or plan.ood
        else None
    )
    learnt = learnt_of(network.card)
    sets = [load_ood(name, digits.validation, "test", plan.seed, learnt) for name in plan.ood]
    reference = (
        load_ood("fashion-mnist", digits.validation, "train")
        if sets and "fashion-mnist" in available_sets()
        else None
    )
    shifted = {kind: _shifted(part, kind) for kind in plan.shifts}
    work = _Work(network, plan, progress)
    pieces = [part.images, *(s.images for s in sets), *shifted.values()]
    pieces += [p.images for p in (validation, reference) if p is not None]
    work.total = sum(len(piece) for piece in pieces) * work.samples

    notes = [s.note for s in sets if s.note]
    if plan.samples == 1:
        notes.append(
            "one sampled network cannot disagree with itself: "
            "with a single sample the mutual information is 0 everywhere"
        )
    asked = work.ask(part.images, f"{plan.split} images")
    metrics.check_labels(metrics.check_probs(asked.mean), part.labels)
    summary, arrays = digit_figures(asked, part.labels, notes)
    summary.update(_origin(network, digits, part, plan))
    if validation is not None:
        known = work.ask(validation.images, "validation images")
        summary["refusal"] = refusal_rules(
            known, validation.labels, asked, part.labels, plan.split, notes
        )
        if plan.temperature_scaling:
            summary["temperature_scaled"] = temperature_figures(
                known.mean, validation.labels, asked.mean, part.labels, notes
            )
        if sets:
            chosen = choose_measure(
                known,
                work.ask(reference.images, "Fashion-MNIST's training images")
                if reference
                else None,
                notes,
            )
            rules, found_sets = summary["refusal"]["rules"], {}
            for given, one in zip(plan.ood, sets, strict=True):
                name = (
                    given if one.name in found_sets else one.name
                )  # two folders may have the same name
                found = work.ask(one.images, one.description)
                found_sets[name] = {
                    "description": one.description,
                    **set_figures(asked, found, rules),
                }
                arrays.update(histograms(name, found))
            summary["ood"] = {"measure": chosen, "sets": found_sets}
    if plan.shifts:
        summary["shifts"] = {
            kind: shift_curve(work.ask(images, kind), part, kind)
            for kind, images in shifted.items()
        }
    summary["notes"] = notes
    results = Results(summary, arrays)
    if plan.distance and plan.split == "test":
        try:
            results = with_distance(
                results,
                network,
                digits,
                progress=lambda share: progress and progress(share, "the training images"),
            )
        except BnnlibError as error:
            notes.append(f"no distance from the training images was fitted ({error})")
    return results


def trained_on(network: Network) -> str:
    """The source of digits that the network was trained on, as its card has it."""
    return str(network.card.get("source", "mnist"))


def device_of(network: Network) -> torch.device:
    """The device that the network's parameters are on."""
    return next(network.parameters()).device


def networks_asked(network: Network, samples: int) -> int:
    """`samples`, but of an ensemble no more than its members: they are all there is."""
    return min(samples, len(network.members)) if isinstance(network, EnsembleNetwork) else samples


class _Work:
    """Asks, chunk by chunk, and tells how much of `total` (images x samples) is done.

    The network is asked on its own device; the answers come back to the CPU.
    """

    def __init__(self, network: Network, plan: Plan, progress: Progress | None) -> None:
        self.network, self.plan, self.progress = network, plan, progress
        self.device, self.samples = device_of(network), networks_asked(network, plan.samples)
        self.total, self.done = 1, 0

    def ask(self, images: Tensor, words: str) -> Asked:
        """Whole networks are drawn, the same ones for every set of images."""
        generator, chunks = torch.Generator(self.device).manual_seed(self.plan.seed), []
        images = images.to(self.device)
        for start in range(0, self.samples, CHUNK):
            if self.progress is not None:
                self.progress(min(1.0, self.done / self.total), words)
            size = min(CHUNK, self.samples - start)
            probs = sample_probs(self.network, images, size, generator, shared=True, first=start)
            chunks.append(probs.cpu())
            self.done += size * len(images)
        probs = torch.cat(chunks)
        metrics.check_probs(probs)
        return Asked.of(probs, complete=isinstance(self.network, EnsembleNetwork))


def _origin(network: Network, digits: Digits, part: Split, plan: Plan) -> dict[str, Any]:
    """Where the figures come from, and the figures of a dropout network asked without sampling."""
    result: dict[str, Any] = {
        "samples": plan.samples,
        "images": len(part),
        "source": digits.source,
        "split": plan.split,
        "seed": plan.seed,
    }
    if isinstance(network, EnsembleNetwork):
        result["members"] = len(network.members)
    if isinstance(network, DropoutNetwork):
        probs = deterministic_probs(network, part.images.to(device_of(network)))
        result["deterministic"] = metrics.figures(probs.cpu(), part.labels)
    return result


def _shifted(part: Split, kind: str) -> Tensor:
    """The first SHIFT_IMAGES images at every strength, float `[K * B, 28, 28]`.

    One strength after another.
    """
    if kind not in SHIFTS:
        raise BnnlibError(f"There is no shift {kind!r}: choose {', '.join(SHIFTS)}.")
    images = to_float(part.images[:SHIFT_IMAGES])
    return torch.cat([shift_images(images, kind, strength) for strength in SHIFTS[kind].strengths])
