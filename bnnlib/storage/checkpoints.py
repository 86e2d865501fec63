"""Trained networks on disk: a folder each, `weights.safetensors` beside a `card.json`.

Loading executes nothing, and checks the card, the names, the shapes and that every number is
finite.
"""

import contextlib
import dataclasses
import importlib.metadata
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bnnlib.errors import BnnlibError
from bnnlib.networks import (
    BayesianNetwork,
    DropoutNetwork,
    EnsembleNetwork,
    LaplaceNetwork,
    Network,
)
from bnnlib.places import checkpoint_folders
from bnnlib.storage.cards import FORMAT, config_from_card, read_card, write_card
from bnnlib.storage.files import staged, sync_files, sync_names

FOLDER, *OTHERS = checkpoint_folders()  # new ones go to FOLDER; the others are read as well
# Come with the project, in the order to offer them.
SHIPPED = (
    "dropout",
    "bayesian",
    "ensemble",
    "dropout-robust",
    "bayesian-robust",
    "dropout-doubt",
    "bayesian-doubt",
    "dropout-pen",
    "bayesian-pen",
    "laplace",
    "bayesian-t1",
    "bayesian-published",
)
WEIGHTS = "weights.safetensors"
NETWORKS: dict[str, Any] = {
    "dropout": DropoutNetwork,
    "bayesian": BayesianNetwork,
    "ensemble": EnsembleNetwork,
    "laplace": LaplaceNetwork,
}


@dataclass(frozen=True)
class Info:
    """A checkpoint as `list_checkpoints` sees it: its card, or its problem."""

    name: str
    folder: Path
    card: dict[str, Any] | None
    problem: str | None = None


def save_checkpoint(folder: str | Path, network: Network, card: dict[str, Any]) -> Path:
    """Write `network` and `card` to `folder`, replacing it as a whole or not at all.

    Weights are stored as float16 where they fit. Architecture, kind, versions, date and format
    version are added to the card. Raises BnnlibError where the folder cannot be written, for one
    that holds other things than a checkpoint, and for weights that are not finite.
    """
    folder = Path(folder)
    itself = {
        "format": FORMAT,
        "kind": network.config.kind,
        "architecture": dataclasses.asdict(network.config),
    }
    made = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": _versions()}
    # A card of another network may say when it was made, not what this one is.
    full = {**made, **card, **itself}
    weights = {
        name: _stored(value.detach().cpu().contiguous())
        for name, value in network.state_dict().items()
    }
    if odd := [name for name, value in weights.items() if not torch.isfinite(value).all()]:
        raise BnnlibError(
            f"The network's {odd[0]} holds values that are not finite: "
            "it is not kept, train it again."
        )
    try:
        check_destination(folder)
        with staged(folder) as staging:
            save_file(weights, str(staging / WEIGHTS))
            (staging / WEIGHTS).chmod(0o644)
            write_card(staging, full)
            sync_files(staging)
            swap_folders(staging, folder)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BnnlibError(
            f"The checkpoint cannot be written to {folder} ({reason}): "
            "make room, or choose a folder you may write to."
        ) from error
    return folder


