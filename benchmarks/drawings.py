"""How networks answer what people draw: `python -m benchmarks.drawings [NAMES] [--data DIR]`.

Pen digits of six writers, letters, doodles, photographs and pictures of several digits.
Prints a table; `--json FILE` keeps every figure with its 95 % interval.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from benchmarks import ink_data
from benchmarks.photographs import CONDITIONS, photograph
from benchmarks.several import enlarged, ink_side_by_side, split_ink, split_strokes
from bnnlib import load_checkpoint, load_mnist, metrics, sample_probs
from bnnlib.datasets.mnist import data_folders
from bnnlib.datasets.not_digits import learnt_of
from bnnlib.drawing.cuts import FITTED_WITH, Score
from bnnlib.drawing.photo import read_photo
from bnnlib.drawing.segment import Split, segment_ink, segment_strokes
from bnnlib.errors import BnnlibError
from bnnlib.metrics.answer import Rule, make_answer
from bnnlib.metrics.distance import Distance
from bnnlib.metrics.uncertainty import MEASURES
from bnnlib.networks import Network
from bnnlib.networks.features import last_hidden
from bnnlib.networks.recogniser import recogniser
from bnnlib.storage.evaluations import load_results, rule_of

SURE = 0.9
SECTIONS = ("digits", "letters", "doodles", "photos", "simulated", "several")
Result = dict[str, Any]
Ask = Callable[[Tensor], Tensor]  # images [B, 28, 28] -> probabilities [S, B, C]


def digits_result(probs: Tensor, labels: Tensor) -> Result:
    """Figures about digits: probs `[S, B, C]`, labels `[B]`; shares in per cent."""
    mean = probs.mean(0)
    confidence, answer = mean.max(-1)
    wrong, doubt = answer != labels, metrics.least_confidence(probs)
    sure = confidence > SURE
    result = {
        "images": len(labels),
        "right": _share(~wrong),
        "sure and wrong": _share(sure & wrong),
        "named > 0.9": _share(sure),
        "ECE": {"value": 100 * metrics.ece(mean, labels)},  # biased: it has no honest interval
        "squared calibration error": {
            "value": metrics.squared_calibration_error(mean, labels),
            "interval": list(metrics.squared_calibration_error_interval(mean, labels)),
        },
        "right per class": {
            str(digit): 100 * float((~wrong)[labels == digit].double().mean())
            for digit in labels.unique().tolist()
        },
    }
    for coverage in (0.8, 0.9):
        low, high = metrics.bootstrap_interval(
            lambda d, w, c=coverage: metrics.accuracy_at_coverage(d, w, c), doubt, wrong
        )
        result[f"right at {coverage:.0%} coverage"] = {
            "value": 100 * metrics.accuracy_at_coverage(doubt, wrong, coverage),
            "interval": [100 * low, 100 * high],
        }
    return result


def others_result(
    inside: Tensor,
    probs: Tensor,
    kinds: Sequence[str],
    distances: tuple[Tensor, Tensor] | None = None,
) -> Result:
    """Figures about what is no digit, against digits: both `[S, B, C]`; AUROC by each measure.

    distances: from the training images, of the digits and of the others.
    """
    confidence = probs.mean(0).amax(-1)
    result: Result = {"images": probs.shape[1], "named > 0.9": _share(confidence > SURE)}
    measured = {name: (measure(inside), measure(probs)) for name, measure in MEASURES.items()}
    if distances is not None:
        measured["distance"] = distances
    for name, both in measured.items():
        pair = metrics.against(*both)
        result[f"AUROC {name}"] = {
            "value": metrics.auroc(*pair),
            "interval": list(metrics.auroc_interval(*pair)),
        }
    per_kind: dict[str, list[bool]] = {}
    for kind, named in zip(kinds, (confidence > SURE).tolist(), strict=True):
        per_kind.setdefault(kind, []).append(named)
    result["named > 0.9 per class"] = {
        kind: 100 * sum(named) / len(named) for kind, named in sorted(per_kind.items())
    }
    return result


def _share(hits: Tensor) -> Result:
    values = hits.double()
    low, high = metrics.bootstrap_interval(lambda v: float(v.mean()), values)
    return {"value": 100 * float(values.mean()), "interval": [100 * low, 100 * high]}


@dataclass(frozen=True)
class Set:
    """Images to ask about, each with a digit (labels) or without one, and its kind or condition."""

    images: Tensor
    kinds: list[str]
    labels: list[int] | None = None


def read_sets(
    data: Path,
    sections: Sequence[str],
    writers: Sequence[int],
    photos: int,
    learnt: Collection[str] = (),
) -> dict[str, Set]:
    """The images of every section, made once for all networks; the pen digits always.

    learnt: categories of doodles to leave out.
    """
    digits = ink_data.pen_digits(data, writers)
    sets = {"pen digits": _drawn([(str(label), strokes) for label, strokes in digits], True)}
    if "digits" in sections:
        drawn = [c for c in ink_data.pen_characters(data, range(1, 7)) if c[0].isdigit()]
        sets["UJI digits"] = _drawn(drawn, True)
    if "letters" in sections:
        sets["letters"] = _drawn(ink_data.letters(data, (5, 6)))
    if "doodles" in sections:
        sets["doodles"] = _drawn(ink_data.doodles(data, learnt))
    if "photos" in sections and (files := ink_data.photographs(data)):
        images = torch.stack([read_photo(path).image for _, _, path in files])
        sets["photos"] = Set(
            images, [condition for condition, _, _ in files], [digit for _, digit, _ in files]
        )
    if "simulated" in sections:
        sets["simulated photographs"] = simulated(data, writers, photos)
    return sets


def _drawn(drawings: Sequence[tuple[str, ink_data.Strokes]], digits: bool = False) -> Set:
    kinds = [kind for kind, _ in drawings]
    images = ink_data.rendered([strokes for _, strokes in drawings])
    return Set(images, kinds, [int(kind) for kind in kinds] if digits else None)


def refused_result(
    rule: Rule, probs: Tensor, distance: Tensor | None, labels: Tensor | None
) -> Result:
    """What the network's own rule refuses, in per cent, and how right the rest is.

    distance: the share of held-out digits at least as far, `[B]`, or None.
    """
    far: list[float | None] = [None] * probs.shape[1] if distance is None else distance.tolist()
    answers = [make_answer(probs[:, [k]], as_far=far[k]) for k in range(probs.shape[1])]
    given = torch.tensor([rule.answers(answer) for answer in answers])
    result: Result = {"refused by the rule": _share(~given)}
    if labels is not None and given.any():
        right = torch.tensor([answer.digit for answer in answers]) == labels
        result["right where the rule answers"] = _share(right[given])
    return result


def measure(
    ask: Ask,
    sets: dict[str, Set],
    features: Ask | None = None,
    distance: Distance | None = None,
    rule: Rule | None = None,
) -> Result:
    """Every set's figures for one network; features and distance for a network that has one."""
    inside = ask(sets["pen digits"].images)
    results: Result = {}
    near = None
    if features is not None and distance is not None:
        near = distance.of(features(sets["pen digits"].images))
    for name, part in sets.items():
        probs = inside if name == "pen digits" else ask(part.images)
        labels = None if part.labels is None else torch.tensor(part.labels)
        both = far = None
        if features is not None and distance is not None and near is not None:
            seen = features(part.images)
            both, far = (near, distance.of(seen)), distance.as_far(seen)
        if labels is None:
            results[name] = others_result(inside, probs, part.kinds, both)
        else:
            results[name] = digits_result(probs, labels)
        if rule is not None:
            results[name] |= refused_result(rule, probs, far, labels)
        if labels is None:
            continue
        if "photo" in name:
            right = probs.mean(0).argmax(-1) == labels
            results[name]["right per condition"] = {
                condition: 100 * float(right[[c == condition for c in part.kinds]].double().mean())
                for condition in sorted(set(part.kinds))
            }
    return results


