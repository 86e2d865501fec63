"""`python -m bnnlib train`: settings from the options, a progress bar, a checkpoint."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bnnlib.cli.keep import keep, measure_checkpoint, prepare_folder
from bnnlib.datasets.mnist import load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.networks import TrainableConfig
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.keep import keep_as_checkpoint
from bnnlib.runs.run import Run
from bnnlib.runs.worker import work
from bnnlib.storage.checkpoints import FOLDER
from bnnlib.training.choice import chosen
from bnnlib.training.config import SETTINGS, TrainingConfig
from bnnlib.training.follow import follow, lead
from bnnlib.training.material import load_material
from bnnlib.training.report import EpochReport, line
from bnnlib.training.session import fit, make_card, progress
from bnnlib.training.start import build, pick_device
from bnnlib.training.team import joined, launched
from bnnlib.training.trainer import DivergedError

RUN_OPTIONS = ("kind", "run", "resume", "out", "replace", "verb")


def train(options: argparse.Namespace) -> int:
    """Train and keep the best network as a checkpoint, or train in a run folder with --run.

    Of several processes that torchrun started, the first one does; the others train along.
    Returns the exit code: 0, or 130 if it was stopped before the first epoch was over.
    """
    with joined(options.device or "auto") as rank:
        if rank:
            return follow()
        return train_run(options) if options.run or options.resume else train_checkpoint(options)


def train_checkpoint(options: argparse.Namespace) -> int:
    """Train and keep the best network as a checkpoint; returns the exit code."""
    config, training = configs_from(options)
    out = Path(options.out) if options.out else FOLDER / f"my-{options.kind}"
    out = prepare_folder(out, options.replace)
    network = build(config, training.seed, training.start)
    digits = load_mnist()
    material = load_material(training, digits)
    print(
        f"Training a {options.kind} network, objective {training.objective}. "
        f"Data: {digits.description}.",
        file=sys.stderr,
    )
    lead(config, training, digits)
    diverged: DivergedError | None = None
    with Progress(training) as bar:
        try:
            trainer = fit(
                network, material.lessons, training, bar.epoch, bar.batch, material.outliers
            )
        except DivergedError as error:
            trainer, diverged = error.trainer, error
    if trainer.history:
        told = progress(trainer, digits, material.told)
        card = make_card(network, training, told, _command(sys.argv[1:]))
        out = keep(out, network, card)
        print(
            f"Kept epoch {trainer.best_epoch} in {out}; "
            "measuring the stored weights (Ctrl-C skips this).",
            file=sys.stderr,
        )
        print(f"{out}: {measure_checkpoint(out, digits)}")
    if diverged:
        raise diverged
    if not trainer.history:
        print("Stopped before the first epoch was over: there is nothing to keep.", file=sys.stderr)
        return 130
    return 0


def train_run(options: argparse.Namespace) -> int:
    """Train in a run folder, new or resumed; with --out the finished run becomes a checkpoint."""
    if not options.run:
        raise BnnlibError("--resume goes on with a run: name its folder with --run DIR.")
    folder = Path(options.run).absolute()
    if options.resume:
        run = Run(folder)
        _check_resumed(run, options)
    out = prepare_folder(Path(options.out), options.replace) if options.out else None
    if not options.resume:
        config, training = configs_from(options)
        run = create_run(folder, RunConfig(config, training, options.preset))
    code = work(run)
    if code == 0 and out is not None:
        keep_as_checkpoint(run, out)
        print(f"Kept as the checkpoint {out}.")
    return code


def _check_resumed(run: Run, options: argparse.Namespace) -> None:
    """Raises BnnlibError for another kind of network, or for settings beside the run's own."""
    kind = run.config.network.kind
    if kind != options.kind:
        raise BnnlibError(
            f"The run in {run.folder} trains a {kind} network: "
            f"give that kind instead of {options.kind}."
        )
    chosen = [
        name
        for name, value in vars(options).items()
        if name not in RUN_OPTIONS and value not in (None, "default")
    ]
    if chosen:
        raise BnnlibError(
            f"--resume goes on with the settings in {run.folder / 'config.json'}: "
            f"leave out --{chosen[0].replace('_', '-')}, or start a new run."
        )


def configs_from(options: argparse.Namespace) -> tuple[TrainableConfig, TrainingConfig]:
    """The preset with the options' changes; raises BnnlibError for values out of range or place."""
    given = {
        name: getattr(options, name)
        for name, one in SETTINGS.items()
        if one.flag and getattr(options, name) is not None
    }
    config, training = chosen(
        options.kind, options.preset, given, lambda name: SETTINGS[name].option
    )
    pick_device(training.device)
    return config, training


def _command(arguments: list[str]) -> str:
    """The command that made a network, without the folders on its maker's machine."""
    kept, skip, shorten = [], False, False
    for argument in arguments:
        if shorten or argument.startswith(("--pen=", "--not-digits=", "--start=")):
            flag, equals, value = argument.rpartition("=")
            argument = flag + equals + Path(value).name
        shorten = argument in ("--pen", "--not-digits", "--start")
        where = argument.split("=")[0] in ("--out", "--run")
        if not (skip or where or argument in ("--resume", "--replace")):
            kept.append(argument)
        skip = where and "=" not in argument
    size = os.environ.get("WORLD_SIZE", "1") if launched() else ""
    start = f"torchrun --nproc-per-node {size} -m -- bnnlib" if size else "python -m bnnlib"
    return " ".join([start, *kept])


class Progress:
    """A bar with the time left in all, and a line for each epoch that is over."""

    def __init__(self, training: TrainingConfig) -> None:
        self.bar: tqdm[Any] | None = None
        self.training = training

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def batch(self, step: int, steps: int) -> None:
        if self.bar is None:
            self.bar = tqdm(
                total=steps * self.training.epochs,
                unit="step",
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.5,
            )
        self.bar.update(1)

    def epoch(self, report: EpochReport) -> None:
        tqdm.write(line(report), file=sys.stdout)
        sys.stdout.flush()
