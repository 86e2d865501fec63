"""The card of a checkpoint: JSON that says what the network is and how it was made.

Anyone may have written it, so every value is checked.
"""

import json
import math
from pathlib import Path
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, Config, DropoutConfig, EnsembleConfig, LaplaceConfig
from bnnlib.storage.files import write_whole

FORMAT = 1
FILE = "card.json"
MAX_WIDTH, MAX_DEPTH = 8_192, 16
MAX_MEMBERS = 20
CONFIGS: dict[str, Any] = {
    "dropout": DropoutConfig,
    "bayesian": BayesianConfig,
    "ensemble": EnsembleConfig,
    "laplace": LaplaceConfig,
}


LISTS = ("hidden", "initial_factors")
MAY_LACK = ("prior_scale", "initial_mean")  # None has a meaning there


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Replace the card in `folder`, as a whole or not at all. Raises OSError."""

    def write(where: Path) -> None:
        with open(where, "w", encoding="utf-8") as file:
            json.dump(card, file, indent=2, ensure_ascii=False)
            file.write("\n")

    write_whole(folder / FILE, write)


def read_card(folder: Path) -> dict[str, Any]:
    """The card of the checkpoint in `folder`.

    Raises BnnlibError if it is missing, damaged or of another format.
    """
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
            f"{where} has format {found!r}, this version reads format {FORMAT}: "
            "train or convert the checkpoint again."
        )
    return card


def config_from_card(card: dict[str, Any]) -> Config:
    """The network's config as its card has it; raises BnnlibError if it describes none."""
    try:
        fields = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card["architecture"].items()
        }
        config: Config = CONFIGS[card["kind"]](**{**fields, "kind": card["kind"]})
        _check_config(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BnnlibError(
            f"The card describes no network that this version can build ({error}): "
            "train the checkpoint again."
        ) from error
    return config


def _check_config(config: Config) -> None:
    given = {name: value for name, value in vars(config).items() if name != "kind"}
    if missing := [name for name, value in given.items() if value is None and name not in MAY_LACK]:
        raise ValueError(f"no {missing[0]}")
    if odd := [
        name for name, value in given.items() if isinstance(value, tuple) != (name in LISTS)
    ]:
        raise ValueError(f"{odd[0]} {given[odd[0]]!r}")
    fields = [value for value in given.values() if value is not None]
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
