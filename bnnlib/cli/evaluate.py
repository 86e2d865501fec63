"""`python -m bnnlib evaluate`: figures on held-out images, and how networks differ."""

import argparse
import dataclasses
import json
import sys
from itertools import combinations
from typing import Any

from tqdm import tqdm

from bnnlib.cli.shards import evaluate_shard, merge_shards
from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.datasets.ood import available_sets
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.compare import Difference, check_same_images, compare
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.metrics import WORDS
from bnnlib.networks import Network
from bnnlib.sentences.evaluation import asked
from bnnlib.storage.checkpoints import find_checkpoint, load_checkpoint, update_card
from bnnlib.storage.evaluations import Results, save_results
from bnnlib.training.limits import check_range

BASIC = (
    "error",
    "nll",
    "ece",
    "brier",
    "samples",
    "members",
    "images",
    "source",
    "split",
    "seed",
    "deterministic",
)


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate checkpoints as the options say; returns the exit code."""
    check_range("--samples", options.samples, 1, 10_000)
    check_range("--seed", options.seed, 0, 2**31 - 1)
    if options.merge:
        return merge_shards(options)
    if not options.names:
        raise BnnlibError("There is nothing to evaluate: give a checkpoint's name or path.")
    if options.labels and not options.images:
        raise BnnlibError("--labels is of the images of a file: give --images too.")
    if options.shard or options.images:
        return evaluate_shard(options)
    if lone := next((name for name in ("out", "answers") if getattr(options, name)), None):
        raise BnnlibError(f"--{lone} is of a shard: give --shard, 1/1 for all images.")
    names = list(dict.fromkeys(options.names))
    for name in names:
        find_checkpoint(name)  # a wrong name is said before minutes of work
    digits, plan = load_mnist(), plan_of(options)
    results = {}
    for name in names:
        results[name] = measure(load_checkpoint(name), digits, plan)
        if options.save:
            keep(name, results[name])
    try:
        check_same_images(results)
        pairs = {(a, b): compare(results[a], results[b]) for a, b in combinations(names, 2)}
    except BnnlibError as error:  # the figures are worth printing all the same
        print(error, file=sys.stderr)
        pairs = {}
    if options.json:
        print(json.dumps(as_json(results, pairs), allow_nan=False))
        return 0
    for name, found in results.items():
        print(
            f"{name} on {found.summary['images']:,} {options.split} images. "
            f"Data: {digits.description}."
        )
        print("\n".join(table(found.summary)) + ("\n" if len(names) > 1 else ""))
    if pairs:
        print("\n".join(differences_table(pairs)))
    return 0


def plan_of(options: argparse.Namespace) -> Plan:
    """What the options ask for; `--save` asks for all that the Evaluate page shows."""
    sets = tuple(
        dict.fromkeys(
            name
            for given in options.ood
            for name in (available_sets() if given == "all" else [given])
        )
    )
    shifts = tuple(options.shift)
    if not options.save:
        return Plan(
            options.split,
            options.samples,
            options.seed,
            sets,
            shifts,
            refusal=bool(sets),
            temperature_scaling=options.temperature_scaling,
        )
    if options.split != "test":
        raise BnnlibError(
            "--save keeps what the Evaluate page shows, which is about the test images: "
            "leave --split out."
        )
    full = Plan.full(options.samples, options.seed)
    return dataclasses.replace(
        full,
        ood=tuple(dict.fromkeys((*full.ood, *sets))),
        shifts=tuple(dict.fromkeys((*full.shifts, *shifts))),
    )


def measure(network: Network, digits: Digits, plan: Plan) -> Results:
    """`examine` with a progress bar on standard error."""
    with tqdm(
        total=100,
        unit="%",
        file=sys.stderr,
        dynamic_ncols=True,
        leave=False,
        bar_format="{l_bar}{bar}| {elapsed}<{remaining}",
    ) as bar:

        def progress(share: float, words: str) -> None:
            bar.set_description(words)
            bar.update(100 * share - bar.n)

        return examine(network, digits, plan, progress)


def keep(name: str, results: Results) -> None:
    """The summary into the card, everything into the file beside it."""
    folder = find_checkpoint(name)
    where = save_results(folder, results)
    card = load_checkpoint(folder).card
    summary = results.summary
    figures = {
        **card.get("figures", {}),
        summary["split"]: {key: summary[key] for key in BASIC if key in summary},
    }
    update_card(folder, {**card, "figures": figures, "evaluation": summary})
    print(f"Kept in {folder / 'card.json'} and {where}.", file=sys.stderr)


Pairs = dict[tuple[str, str], dict[str, Difference]]


def as_json(results: dict[str, Results], pairs: Pairs) -> dict[str, Any]:
    """One network's summary; of several each summary by name, and the differences."""
    if len(results) == 1:
        return next(iter(results.values())).summary
    differences = [
        {
            "first": first,
            "second": second,
            "figures": {
                figure: {"difference": one.value, "interval": [one.low, one.high]}
                for figure, one in found.items()
            },
        }
        for (first, second), found in pairs.items()
    ]
    return {
        "networks": {name: found.summary for name, found in results.items()},
        "differences": differences,
    }