def simulated(data: Path, writers: Sequence[int], count: int) -> Set:
    """Simulated photographs, `count` of each condition: a third are MNIST digits."""
    drawn, test = ink_data.pen_digits(data, writers), load_mnist().test
    images, labels, conditions = [], [], []
    for condition in CONDITIONS:
        random = np.random.default_rng(crc32(condition.encode()))
        for number in range(count):
            seed = int(random.integers(2**31))
            if number % 3 == 2 and condition != "thin":  # an MNIST digit has no line of one pixel
                place = int(random.integers(len(test.images)))
                source, label = test.images[place].numpy(), int(test.labels[place])
                colours = photograph(condition, source, seed)
            else:
                label, strokes = drawn[int(random.integers(len(drawn)))]
                colours = photograph(condition, strokes, seed)
            images.append(read_photo(colours).image)
            labels.append(label)
            conditions.append(condition)
    return Set(torch.stack(images), conditions, labels)


def splits(
    data: Path, writers: Sequence[int], count: int, ask: Ask, score: Score | None = None
) -> Result:
    """How pictures of several digits split, how many single digits do, and how many of several
    stay whole and are named as one digit.

    score: what the splitting of ink asks how sure it is that an image is a digit, or None.
    """
    random = np.random.default_rng(0)
    strokes = [s for _, s in ink_data.pen_digits(data, writers)]
    images = load_mnist().test.images.numpy()
    result: Result = {}
    one = [len(segment_strokes(strokes[k]).boxes) > 1 for k in _some(random, len(strokes), count)]
    result["single digits split, strokes"] = _share(torch.tensor(one))
    one = [
        len(segment_ink(enlarged(images[k]), score).boxes) > 1 for k in _some(random, 10_000, count)
    ]
    result["single digits split, ink"] = _share(torch.tensor(one))
    for touch, word in ((False, "spaced"), (True, "touching")):
        found: dict[str, list[tuple[Split, bool]]] = {"strokes": [], "ink": []}
        for _ in range(count):
            chosen = [strokes[k] for k in random.integers(len(strokes), size=random.integers(2, 4))]
            found["strokes"].append(split_strokes(chosen, random, touch))
        for _ in range(count):
            pictures = [images[k] for k in random.integers(len(images), size=random.integers(2, 4))]
            found["ink"].append(split_ink(*ink_side_by_side(pictures, random, touch), score))
        for what, many in found.items():
            result[f"{word}, {what} split right"] = _share(torch.tensor([ok for _, ok in many]))
            named = torch.zeros(len(many), dtype=torch.bool)
            whole = [k for k, (split, _) in enumerate(many) if len(split.images) == 1]
            if whole:
                probs = ask(torch.cat([many[k][0].images for k in whole]))
                named[whole] = probs.mean(0).amax(-1) > SURE
            result[f"{word}, {what} named as one digit > 0.9"] = _share(named)
    return result


