"""`python -m bnnlib ensemble`: put dropout networks together as one checkpoint, or train them."""

import argparse
import shlex
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from bnnlib.cli.keep import keep, measure_checkpoint, prepare_folder
from bnnlib.cli.sweep import train_trials
from bnnlib.datasets.mnist import load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.networks import DropoutNetwork, EnsembleNetwork
from bnnlib.runs.keep import keep_as_checkpoint
from bnnlib.runs.sweep import make_trials
from bnnlib.storage.cards import MAX_MEMBERS
from bnnlib.storage.checkpoints import FOLDER, load_checkpoint

KEPT = ("command", "seed", "best_epoch", "training", "figures")  # of a member's card


def ensemble(options: argparse.Namespace) -> int:
    """Assemble the members, keep them as one checkpoint and measure it; returns the exit code."""
    if bool(options.members) == (options.train is not None):
        raise BnnlibError("Give either the names of trained members, or --train N to train them.")
    out = Path(options.out) if options.out else FOLDER / "my-ensemble"
    out = prepare_folder(out, options.replace)
    if options.train is None:
        network, card = assemble(options.members)
    elif (found := train_members(options)) is None:
        return 0 if options.dry_run else 1
    else:
        network, card = found
    out = keep(out, network, card)
    print(
        f"Kept {len(network.members)} members in {out}; measuring them (Ctrl-C skips this).",
        file=sys.stderr,
    )
    print(f"{out}: {measure_checkpoint(out, load_mnist())}")
    return 0


def train_members(options: argparse.Namespace) -> tuple[EnsembleNetwork, dict[str, Any]] | None:
    """Train `options.train` dropout networks that differ in their seeds, and assemble them.

    None if not all were trained. What is trained stays as runs, so the same command goes on.
    """
    if not 2 <= options.train <= MAX_MEMBERS:
        raise BnnlibError(f"--train is {options.train}: expected 2 to {MAX_MEMBERS} members.")
    seeds = list(range(options.seed, options.seed + options.train))
    grid = {"kind": "dropout", "preset": options.preset, "seed": seeds, **_set(options.set)}
    trials = make_trials("member", [grid])
    runs = train_trials(trials, options)
    if options.dry_run or len(runs) < len(trials):
        return None
    with tempfile.TemporaryDirectory() as folder:
        members = [Path(folder) / trial.name for trial in trials]
        for trial, member in zip(trials, members, strict=True):
            keep_as_checkpoint(runs[trial], member)
        network, card = assemble([str(member) for member in members])
    chosen = [word for text in options.set for word in ("--set", shlex.quote(text))]
    words = ["--preset", options.preset, "--seed", str(options.seed), *chosen]
    command = f"python -m bnnlib ensemble --train {options.train} {' '.join(words)}"
    return network, {**card, "command": command}


def _set(texts: list[str]) -> dict[str, Any]:
    """ "epochs=4" as a setting; a value that is no TOML is a text. One value each."""
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BnnlibError(f"--set {text!r} has no value: give NAME=VALUE, as epochs=4.")
        try:
            given[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            given[name] = value
    if odd := next((name for name in given if name in ("kind", "preset", "seed")), None):
        raise BnnlibError(f"--set takes no {odd}: members are dropout networks, see --preset.")
    if several := next((name for name, value in given.items() if isinstance(value, list)), None):
        raise BnnlibError(
            f"--set {several} has several values: the members share all but the seed."
        )
    return given


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
