"""`python -m bnnlib laplace`: give a dropout network's last layer a posterior, as a checkpoint."""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bnnlib.cli.keep import keep, measure_checkpoint, prepare_folder
from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import trained_on
from bnnlib.networks import DropoutNetwork, LaplaceNetwork
from bnnlib.storage.checkpoints import FOLDER, load_checkpoint
from bnnlib.training.laplace import fit_laplace

KEPT = ("command", "seed", "best_epoch", "training", "figures")  # of the dropout network's card


def laplace(options: argparse.Namespace) -> int:
    """Fit the posterior, keep it as a checkpoint and measure it; returns the exit code."""
    out = Path(options.out) if options.out else FOLDER / "my-laplace"
    out = prepare_folder(out, options.replace)
    digits = load_mnist()
    network, card = fit(options.name, digits)
    out = keep(out, network, card)
    print(
        f"Kept the posterior in {out}, prior precision {card['prior_precision']:.4g}; "
        "measuring it (Ctrl-C skips this).",
        file=sys.stderr,
    )
    print(f"{out}: {measure_checkpoint(out, digits)}")
    return 0


def fit(name: str, digits: Digits) -> tuple[LaplaceNetwork, dict[str, Any]]:
    """The Laplace approximation of this checkpoint (name or path) and its card.

    It is fitted on the training images, which must be of the source that the network learnt from.
    Raises BnnlibError for another source, a network that is no dropout network, and where
    laplace-torch is missing.
    """
    network = load_checkpoint(name)
    if not isinstance(network, DropoutNetwork):
        raise BnnlibError(
            f"{name} is of kind {network.config.kind}: give the checkpoint of a dropout network."
        )
    source = trained_on(network)
    if source != digits.source:
        raise BnnlibError(
            f"{name} was trained on {source}, but the digits at hand are {digits.source}: "
            "fit it on the digits that it was trained on."
        )
    fitted, prior_precision = fit_laplace(network, digits.train)
    return fitted, {
        "source": source,
        "split": {name: len(digits.split(name)) for name in ("train", "validation", "test")},
        "command": f"python -m bnnlib laplace {Path(name).name}",
        "prior_precision": prior_precision,
        "prior_precision_by": "marginal likelihood of the training images",
        "fitted_by": f"laplace-torch {version('laplace-torch')}",
        "network": {field: network.card[field] for field in KEPT if field in network.card},
    }
