"""One training of a sweep, on whichever machine it falls: settings come in, a zip goes out."""

import io
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bnnlib.datasets.mnist import find_mnist
from bnnlib.errors import BnnlibError
from bnnlib.runs.archive import export_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.turn import StoppedError
from bnnlib.storage.checkpoints import find_checkpoint
from bnnlib.training.config import MNIST, TrainingConfig


@dataclass(frozen=True)
class Outcome:
    """How a trial ended. archive: its run as a zip, empty if it failed. message: then why.

    where: the machine. seconds: of the training and what belongs to it.
    """

    archive: bytes = b""
    message: str = ""
    where: str = ""
    seconds: float = 0.0


def source_here() -> str:
    """The source of digits that `load_mnist` would give, without reading it."""
    return "embedded" if find_mnist() is None else "mnist"


def lacking(configs: Iterable[TrainingConfig], source: str) -> str:
    """What these trainings learn from and this machine has not, in words; "" if all is here.

    source: of the digits on the machine that the sweep was started on.
    """
    if source_here() != source:
        has = "no full MNIST" if source == "mnist" else "the full MNIST"
        return (
            f"it has {has}, unlike the machine that the sweep was started on: "
            "put the same data on all of them and name their folder by BNNLIB_DATA"
        )
    for config in configs:
        try:
            if config.start:
                find_checkpoint(config.start)
        except BnnlibError as error:
            return str(error).rstrip(".")
        for path in (config.pen, config.not_digits if config.not_digits != MNIST else ""):
            if path and not Path(path).exists():
                return f"it has no {path}: put it at the same place on every machine"
    return ""


def train_trial(config: dict[str, Any], source: str, threads: int) -> Outcome:
    """Train to the end in a folder that is gone afterwards; a failure is an outcome, too.

    config: of `RunConfig.to_json`. Raises StoppedError if somebody stopped this process.
    """
    from bnnlib.runs.worker import work  # here, not above: it loads Pyro

    started = time.perf_counter()
    torch.set_num_threads(threads)
    try:
        given = RunConfig.from_json(config, "The sweep's training")
        if missing := lacking([given.training], source):
            raise BnnlibError(f"This machine cannot train: {missing}.")
        with tempfile.TemporaryDirectory(prefix="bnnlib-trial-") as folder:
            run = create_run(Path(folder) / "trial", given)
            if work(run):
                raise StoppedError
            archive = io.BytesIO()
            export_run(run, archive)
    except BnnlibError as error:
        return Outcome(message=str(error), seconds=time.perf_counter() - started)
    return Outcome(archive.getvalue(), seconds=time.perf_counter() - started)
