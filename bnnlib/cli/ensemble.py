"""`python -m bnnlib ensemble`: put trained dropout networks together as one checkpoint."""

import argparse
import sys
from pathlib import Path
from typing import Any

from bnnlib.cli.keep import keep, measure_checkpoint, prepare_folder
from bnnlib.datasets.mnist import load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.networks import DropoutNetwork, EnsembleNetwork
from bnnlib.storage.cards import MAX_MEMBERS
from bnnlib.storage.checkpoints import FOLDER, load_checkpoint

KEPT = ("command", "seed", "best_epoch", "training", "figures")  # of a member's card


def ensemble(options: argparse.Namespace) -> int:
    """Assemble the members, keep them as one checkpoint and measure it; returns the exit code."""
    out = Path(options.out) if options.out else FOLDER / "my-ensemble"
    out = prepare_folder(out, options.replace)
    network, card = assemble(options.members)
    out = keep(out, network, card)
    print(
        f"Kept {len(network.members)} members in {out}; measuring them (Ctrl-C skips this).",
        file=sys.stderr,
    )
    print(f"{out}: {measure_checkpoint(out, load_mnist())}")
    return 0


def assemble(names: list[str]) -> tuple[EnsembleNetwork, dict[str, Any]]:
    """The ensemble of these checkpoints (names or paths) and its card.

    Raises BnnlibError unless they are 2 to `MAX_MEMBERS` dropout networks of one size, trained on
    the same source of digits.
    """
    if not 2 <= len(names) <= MAX_MEMBERS:
        raise BnnlibError(
            f"There are {len(names)} members: give 2 to {MAX_MEMBERS} dropout checkpoints."
        )
    networks = []
    for name in names:
        network = load_checkpoint(name)
        if not isinstance(network, DropoutNetwork):
            raise BnnlibError(
                f"{name} is of kind {network.config.kind}: "
                "the members of an ensemble are dropout networks."
            )
        networks.append(network)
    cards = [network.card for network in networks]
    if len(sources := {str(card.get("source", "mnist")) for card in cards}) > 1:
        raise BnnlibError(
            f"The members were trained on different digits ({', '.join(sorted(sources))}): "
            "give members of one source."
        )
    try:
        together = EnsembleNetwork.of(networks)
    except ValueError as error:
        raise BnnlibError(f"There is no ensemble of these: {error}.") from error
    members = [{field: card[field] for field in KEPT if field in card} for card in cards]
    shared: dict[str, Any] = {
        field: cards[0][field] for field in ("source", "split") if field in cards[0]
    }
    return together, {
        **shared,
        "command": f"python -m bnnlib ensemble {' '.join(Path(n).name for n in names)}",
        "members": members,
    }