def differences_table(pairs: Pairs) -> list[str]:
    """Each pair's differences with their intervals, one line a figure."""
    lines = ["Differences, first less second, with paired 95 % bootstrap intervals:"]
    for (first, second), found in pairs.items():
        lines += ["", f"{first} less {second}"]
        for figure, one in found.items():
            word = {"error": "error", "nll": "NLL", "brier": "Brier", "aurc": "AURC"}[figure]
            form = {"error": "+.2%", "aurc": "+.2e"}.get(figure, "+.4f")
            ends = f"[{one.low:{form}}, {one.high:{form}}]"
            chance = "beyond chance" if one.beyond_chance else "within chance"
            lines.append(f"{word:10}{format(one.value, form):>12}  {ends:28}{chance}")
    return lines


def table(summary: dict[str, Any]) -> list[str]:
    """The results in words and columns, one line each."""
    lines = digit_lines(summary)
    if refusal := summary.get("refusal"):
        lines += refusal_lines(refusal)
    if ood := summary.get("ood"):
        lines += ood_lines(ood)
    for kind, curve in summary.get("shifts", {}).items():
        lines += shift_lines(kind, curve)
    return lines + [f"Note: {note}." for note in summary["notes"]]


def digit_lines(summary: dict[str, Any]) -> list[str]:
    """Figures on digits, and how well each measure of doubt finds mistakes."""
    lines = [f"{'':34}{'error':>8}{'NLL':>9}{'ECE':>8}{'Brier':>9}"]
    rows = [(f"mean of {asked(summary)}", summary)]
    rows += [("deterministic", summary["deterministic"])] if "deterministic" in summary else []
    if scaled := summary.get("temperature_scaled"):
        rows.append((f"temperature {scaled['temperature']:.3f}", scaled))
    lines += [
        f"{label:34}{row['error']:8.2%}{row['nll']:9.4f}{row['ece']:8.2%}{row['brier']:9.4f}"
        for label, row in rows
    ]
    ends, squared = summary["intervals"], summary["squared_calibration_error"]
    intervals = "; ".join(
        f"{word} {_interval(ends[key], percent)}"
        for key, word, percent in (
            ("error", "error", True),
            ("nll", "NLL", False),
            ("brier", "Brier", False),
        )
    )
    right = ", ".join(
        f"{value:.2%} at {float(share):.0%}"
        for share, value in summary["accuracy_at_coverage"].items()
    )
    low, high = ends["squared_calibration_error"]
    lines += [
        f"{'95 % bootstrap interval':34}{intervals}",
        f"debiased squared calibration error {squared:.2e} [{low:.2e}, {high:.2e}]; "
        f"equal-mass ECE {summary['equal_mass_ece']:.2%}",
        f"AURC {summary['aurc']:.2e} {_interval(ends['aurc'], False)}",
        f"right when only the surest are answered: {right}",
        "",
        f"{'measure of doubt':28}{'AURC':>10}{'finds mistakes (AUROC)':>30}",
    ]
    for name, words in WORDS.items():
        found = summary["mistakes"][name]
        auroc = (
            f"{found['auroc']:.4f} {_interval(found['interval'], False)}"
            if found
            else "not measurable"
        )
        lines.append(f"{words:28}{summary['selective'][name]['aurc']:10.2e}{auroc:>30}")
    return lines


def refusal_lines(refusal: dict[str, Any]) -> list[str]:
    """The refusal rule of every measure."""
    lines = [
        "",
        f"refusing above the doubt that keeps {refusal['coverage']:.0%} of the validation digits:",
    ]
    for name, rule in refusal["rules"].items():
        right = (
            "nothing answered"
            if rule["right"] is None
            else f"answers {rule['answered']:6.2%}, {rule['right']:7.2%} right"
        )
        mark = "  <- least AURC on validation" if name == refusal["measure"] else ""
        lines.append(f"{WORDS[name]:28}threshold {rule['threshold']:<10.4g}{right}{mark}")
    return lines


def ood_lines(ood: dict[str, Any]) -> list[str]:
    """How well doubt tells the sets without digits from digits."""
    lines = [
        "",
        f"{'no digit?':20}{'measure':28}{'AUROC':>24}{'AUPR':>9}{'FPR95':>9}{'mean':>9}"
        f"{'refused':>9}",
    ]
    for set_name, found in ood["sets"].items():
        for name, row in found["measures"].items():
            mark = "*" if name == ood["measure"] else ""
            auroc = f"{row['auroc']:.4f} {_interval(row['interval'], False)}"
            lines.append(
                f"{set_name[:19]:20}{WORDS[name] + mark:28}{auroc:>24}{row['aupr']:9.4f}"
                f"{row['fpr95']:9.2%}{row['mean']:9.3f}{row['refused']:9.2%}"
            )
    lines.append(
        "* the measure that best tells Fashion-MNIST's training images from the validation digits"
    )
    return lines


def shift_lines(kind: str, curve: dict[str, Any]) -> list[str]:
    """Accuracy and doubt at each strength of a shift."""
    lines = [
        "",
        f"{kind} ({curve['unit']}){'':8}{'accuracy':>10}{'entropy':>10}{'mutual information':>20}",
    ]
    columns = zip(
        curve["strengths"],
        curve["accuracy"],
        curve["predictive_entropy"],
        curve["mutual_information"],
        strict=True,
    )
    return lines + [
        f"{strength:>20g}{accuracy:16.2%}{entropy:10.4f}{mi:20.4f}"
        for strength, accuracy, entropy, mi in columns
    ]


def _interval(ends: tuple[float, float], percent: bool) -> str:
    low, high = ends
    return (
        f"[{low:.2%}, {high:.2%}]"
        if percent
        else f"[{low:.2e}, {high:.2e}]"
        if high < 0.01
        else f"[{low:.4f}, {high:.4f}]"
    )
