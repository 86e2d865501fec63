"""`python -m bnnlib prune`: what leaving weights out costs, and the network without them."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from tqdm import tqdm

from bnnlib.cli.keep import keep, measure_checkpoint, prepare_folder
from bnnlib.datasets.mnist import held_out, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import trained_on
from bnnlib.evaluation.pruning import PruningCurve, pruned_card, pruning_curve, save_curve
from bnnlib.networks import BayesianNetwork
from bnnlib.networks.posterior import pruned
from bnnlib.storage.checkpoints import FOLDER, find_checkpoint, load_checkpoint
from bnnlib.training.limits import check_range


def prune(options: argparse.Namespace) -> int:
    """Measure the curve, or keep the network without a share; returns the exit code."""
    check_range("--samples", options.samples, 1, 10_000)
    check_range("--seed", options.seed, 0, 2**31 - 1)
    network = load_checkpoint(options.name)
    if not isinstance(network, BayesianNetwork):
        raise BnnlibError(
            f"{options.name} is of kind {network.config.kind}: its weights have no standard "
            "deviations to prune by. Give the checkpoint of a Bayesian network."
        )
    pruned(network, 0)  # says at once what cannot be pruned
    if options.share is None:
        return _measure(options, network)
    out = Path(options.out) if options.out else FOLDER / "my-pruned"
    out = prepare_folder(out, options.replace)
    smaller = pruned(network, options.share / 100)
    card = pruned_card(network, Path(options.name).name, options.share / 100)
    card["command"] = (
        f"python -m bnnlib prune {Path(options.name).name} --without {options.share:g}"
    )
    out = keep(out, smaller, card)
    print(f"Kept it in {out}; measuring it (Ctrl-C skips this).", file=sys.stderr)
    print(f"{out}: {measure_checkpoint(out, load_mnist())}")
    return 0


def _measure(options: argparse.Namespace, network: BayesianNetwork) -> int:
    digits = load_mnist()
    part = held_out(digits, "test", trained_on(network))
    with tqdm(total=100, unit="%", file=sys.stderr, leave=False, desc=options.name) as bar:
        curve = pruning_curve(
            network,
            part,
            digits.source,
            options.samples,
            options.seed,
            progress=lambda share, text: bar.update(100 * share - bar.n),
        )
    if options.save:
        try:
            where = save_curve(find_checkpoint(options.name), curve)
        except OSError as error:
            raise BnnlibError(
                f"The curve cannot be kept with the checkpoint ({error.strerror}): "
                "leave --save out, or copy the checkpoint to a folder you may write to."
            ) from error
        print(f"Kept in {where}.", file=sys.stderr)
    if options.json:
        print(json.dumps(dataclasses.asdict(curve)))
    else:
        _table(options.name, curve)
    return 0


def _table(name: str, curve: PruningCurve) -> None:
    print(f"{name}: {curve.images:,} test images of {curve.source}, {curve.samples} samples")
    print(f"{'left out':>9}{'error':>9}{'NLL':>9}{'mutual information':>20}")
    for cost in curve.costs:
        print(
            f"{100 * cost.share:7g} %{100 * cost.error:7.2f} %{cost.nll:9.4f}"
            f"{cost.mutual_information:14.4f} nats"
        )
