"""Trained networks on disk: a folder each, `weights.safetensors` beside a `card.json` that says how they were made.

Loading executes nothing, and checks the card, the names, the shapes and that every number is finite.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bnnlib.errors import BnnlibError
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    Config,
    DropoutConfig,
    DropoutNetwork,
    EnsembleConfig,
    EnsembleNetwork,
    Network,
)
from bnnlib.places import checkpoint_folders
from bnnlib.storage.files import delete_folder, rename_folder
from bnnlib.storage.names import check_name

FORMAT = 1
FOLDER, *OTHERS = checkpoint_folders()  # new ones go to FOLDER; the others are read as well
# Come with the project, in the order to offer them.
SHIPPED = (
    "dropout",
    "bayesian",
    "ensemble",
    "dropout-robust",
    "bayesian-robust",
    "bayesian-published",
)
MAX_WIDTH, MAX_DEPTH = 8_192, 16
MAX_MEMBERS = 20
CONFIGS: dict[str, Any] = {
    "dropout": DropoutConfig,
    "bayesian": BayesianConfig,
    "ensemble": EnsembleConfig,
}
NETWORKS: dict[str, Any] = {
    "dropout": DropoutNetwork,
    "bayesian": BayesianNetwork,
    "ensemble": EnsembleNetwork,
}


@dataclass(frozen=True)
class Info:
    """A checkpoint as `list_checkpoints` sees it: its name, its folder, and its card or what is wrong with it."""

    name: str
    folder: Path
    card: dict[str, Any] | None
    problem: str | None = None


def save_checkpoint(folder: str | Path, network: Network, card: dict[str, Any]) -> Path:
    """Write `network` (weights as float16, where they fit) and `card` to `folder`, replacing it as a whole or not at all.

    Architecture, kind, versions, date and format version are added to the card. Raises BnnlibError where that is impossible, for
    a folder that holds other things than a checkpoint, and for weights that are not finite.
    """
    folder = Path(folder)
    itself = {
        "format": FORMAT,
        "kind": network.config.kind,
        "architecture": dataclasses.asdict(network.config),
    }
    made = {"created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": _versions()}
    full = {
        **itself,
        **made,
        **card,
        **itself,
    }  # a card of another network may say when it was made, not what this one is
    weights = {
        name: _stored(value.detach().cpu().contiguous())
        for name, value in network.state_dict().items()
    }
    if odd := [name for name, value in weights.items() if not torch.isfinite(value).all()]:
        raise BnnlibError(
            f"The network's {odd[0]} holds values that are no finite numbers: it is not kept, train it again."
        )
    try:
        check_destination(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            save_file(weights, str(staging / "weights.safetensors"))
            _write_card(staging, full)
            (staging / "weights.safetensors").chmod(0o644)
            staging.chmod(0o755)
            swap_folders(staging, folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BnnlibError(
            f"The checkpoint cannot be written to {folder} ({reason}): choose a folder you may write to."
        ) from error
    return folder


def check_destination(folder: Path) -> None:
    """Raises BnnlibError if `folder` is a file or holds anything that is no checkpoint: it would be replaced."""
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
    """Replace a checkpoint's card, as a whole or not at all. Raises BnnlibError where that is impossible."""
    try:
        _write_card(folder, card)
    except OSError as error:
        raise BnnlibError(
            f"The card in {folder} cannot be written ({error.strerror}): choose a folder you may write to."
        ) from error


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".card-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(card, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, folder / "card.json")
    finally:
        Path(temporary).unlink(missing_ok=True)


def swap_folders(staging: Path, folder: Path) -> None:
    """Put `staging` in the place of `folder`; the old one is set aside until the new one stands."""
    aside = _aside(folder)
    _put_back(aside, folder)
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(folder, aside)
    try:
        os.replace(staging, folder)
    finally:
        _put_back(aside, folder)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(folder: Path) -> Path:
    """Where a checkpoint waits while its successor takes its place; after a crash in that moment it is read from there."""
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
    """The folder of a checkpoint given by name or by path; raises BnnlibError if there is none."""
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
        f"There is no checkpoint {str(name_or_path)!r}: give the path of its folder or one of these names: {known}."
    )


def read_card(folder: Path) -> dict[str, Any]:
    """The card of the checkpoint in `folder`; raises BnnlibError if it is missing, damaged or of another format."""
    where = folder / "card.json"
    try:
        card = json.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BnnlibError(f"{folder} is no checkpoint: it has no card.json.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BnnlibError(
            f"{where} cannot be read ({error}): the checkpoint is damaged, train or copy it again."
        ) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else None
        raise BnnlibError(
            f"{where} has format {found!r}, this version reads format {FORMAT}: train or convert the checkpoint again."
        )
    return card


