"""`python -m bnnlib train`: settings from the options, a progress bar, a checkpoint with its card."""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import evaluate
from bnnlib.networks import BayesianConfig, BayesianNetwork, Network, TrainableConfig
from bnnlib.runs.archive import keep_as_checkpoint
from bnnlib.runs.config import FLAGS, RunConfig
from bnnlib.runs.folder import Run, create_run
from bnnlib.runs.worker import line, work
from bnnlib.storage.checkpoints import (
    FOLDER,
    check_destination,
    load_checkpoint,
    save_checkpoint,
    update_card,
)
from bnnlib.training.config import TrainingConfig, replace, with_width
from bnnlib.training.limits import LIMITS, check_range
from bnnlib.training.presets import preset
from bnnlib.training.trainer import DivergedError, EpochReport, Trainer, build, fit, pick_device

CARD_SAMPLES = 100


def train(options: argparse.Namespace) -> int:
    """Train, keep the best network as a checkpoint and measure it on its stored weights; with --run, in a run folder."""
    if options.run or options.resume:
        return train_run(options)
    config, training = configs_from(options)
    out = prepare_folder(
        Path(options.out) if options.out else FOLDER / f"my-{options.kind}", options.replace
    )
    digits = load_mnist()
    print(
        f"Training a {options.kind} network, objective {training.objective}. Data: {digits.description}.",
        file=sys.stderr,
    )
    network = build(config, training.seed)
    diverged: DivergedError | None = None
    with Progress(training) as progress:
        try:
            trainer = fit(network, digits, training, progress.epoch, progress.batch)
        except DivergedError as error:
            trainer, diverged = error.trainer, error
    if trainer.history:
        out = keep(out, network, make_card(digits, training, trainer))
        print(
            f"Kept epoch {trainer.best_epoch} in {out}; measuring the stored weights (Ctrl-C skips this).",
            file=sys.stderr,
        )
        figures = measure(out, digits)["test"]
        print(
            f"{out}: test error {figures['error']:.2%}, NLL {figures['nll']:.4f}, ECE {figures['ece']:.2%}"
        )
    if diverged:
        raise diverged
    if not trainer.history:
        print("Stopped before the first epoch was over: there is nothing to keep.", file=sys.stderr)
        return 130
    return 0


def keep(out: Path, network: Network, card: dict[str, Any]) -> Path:
    """Save the checkpoint in `out`, or in a new temporary folder if that is no longer possible; returns where it is."""
    try:
        return save_checkpoint(out, network, card)
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return save_checkpoint(Path(tempfile.mkdtemp(prefix="bnnlib-")) / out.name, network, card)


def configs_from(options: argparse.Namespace) -> tuple[TrainableConfig, TrainingConfig]:
    """The preset with the options' changes; raises BnnlibError for values out of range or out of place."""
    config, training = preset(options.kind, options.preset)
    bayesian = isinstance(config, BayesianConfig)
    if not bayesian and (options.temperature is not None or options.prior_scale is not None):
        raise BnnlibError(
            "--temperature and --prior-scale are for the bayesian network: leave them out for dropout."
        )
    if options.prior_scale is not None:
        check_range("--prior-scale", options.prior_scale, *LIMITS["prior_scale"])
        config = dataclasses.replace(config, prior_scale=options.prior_scale)
    if options.hidden_width is not None:
        check_range("--hidden-width", options.hidden_width, *LIMITS["hidden_width"])
        config = with_width(config, options.hidden_width)
    names = (*FLAGS, "device")
    for name in names:
        if name in LIMITS and getattr(options, name) is not None:
            check_range(f"--{name.replace('_', '-')}", getattr(options, name), *LIMITS[name])
    classes = None if options.classes is None else parse_classes(options.classes)
    training = replace(
        training, classes=classes, **{name: getattr(options, name) for name in names}
    )
    if training.objective == "published" and options.temperature is not None:
        raise BnnlibError(
            "The published objective has no temperature: leave --temperature out, or train with --objective elbo."
        )
    pick_device(training.device)
    return config, training


