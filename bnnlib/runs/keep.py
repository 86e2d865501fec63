"""The best network of a run, and that network as a checkpoint."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import Trainable
from bnnlib.runs.config import RunConfig, command
from bnnlib.runs.run import Run
from bnnlib.storage.checkpoints import save_checkpoint
from bnnlib.training.start import build


def keep_as_checkpoint(run: Run, folder: Path) -> Path:
    """Keep the run's best network as the checkpoint `folder`, replacing what is there.

    Raises BnnlibError if there is none yet.
    """
    state, config = run.state(), run.config
    if state is None:
        raise BnnlibError(
            f"The run {run.name!r} has finished no epoch yet: there is no network to keep."
        )
    # Here, not above: training loads Pyro and 150 MB, which a server that shows runs does without.
    from bnnlib.training.session import make_card, without_places

    network = best_network(config, state)
    told = dataclasses.replace(config, training=without_places(config.training))
    card = make_card(network, config.training, state, command(told))
    card["preset"] = config.preset
    return save_checkpoint(folder, network, card)


def best_network(config: RunConfig, state: dict[str, Any]) -> Trainable:
    """The network with the best weights so far.

    Raises BnnlibError if they belong to another network or are not finite.
    """
    network = build(config.network, 0)
    expected, best = network.state_dict(), state["best"]
    if best.keys() != expected.keys() or any(
        best[name].shape != value.shape for name, value in expected.items()
    ):
        raise BnnlibError(
            "The state holds the weights of another network than config.json describes: "
            "the run is damaged."
        )
    if not all(
        value.is_floating_point() and torch.isfinite(value).all() for value in best.values()
    ):
        raise BnnlibError("The state holds weights that are not finite: the run is damaged.")
    network.load_state_dict({name: value.float() for name, value in best.items()})
    return network