def config_from_card(card: dict[str, Any]) -> Config:
    """The network's config as its card has it; raises BnnlibError if it is none or beyond the limits."""
    try:
        fields = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card["architecture"].items()
        }
        config: Config = CONFIGS[card["kind"]](**{**fields, "kind": card["kind"]})
        _check_config(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BnnlibError(
            f"The card describes no network that this version can build ({error}): train the checkpoint again."
        ) from error
    return config


def _check_config(config: Config) -> None:
    fields = [value for name, value in vars(config).items() if name != "kind" and value is not None]
    if not all(
        math.isfinite(number) and number >= 0
        for value in fields
        for number in (value if isinstance(value, tuple) else (value,))
    ):
        raise ValueError(f"numbers that are negative or not finite in {config}")
    if not 1 <= len(config.hidden) <= MAX_DEPTH or not all(
        isinstance(size, int) and 1 <= size <= MAX_WIDTH for size in config.hidden
    ):
        raise ValueError(f"hidden layers {config.hidden}")
    if (config.inputs, config.classes) != (784, 10):
        raise ValueError(f"{config.inputs} inputs and {config.classes} classes")
    if isinstance(config, DropoutConfig) and max(config.input_dropout, config.hidden_dropout) >= 1:
        raise ValueError("a dropout rate of 1 or more")
    if isinstance(config, EnsembleConfig) and not (
        isinstance(config.members, int) and 1 <= config.members <= MAX_MEMBERS
    ):
        raise ValueError(f"{config.members} members")
    if isinstance(config, BayesianConfig) and (
        len(config.initial_factors) != len(config.hidden) or not isinstance(config.input_bias, bool)
    ):
        raise ValueError(
            f"{len(config.initial_factors)} scale factors and input_bias {config.input_bias!r}"
        )


def load_checkpoint(name_or_path: str | Path) -> Network:
    """The trained network with its `card`, by name or path, ready to be asked (float32, no gradients).

    Raises BnnlibError if it is missing, truncated, foreign, of the wrong shape or not finite.
    """
    folder = find_checkpoint(name_or_path)
    card = read_card(folder)
    config = config_from_card(card)
    with torch.device("meta"):  # names and shapes, no memory
        network: Network = NETWORKS[config.kind](config)
    weights = _read_weights(
        folder / "weights.safetensors",
        {name: tuple(value.shape) for name, value in network.state_dict().items()},
    )
    network.load_state_dict(weights, assign=True)
    network.requires_grad_(False)
    network.card = card
    return network


def _read_weights(where: Path, expected: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    try:
        weights = load_file(str(where))
    except FileNotFoundError:
        raise BnnlibError(
            f"{where} is missing: the checkpoint is incomplete, train or copy it again."
        ) from None
    except (SafetensorError, OSError, ValueError) as error:
        raise BnnlibError(
            f"{where} cannot be read ({error}): it is truncated or no safetensors file, train or copy it again."
        ) from error
    if weights.keys() != expected.keys():
        odd = sorted(weights.keys() ^ expected.keys())
        raise BnnlibError(
            f"{where} holds other weights than its card describes ({', '.join(odd[:4])}): it belongs to another network."
        )
    for name, value in weights.items():
        if tuple(value.shape) != expected[name]:
            raise BnnlibError(
                f"{where}: {name} has shape {list(value.shape)}, its card says {list(expected[name])}: it belongs to another network."
            )
        if not value.is_floating_point() or not torch.isfinite(value.float()).all():
            raise BnnlibError(
                f"{where}: {name} holds values that are no finite numbers: the checkpoint is damaged, train or copy it again."
            )
    return {name: value.float() for name, value in weights.items()}


def own_checkpoints() -> list[str]:
    """Names of the checkpoints that did not come with the project, damaged ones included."""
    return [info.name for info in list_checkpoints() if info.name not in SHIPPED]


def rename_checkpoint(name: str, new_name: str) -> Path:
    """The folder of the checkpoint under its new name; raises BnnlibError if that name cannot be had."""
    return rename_folder(_own(name), check_name(new_name), "checkpoint")


def delete_checkpoint(name: str) -> None:
    """Remove the checkpoint for good; raises BnnlibError if it came with the project or cannot be removed."""
    delete_folder(_own(name), "checkpoint")


def _own(name: str) -> Path:
    if name in SHIPPED:
        raise BnnlibError(
            f"The checkpoint {name!r} came with the project and stays: choose one of your own."
        )
    folder = FOLDER / check_name(name)
    if not folder.is_dir():
        raise BnnlibError(f"There is no checkpoint {name!r}: it may have been renamed or deleted.")
    return folder
