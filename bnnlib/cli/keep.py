"""What `train`, `ensemble` and `laplace` do at the end: keep a checkpoint and measure it."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.networks import Network
from bnnlib.storage.checkpoints import (
    check_destination,
    load_checkpoint,
    save_checkpoint,
    update_card,
)
from bnnlib.training.session import in_words, measure


def prepare_folder(out: Path, replace_it: bool) -> Path:
    """`out`, if a checkpoint can be written there; raises BnnlibError before any training."""
    try:
        check_destination(out)
        if (out / "card.json").exists() and not replace_it:
            raise BnnlibError(
                f"{out} holds a checkpoint already: give another folder with --out, "
                "or --replace to replace it."
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            return out
    except OSError as error:
        raise BnnlibError(
            f"{out} cannot be written ({error.strerror}): "
            "give a folder you may write to with --out."
        ) from error


def keep(out: Path, network: Network, card: dict[str, Any]) -> Path:
    """Save the checkpoint in `out`, or, where that fails, in a new temporary folder; its folder."""
    try:
        return save_checkpoint(out, network, card)
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return save_checkpoint(Path(tempfile.mkdtemp(prefix="bnnlib-")) / out.name, network, card)


def measure_checkpoint(folder: Path, digits: Digits) -> str:
    """Measure the stored weights, add the figures to the card; the validation figures in words."""
    network = load_checkpoint(folder)
    figures = measure(network, digits)
    update_card(folder, {**network.card, "figures": figures})
    return in_words(figures)
