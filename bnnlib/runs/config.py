"""What a run trains and how: the settings of network and training, as JSON."""

import dataclasses
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, EnsembleConfig, LaplaceConfig, TrainableConfig
from bnnlib.storage.cards import config_from_card
from bnnlib.training.config import TRAINING, TrainingConfig, check_network
from bnnlib.training.presets import preset

FORMAT = 1
REMEDY = "start a new run"


@dataclass(frozen=True)
class RunConfig:
    """What a run trains and how.

    preset: where its settings started. captions: of the pinned images.
    """

    network: TrainableConfig
    training: TrainingConfig
    preset: str = "default"
    captions: tuple[str, ...] = ()
    created: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": self.network.kind,
            "preset": self.preset,
            "created": self.created,
            "architecture": dataclasses.asdict(self.network),
            "training": dataclasses.asdict(self.training),
            "captions": list(self.captions),
        }

    @staticmethod
    def from_json(fields: Any, where: str) -> "RunConfig":
        """Checks every value, for anyone may have edited the file.

        Raises BnnlibError that names `where`.
        """
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            found = fields.get("format") if isinstance(fields, dict) else None
            raise BnnlibError(
                f"{where} has format {found!r}, this version reads format {FORMAT}: {REMEDY}."
            )
        try:
            network = _network(fields)
            known = {field.name for field in dataclasses.fields(TrainingConfig)}
            training = dict(fields["training"])
            if odd := sorted(training.keys() - known):
                raise BnnlibError(f"there is no setting {odd[0]!r}")
            if isinstance(training.get("classes"), list):
                training["classes"] = tuple(training["classes"])
            captions = tuple(str(caption)[:80] for caption in fields.get("captions", []))
            name = str(fields.get("preset", "default"))
            preset(network.kind, name)
            return RunConfig(
                network,
                TrainingConfig(**training),
                name,
                captions,
                str(fields.get("created", ""))[:40],
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BnnlibError(
                f"{where} lacks or garbles a setting ({error}): mend it, or {REMEDY}."
            ) from error
        except BnnlibError as error:
            raise BnnlibError(
                f"{where} cannot be used ({str(error).rstrip('.')}): mend it, or {REMEDY}."
            ) from error


def _network(fields: dict[str, Any]) -> TrainableConfig:
    try:
        network = config_from_card(fields)
        if isinstance(network, EnsembleConfig):
            raise BnnlibError("an ensemble is assembled, not trained")
        if isinstance(network, LaplaceConfig):
            raise BnnlibError("a Laplace approximation is fitted to a trained network")
    except BnnlibError as error:
        raise BnnlibError(
            f"it describes no network that can be built: {error.__cause__ or error}"
        ) from error
    check_network(network)
    return network


def settings(config: RunConfig) -> dict[str, Any]:
    """Every setting by name, flat, to compare runs by."""
    network = {
        k: v
        for k, v in dataclasses.asdict(config.network).items()
        if k not in ("inputs", "classes")
    }
    return {"preset": config.preset, **network, **dataclasses.asdict(config.training)}


def state_bytes(config: TrainableConfig) -> int:
    """About how many bytes a run of this network takes at most.

    Its weights, two moments of the optimiser, average and best copy; twice, to replace the file.
    """
    sizes = (config.inputs, *config.hidden, config.classes)
    weights = sum((i + 1) * o for i, o in pairwise(sizes))
    return weights * 4 * (2 if isinstance(config, BayesianConfig) else 1) * 5 * 2


def command(config: RunConfig) -> str:
    """The command line that trains the same network: the preset and what differs from it."""
    network, training = preset(config.network.kind, config.preset)
    parts = [f"python -m bnnlib train {config.network.kind}"]
    if config.preset != "default":
        parts.append(f"--preset {config.preset}")
    if config.network.hidden != network.hidden:
        parts.append(f"--hidden-width {config.network.hidden[0]}")
    if (
        isinstance(network, BayesianConfig)
        and isinstance(config.network, BayesianConfig)
        and config.network.prior_scale != network.prior_scale
    ):
        parts.append(f"--prior-scale {config.network.prior_scale:g}")
    for name, one in TRAINING.items():
        value = getattr(config.training, name)
        if not one.flag or name == "device" or value == getattr(training, name):
            continue
        if isinstance(value, bool):
            parts.append(one.option if value else f"--no-{one.option[2:]}")
        elif isinstance(value, tuple):
            parts.append(f"{one.option} {','.join(map(str, value))}")
        else:
            parts.append(f"{one.option} {value}")
    return " ".join(parts)
