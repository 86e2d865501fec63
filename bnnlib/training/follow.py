"""What torchrun's other processes do: train along with that of rank 0, which keeps the network.

Rank 0 tells them what it trains and from where, so no disk is shared. They write nothing.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.networks import TrainableConfig
from bnnlib.training.config import TrainingConfig
from bnnlib.training.material import load_material
from bnnlib.training.session import train_epochs
from bnnlib.training.start import build
from bnnlib.training.team import told_by_first
from bnnlib.training.trainer import DivergedError, Trainer


@dataclass(frozen=True)
class Work:
    """What all train. state: of the trainer, to go on from; None at the start."""

    network: TrainableConfig
    training: TrainingConfig
    source: str
    state: dict[str, Any] | None = None


def lead(
    network: TrainableConfig,
    training: TrainingConfig,
    digits: Digits,
    state: dict[str, Any] | None = None,
) -> None:
    """Rank 0, before its trainer is made: tell the others, if there are any."""
    told_by_first(Work(network, training, digits.source, state))


def follow() -> int:
    """The others; returns the exit code, 0. Raises BnnlibError for other data than rank 0 has."""
    work: Work | None = told_by_first(None)
    if work is None:  # there is nothing to train
        return 0
    digits = load_mnist()
    if digits.source != work.source:
        raise BnnlibError(
            f"This process has the {digits.source} digits, and that of rank 0 the {work.source} "
            "ones: put the same data on every machine (BNNLIB_DATA)."
        )
    material = load_material(work.training, digits)
    lessons = material.lessons
    network = build(work.network, work.training.seed, work.training.start)
    trainer = Trainer(network, lessons.train, lessons.validation, work.training, material.outliers)
    if work.state is not None:
        trainer.load_state_dict(work.state)
    try:
        with contextlib.suppress(DivergedError):  # rank 0 says so
            train_epochs(trainer)
    except RuntimeError as error:  # of the connection
        raise BnnlibError("The process of rank 0 has ended: see what it said.") from error
    return 0
