"""The one path of a training: epochs, the end, the figures, the card.

`fit`, the command line and the process of a run all go this way.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.evaluation.evaluate import evaluate
from bnnlib.networks import BayesianNetwork, Network, Trainable
from bnnlib.training.config import TrainingConfig
from bnnlib.training.report import EpochReport
from bnnlib.training.trainer import BatchHook, Trainer

SAMPLES = 100  # sampled networks behind every figure that is kept, mutual information included

Callback = Callable[[EpochReport], bool | None]  # True stops the training


def fit(
    network: Trainable,
    digits: Digits,
    config: TrainingConfig,
    callback: Callback | None = None,
    on_batch: BatchHook | None = None,
    outliers: Tensor | None = None,
) -> Trainer:
    """Train `network` in place; leave it with its best parameters (`Trainer.best`).

    `callback` sees every epoch's report and may return True to stop. Ctrl-C stops too and keeps
    the best so far. Raises DivergedError if training diverges, with the best network in place.
    outliers: what is no digit, see `Trainer`.
    """
    trainer = Trainer(network, digits.train, digits.validation, config, outliers)
    try:
        train_epochs(trainer, callback, on_batch)
    except KeyboardInterrupt:
        pass
    finally:
        network.load_state_dict(trainer.best)
    return trainer


def train_epochs(
    trainer: Trainer, callback: Callback | None = None, on_batch: BatchHook | None = None
) -> None:
    """Train from where the trainer stands to its last epoch, or until `callback` returns True."""
    while len(trainer.history) < trainer.config.epochs:
        report = trainer.run_epoch(on_batch)
        if callback is not None and callback(report):
            break
    trainer.finish()


def progress(
    trainer: Trainer, digits: Digits, told: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Where a training stands, as its card and its run's state have it; told: of `Material`."""
    return {
        "told": dict(told or {}),
        "source": digits.source,
        "split": {
            "train": len(trainer.train),
            "validation": len(trainer.validation),
            "test": len(digits.test),
        },
        "best_epoch": trainer.best_epoch,
        "history": [dataclasses.asdict(report) for report in trainer.history],
    }


def stored(trainer: Trainer, digits: Digits) -> Trainable:
    """The best network as a checkpoint stores it (float16), on the CPU."""
    network = trainer.network.cpu()
    network.load_state_dict({name: value.half().float() for name, value in trainer.best.items()})
    network.card = {"source": digits.source}
    return network


def measure(
    network: Network, digits: Digits, between: Callable[[], None] | None = None
) -> dict[str, Any]:
    """The figures of a finished network on the validation and test images of all ten digits.

    The test images are asked here and nowhere before. `between` is called before each split.
    """
    figures = {}
    for split in ("validation", "test"):
        if between is not None:
            between()
        figures[split] = evaluate(network, digits, split, SAMPLES)
    return figures


def in_words(figures: Mapping[str, Any]) -> str:
    """The validation figures; those of the test images are in the card, for who asks for them."""
    found = figures["validation"]
    return f"validation error {found['error']:.2%}, NLL {found['nll']:.4f}, ECE {found['ece']:.2%}"


def make_card(
    network: Trainable, training: TrainingConfig, progress: Mapping[str, Any], command: str
) -> dict[str, Any]:
    """What a checkpoint's card says of its making. progress: of `progress()` or a run's state."""
    card = {
        "training": dataclasses.asdict(without_places(training)),
        "seed": training.seed,
        **{name: progress[name] for name in ("source", "split", "best_epoch", "history")},
        "command": command,
    }
    card |= progress.get("told", {})
    if isinstance(network, BayesianNetwork):
        card["sigma_ratios"] = network.sigma_ratios()
    if progress.get("figures"):
        card["figures"] = progress["figures"]
    return card


def without_places(training: TrainingConfig) -> TrainingConfig:
    """The settings with the names of files and folders alone: their place is nobody else's."""
    return dataclasses.replace(
        training,
        start=Path(training.start).name,
        pen=Path(training.pen).name,
        not_digits=Path(training.not_digits).name,
    )