def check_destination(folder: Path) -> None:
    """Raises BnnlibError if `folder` is a file or holds other things than a checkpoint."""
    if folder.exists() and not folder.is_dir():
        raise BnnlibError(f"{folder} is a file: give a folder for the checkpoint.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "card.json").is_file():
        raise BnnlibError(
            f"{folder} holds other things than a checkpoint: give a new or empty folder."
        )


def _stored(value: torch.Tensor) -> torch.Tensor:
    half = value.half()
    return half if torch.isfinite(half).all() else value


def update_card(folder: Path, card: dict[str, Any]) -> None:
    """Replace a checkpoint's card, as a whole or not at all; raises BnnlibError."""
    try:
        write_card(folder, card)
    except OSError as error:
        raise BnnlibError(
            f"The card in {folder} cannot be written ({error.strerror}): "
            "choose a folder you may write to."
        ) from error


def swap_folders(staging: Path, folder: Path) -> None:
    """Put `staging` in the place of `folder`; the old one is set aside until the new one stands."""
    aside = _aside(folder)
    settle(folder)
    if folder.exists():
        os.replace(folder, aside)
    try:
        os.replace(staging, folder)
    finally:
        _put_back(aside, folder)
    sync_names(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def settle(folder: Path) -> None:
    """End what a process began that was killed while it replaced `folder`.

    The old checkpoint is put back, or removed where the new one stands. Raises OSError.
    """
    _put_back(_aside(folder), folder)
    shutil.rmtree(_aside(folder), ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Where a checkpoint waits while its successor takes its place.

    After a crash in that moment it is read from there.
    """
    return folder.parent / f".{folder.name}.old"


def _put_back(aside: Path, folder: Path) -> None:
    if aside.exists() and not folder.exists():
        os.replace(aside, folder)


def _versions() -> dict[str, str]:
    found = {}
    for package in ("torch", "pyro-ppl"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def list_checkpoints(folder: str | Path | None = None) -> list[Info]:
    """Every checkpoint below `folder` (None: the places of checkpoints), by name.

    One whose card cannot be read is listed with its problem.
    """
    found: dict[str, Path] = {}
    for root in reversed([Path(folder)] if folder else [FOLDER, *OTHERS]):  # the first place wins
        found |= {path.name[1 : -len(".old")]: path for path in root.glob(".*.old")}
        found |= {path.name: path for path in root.glob("[!.]*")}
    infos = []
    for name, path in sorted(found.items()):
        if not path.is_dir():
            continue
        try:
            card = read_card(path)
            config_from_card(card)
            infos.append(Info(name, path, card))
        except BnnlibError as error:
            infos.append(Info(name, path, None, str(error)))
    return infos


def find_checkpoint(name_or_path: str | Path) -> Path:
    """The folder of a checkpoint given by name or by path.

    Raises BnnlibError if there is none.
    """
    named = [root / name_or_path for root in (FOLDER, *OTHERS)]
    for folder in (*named, Path(name_or_path).absolute()):
        for place in (folder, _aside(folder)):
            with contextlib.suppress(OSError):  # a name too long to be one
                if place.is_dir():
                    return place
    known = ", ".join(info.name for info in list_checkpoints() if info.card) or "none"
    if name_or_path in SHIPPED:
        raise BnnlibError(
            f"The checkpoint {str(name_or_path)!r} is not here: copy its folder from the project's "
            f"checkpoints/ to {FOLDER.absolute()}, or take one of these: {known}."
        )
    raise BnnlibError(
        f"There is no checkpoint {str(name_or_path)!r}: "
        f"give the path of its folder or one of these names: {known}."
    )


def load_checkpoint(name_or_path: str | Path) -> Network:
    """The trained network with its `card`, by name or path: float32, without gradients.

    Raises BnnlibError if it is missing, truncated, foreign, of the wrong shape or not finite.
    """
    folder = find_checkpoint(name_or_path)
    card = read_card(folder)
    config = config_from_card(card)
    with torch.device("meta"):  # names and shapes, no memory
        network: Network = NETWORKS[config.kind](config)
    weights = _read_weights(
        folder / WEIGHTS,
        {name: tuple(value.shape) for name, value in network.state_dict().items()},
    )
    network.load_state_dict(weights, assign=True)
    network.requires_grad_(False)
    network.card = card
    _check_answer(network, folder)
    return network


@torch.no_grad()
def _check_answer(network: Network, folder: Path) -> None:
    """Raises BnnlibError where finite weights give answers that are not."""
    extremes = torch.tensor([0.0, 1.0])[:, None, None].expand(2, 28, 28)
    if not torch.isfinite(network.sample(extremes, 1, torch.Generator().manual_seed(0))).all():
        raise BnnlibError(
            f"{folder / WEIGHTS} gives answers that are not finite: "
            "the checkpoint is damaged, train or copy it again."
        )


def _read_weights(where: Path, expected: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    try:
        weights = load_file(str(where))
    except FileNotFoundError:
        raise BnnlibError(
            f"{where} is missing: the checkpoint is incomplete, train or copy it again."
        ) from None
    except (SafetensorError, OSError, ValueError) as error:
        raise BnnlibError(
            f"{where} cannot be read ({error}): "
            "it is truncated or no safetensors file, train or copy it again."
        ) from error
    if weights.keys() != expected.keys():
        odd = sorted(weights.keys() ^ expected.keys())
        raise BnnlibError(
            f"{where} holds other weights than its card describes ({', '.join(odd[:4])}): "
            "it belongs to another network."
        )
    for name, value in weights.items():
        if tuple(value.shape) != expected[name]:
            raise BnnlibError(
                f"{where}: {name} has shape {list(value.shape)}, "
                f"its card says {list(expected[name])}: it belongs to another network."
            )
        if not value.is_floating_point() or not torch.isfinite(value.float()).all():
            raise BnnlibError(
                f"{where}: {name} holds values that are not finite: "
                "the checkpoint is damaged, train or copy it again."
            )
    return {name: value.float() for name, value in weights.items()}