def _some(random: np.random.Generator, size: int, count: int) -> list[int]:
    return [int(k) for k in random.permutation(size)[:count]]


def table(results: Result) -> str:
    """Markdown: a row a figure, a column a network."""
    networks = [name for name in results if name != "several"]
    lines = ["| | " + " | ".join(networks) + " |", "|---" * (len(networks) + 1) + "|"]
    sections = list(dict.fromkeys(s for name in networks for s in results[name]))
    for section in sections:
        for figure, first in results[networks[0]][section].items():
            if isinstance(first, dict) and "value" not in first:
                worst = [_worst(results[name][section][figure], figure) for name in networks]
                lines.append(f"| {section}: {figure}, worst | " + " | ".join(worst) + " |")
            else:
                digits = {"AUROC": 3, "squared": 4}.get(figure.split()[0], 1)
                cells = [_cell(results[name][section][figure], digits) for name in networks]
                lines.append(f"| {section}: {figure} | " + " | ".join(cells) + " |")
    if "several" in results:
        lines += ["", "| several digits | % |", "|---|---|"]
        lines += [f"| {figure} | {_cell(found)} |" for figure, found in results["several"].items()]
    return "\n".join(lines)


def _worst(values: dict[str, float], figure: str) -> str:
    ranked = sorted(values.items(), key=lambda pair: pair[1], reverse="named" in figure)
    return ", ".join(f"{name} {value:.0f}" for name, value in ranked[:3])


def _cell(found: Any, digits: int = 1) -> str:
    if not isinstance(found, dict):
        return f"{found:,}"
    value = f"{found['value']:.{digits}f}"
    if "interval" not in found:
        return value
    low, high = found["interval"]
    return f"{value} ({low:.{digits}f} to {high:.{digits}f})"


def asker(network: Network, samples: int, seed: int) -> Ask:
    """A function from images to the network's sampled probabilities."""
    return lambda images: sample_probs(network, images, samples, seed)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drawings", description=__doc__.splitlines()[0]
    )
    parser.add_argument("names", nargs="*", help="checkpoints (default: bayesian-robust)")
    parser.add_argument("--samples", type=int, default=100, help="sampled networks (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="the folder with pen, doodles and photos")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--photos", type=int, default=30, help="simulated photographs a condition")
    parser.add_argument("--several", type=int, default=1_000, help="pictures of several digits")
    parser.add_argument(
        "--tuning", action="store_true", help="the writers for choosing, not those for reporting"
    )
    parser.add_argument("--json", type=Path, help="keep every figure in this file")
    options = parser.parse_args()
    writers = list(ink_data.TUNING if options.tuning else ink_data.REPORTING)
    data = options.data or data_folders()[0]
    results: Result = {}
    try:
        if set(options.only) - {"several"}:
            names = options.names or ["bayesian-robust"]
            networks = {name: load_checkpoint(name) for name in names}
            # All networks are asked about the same images: those that none of them learnt.
            learnt = {word for one in networks.values() for word in learnt_of(one.card).categories}
            sets = read_sets(data, options.only, writers, options.photos, learnt)
            for name, network in networks.items():
                kept = load_results(name)
                rule = rule_of(kept) if kept else None
                results[name] = measure(
                    asker(network, options.samples, options.seed),
                    sets,
                    partial(last_hidden, network),
                    kept.distance if kept else None,
                    rule.rule if rule else None,
                )
        if "several" in options.only:
            scored = recogniser(load_checkpoint(FITTED_WITH))
            asked = load_checkpoint((options.names or [FITTED_WITH])[0])
            ask = asker(asked, options.samples, options.seed)
            results["several"] = splits(data, writers, options.several, ask, scored)
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