def parse_classes(text: str) -> tuple[int, ...]:
    """ "0,1,7" -> (0, 1, 7); raises BnnlibError for anything else."""
    try:
        return tuple(sorted(int(part) for part in text.split(",")))
    except ValueError:
        raise BnnlibError(
            f"--classes is {text!r}: give digits with commas between them, as 0,1,7."
        ) from None


RUN_OPTIONS = ("kind", "run", "resume", "out", "replace", "verb")


def train_run(options: argparse.Namespace) -> int:
    """Train in a run folder, new or to go on with; with --out the finished run becomes a checkpoint too."""
    if not options.run:
        raise BnnlibError("--resume goes on with a run: name its folder with --run DIR.")
    folder = Path(options.run).absolute()
    if options.resume:
        run = Run(folder)
        if run.config.network.kind != options.kind:
            raise BnnlibError(
                f"The run in {folder} trains a {run.config.network.kind} network: give that kind instead of {options.kind}."
            )
        chosen = [
            name
            for name, value in vars(options).items()
            if name not in RUN_OPTIONS and value not in (None, "default")
        ]
        if chosen:
            flag = chosen[0].replace("_", "-")
            raise BnnlibError(
                f"--resume goes on with the settings in {folder / 'config.json'}: leave out --{flag}, or start a new run."
            )
    out = prepare_folder(Path(options.out), options.replace) if options.out else None
    if not options.resume:
        config, training = configs_from(options)
        run = create_run(folder, RunConfig(config, training, options.preset))
    code = work(run)
    if code == 0 and out is not None:
        keep_as_checkpoint(run, out)
        print(f"Kept as the checkpoint {out}.")
    return code


def prepare_folder(out: Path, replace_it: bool) -> Path:
    """`out`, if a checkpoint can be written there; raises BnnlibError before any time is spent on training."""
    try:
        check_destination(out)
        if (out / "card.json").exists() and not replace_it:
            raise BnnlibError(
                f"{out} holds a checkpoint already: give another folder with --out, or --replace to replace it."
            )
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            return out
    except OSError as error:
        raise BnnlibError(
            f"{out} cannot be written ({error.strerror}): give a folder you may write to with --out."
        ) from error


def make_card(digits: Digits, training: TrainingConfig, trainer: Trainer) -> dict[str, Any]:
    """What the checkpoint's card says of its making."""
    network = trainer.network
    return {
        "training": dataclasses.asdict(training),
        "seed": training.seed,
        "source": digits.source,
        "split": {
            "train": len(trainer.train),
            "validation": len(trainer.validation),
            "test": len(digits.test),
        },
        "best_epoch": trainer.best_epoch,
        "history": [dataclasses.asdict(report) for report in trainer.history],
        "command": _command(sys.argv[1:]),
        **(
            {"sigma_ratios": network.sigma_ratios()} if isinstance(network, BayesianNetwork) else {}
        ),
    }


def _command(arguments: list[str]) -> str:
    """The command that made a network, without the folders it was put in: they are its owner's affair."""
    kept, skip = [], False
    for argument in arguments:
        where = argument.split("=")[0] in ("--out", "--run")
        if not (skip or where or argument in ("--resume", "--replace")):
            kept.append(argument)
        skip = where and "=" not in argument
    return " ".join(["python -m bnnlib", *kept])


def measure(folder: Path, digits: Digits) -> dict[str, Any]:
    """Measure the stored weights on validation and test images and add the figures to the card."""
    network = load_checkpoint(folder)
    figures = {
        split: evaluate(network, digits, split, CARD_SAMPLES) for split in ("validation", "test")
    }
    update_card(folder, {**network.card, "figures": figures})
    return figures


class Progress:
    """A bar for the epoch at work, with the time left in all; a line for each epoch that is over."""

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
