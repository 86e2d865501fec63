"""`python -m bnnlib distance`: how far images are from a network's training images."""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from bnnlib.cli.evaluate import keep
from bnnlib.datasets.mnist import load_mnist
from bnnlib.datasets.ood import load_ood
from bnnlib.datasets.pen import with_pen_digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.distance import with_distance
from bnnlib.sentences.answers import rule_words
from bnnlib.storage.checkpoints import find_checkpoint, load_checkpoint
from bnnlib.storage.evaluations import Results, load_results, rule_of


def distance(options: argparse.Namespace) -> int:
    """Fit the distance of each checkpoint and keep it; returns the exit code."""
    names = list(dict.fromkeys(options.names))
    found = {name: _evaluation(name) for name in names}  # what is missing is said at once
    digits = load_mnist()
    if options.pen:
        digits = with_pen_digits(digits, Path(options.pen))
    sets = [load_ood(given, digits.validation).images for given in options.strangers]
    for name, results in found.items():
        network = load_checkpoint(name)
        with tqdm(total=100, unit="%", file=sys.stderr, leave=False, desc=name) as bar:
            made = with_distance(
                results,
                network,
                digits,
                torch.cat(sets) if sets else None,
                partial(_set, bar),
            )
        keep(name, made)
        rule = rule_of(made)
        print(f"{name} does not answer: {rule_words(rule.rule) if rule else 'no rule'}.")
        for measures, share in made.summary["distance"]["refused"].items():
            print(f"  by {measures}: refuses {share:.1%} of the strangers")
    return 0


def _evaluation(name: str) -> Results:
    """What was kept of the checkpoint `name`; raises BnnlibError if nothing was."""
    results = load_results(find_checkpoint(name))
    if results is None:
        raise BnnlibError(
            f"{name} has no evaluation to keep the distance with: "
            f"run python -m bnnlib evaluate {name} --save, which fits it too."
        )
    return results


def _set(bar: "tqdm[None]", share: float) -> None:
    bar.update(100 * share - bar.n)
