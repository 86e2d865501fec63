"""`python -m bnnlib evaluate`: figures on held-out images as a table or JSON, kept in the card and beside it on request."""

import argparse
import json
import sys
from typing import Any

from tqdm import tqdm

from bnnlib.datasets.mnist import load_mnist
from bnnlib.datasets.ood import available_sets
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.metrics import WORDS
from bnnlib.storage.checkpoints import find_checkpoint, load_checkpoint, update_card
from bnnlib.storage.evaluations import Results, save_results
from bnnlib.training.limits import check_range

BASIC = (
    "error",
    "nll",
    "ece",
    "brier",
    "samples",
    "images",
    "source",
    "split",
    "seed",
    "deterministic",
)


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate one checkpoint as the options say; returns the exit code."""
    check_range("--samples", options.samples, 1, 10_000)
    check_range("--seed", options.seed, 0, 2**31 - 1)
    network, digits = load_checkpoint(options.name), load_mnist()
    sets = tuple(
        dict.fromkeys(
            name
            for given in options.ood
            for name in (available_sets() if given == "all" else [given])
        )
    )
    plan = Plan(
        options.split,
        options.samples,
        options.seed,
        sets,
        tuple(options.shift),
        bool(sets),
        options.temperature_scaling,
    )
    if options.save:
        if options.split != "test":
            raise BnnlibError(
                "--save keeps what the Evaluate page shows, which is about the test images: leave --split out."
            )
        full = Plan.full(options.samples, options.seed)
        sets = tuple(dict.fromkeys((*full.ood, *sets)))
        shifts = tuple(dict.fromkeys((*full.shifts, *options.shift)))
        plan = Plan(
            "test",
            options.samples,
            options.seed,
            sets,
            shifts,
            refusal=True,
            temperature_scaling=True,
        )
    results = measure(network, digits, plan)
    if options.save:
        keep(options.name, results)
    if options.json:
        print(json.dumps(results.summary, allow_nan=False))
        return 0
    print(
        f"{options.name} on {results.summary['images']:,} {options.split} images. Data: {digits.description}."
    )
    print("\n".join(table(results.summary)))
    return 0


def measure(network: Any, digits: Any, plan: Plan) -> Results:
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


def table(summary: dict[str, Any]) -> list[str]:
    """The results in words and columns, one line each."""
    lines = [f"{'':34}{'error':>8}{'NLL':>9}{'ECE':>8}{'Brier':>9}"]
    rows = [(f"mean of {summary['samples']} samples", summary)]
    rows += [("deterministic", summary["deterministic"])] if "deterministic" in summary else []
    if scaled := summary.get("temperature_scaled"):
        rows.append((f"temperature {scaled['temperature']:.3f}", scaled))
    lines += [
        f"{label:34}{row['error']:8.2%}{row['nll']:9.4f}{row['ece']:8.2%}{row['brier']:9.4f}"
        for label, row in rows
    ]
    low = summary["intervals"]
    lines.append(
        f"{'95 % bootstrap interval':34}" + "; ".join(
            f"{word} {_interval(low[key], percent)}"
            for key, word, percent in (("error", "error", True), ("nll", "NLL", False), ("brier", "Brier", False))
        )
    )  # fmt: skip
    lines.append(
        f"equal-mass ECE {summary['equal_mass_ece']:.2%}; AURC {summary['aurc']:.2e} {_interval(low['aurc'], False)}"
    )
    right = ", ".join(
        f"{value:.2%} at {float(share):.0%}"
        for share, value in summary["accuracy_at_coverage"].items()
    )
    lines.append(f"right when only the surest are answered: {right}")
    lines += ["", f"{'measure of doubt':28}{'AURC':>10}{'finds mistakes (AUROC)':>30}"]
    for name, words in WORDS.items():
        found = summary["mistakes"][name]
        auroc = (
            f"{found['auroc']:.4f} {_interval(found['interval'], False)}"
            if found
            else "not measurable"
        )
        lines.append(f"{words:28}{summary['selective'][name]['aurc']:10.2e}{auroc:>30}")
    if refusal := summary.get("refusal"):
        lines += [
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
    if ood := summary.get("ood"):
        lines += [
            "",
            f"{'no digit?':20}{'measure':28}{'AUROC':>24}{'AUPR':>9}{'FPR95':>9}{'mean':>9}{'refused':>9}",
        ]
        for set_name, found in ood["sets"].items():
            for name, row in found["measures"].items():
                mark = "*" if name == ood["measure"] else ""
                auroc = f"{row['auroc']:.4f} {_interval(row['interval'], False)}"
                rest = (
                    f"{row['aupr']:9.4f}{row['fpr95']:9.2%}{row['mean']:9.3f}{row['refused']:9.2%}"
                )
                lines.append(f"{set_name[:19]:20}{WORDS[name] + mark:28}{auroc:>24}{rest}")
        lines.append(
            "* the measure that best tells Fashion-MNIST's training images from the validation digits"
        )
    for kind, curve in summary.get("shifts", {}).items():
        lines += [
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
        lines += [
            f"{strength:>20g}{accuracy:16.2%}{entropy:10.4f}{mi:20.4f}"
            for strength, accuracy, entropy, mi in columns
        ]
    return lines + [f"Note: {note}." for note in summary["notes"]]


def _interval(ends: tuple[float, float], percent: bool) -> str:
    low, high = ends
    return (
        f"[{low:.2%}, {high:.2%}]"
        if percent
        else f"[{low:.2e}, {high:.2e}]"
        if high < 0.01
        else f"[{low:.4f}, {high:.4f}]"
    )
