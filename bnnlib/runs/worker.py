"""The training process of a run folder: waits for its turn, trains, keeps its state after every epoch, gives a sign of life.

Killed at any moment it loses the unfinished epoch and nothing else; started again it goes on with the same losses.
"""

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import torch
from torch import Tensor

from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import evaluate
from bnnlib.networks.sampling import sample_probs
from bnnlib.runs.folder import LOG, STATE, Run, list_runs
from bnnlib.runs.heartbeat import Heart
from bnnlib.storage.files import locked, remove_leftovers
from bnnlib.storage.tensors import write_state
from bnnlib.training.trainer import EpochReport, Trainer, build

PINNED_SAMPLES = 30  # sampled networks that answer each pinned image, an epoch
FIGURE_SAMPLES = 30  # for the figures of a finished run; the shipped checkpoints take 100
TURN_SECONDS = 0.3  # between two looks at the queue
FOR_TRAINING = (
    "network",
    "averaged",
    "optimiser",
    "schedule",
    "order",
    "noise",
    "bend",
)  # not needed once a run has finished


class StoppedError(Exception):
    """Someone asked the run to stop."""


def work(run: Run) -> int:
    """Train the run to its end, or until SIGTERM or Ctrl-C; returns the exit code: 0, or 130 if it was stopped.

    Raises BnnlibError if another process is at work on the run, or if training is impossible; the run's heartbeat says so too.
    """
    with _locked(run) as mine:
        if not mine:
            raise BnnlibError(
                f"The run {run.name!r} is being trained by another process: watch it, or stop it first."
            )
        remove_leftovers(run.folder)
        heart = Heart(run.folder)
        try:
            with stop_requests() as stop, _explained(run):
                heart.start()
                with turn(run, heart, stop):
                    train_epochs(run, heart, stop)
            heart.end("finished")
            return 0
        except (StoppedError, KeyboardInterrupt):
            heart.end("stopped")
            say(run, "Stopped; resuming goes on after the last finished epoch.")
            return 130
        except BnnlibError as error:
            heart.end("failed", str(error))
            note(run, str(error), sys.stderr)  # which is where the command line prints it
            raise


@contextmanager
def _explained(run: Run) -> Iterator[None]:
    """Faults of the disk, of memory and unforeseen ones, in a sentence; the traceback goes into the log."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise BnnlibError(
            f"The run's folder {run.folder} could not be written ({why}): make room or give the right to write, then resume."
        ) from error
    except (BnnlibError, StoppedError):
        raise
    except Exception as error:
        say(run, traceback.format_exc())
        if (
            isinstance(error, MemoryError)
            or "can't allocate memory" in str(error)
            or "out of memory" in str(error)
        ):
            raise BnnlibError(
                "There was not enough memory: choose a smaller hidden width or batch size."
            ) from error
        raise BnnlibError(
            f"Training failed unexpectedly ({type(error).__name__}: {error}): the log has the details."
        ) from error


@contextmanager
def _locked(run: Run) -> Iterator[bool]:
    try:
        with locked(run.folder / ".lock", wait=3.0) as mine:
            yield mine
    except OSError as error:
        raise BnnlibError(
            f"The run's folder {run.folder} cannot be written ({error.strerror}): give yourself the right to."
        ) from error


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set, as long as the context lasts."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def turn(run: Run, heart: Heart, stop: threading.Event) -> Iterator[None]:
    """Hold the turn of the folder's one trainer; those who wait get it in the order of their coming. Raises StoppedError."""
    waiting = True
    while waiting:
        if stop.is_set():
            raise StoppedError
        if _is_first(run, heart):
            with locked(run.folder.parent / ".turn") as mine:
                if mine:
                    heart.beat.state = "running"
                    waiting = False
                    yield
        if waiting:
            stop.wait(TURN_SECONDS)


def _is_first(run: Run, heart: Heart) -> bool:
    mine = heart.beat.queued_at, run.name
    beats = [
        (other.name, other.status)
        for other in list_runs(run.folder.parent)
        if other.folder != run.folder
    ]
    return not any(
        s.state == "queued" and s.beat and (s.beat.queued_at, name) < mine for name, s in beats
    )


def train_epochs(run: Run, heart: Heart, stop: threading.Event) -> None:
    """Train from where the run stands to its last epoch and measure the result; its state is on disk after each epoch."""
    config, state = run.config, run.state()
    if state is not None and "optimiser" not in state:
        if len(state["history"]) < config.training.epochs:
            raise BnnlibError(
                f"The run {run.name!r} was imported without what training needs to go on: start a new run."
            )
        return
    heart.beat.phase = "reading the digits"
    digits, pinned = load_mnist(), run.pinned()
    trainer = Trainer(
        build(config.network, config.training.seed),
        digits.train,
        digits.validation,
        config.training,
    )
    if state is None:
        say(
            run,
            f"Training a {config.network.kind} network on {len(trainer.train):,} images. Data: {digits.description}.",
        )
        answers = ask(trainer, pinned)[None]
    else:
        check_source(run, state, digits, len(trainer.train))
        load(run, trainer, state)
        answers = state["answers"]
        run.write_history(state["history"])
        say(run, f"Resuming after epoch {len(trainer.history)}.")

    pace = Pace(heart, trainer, stop)
    while len(trainer.history) < config.training.epochs:
        report = trainer.run_epoch(pace.batch)
        answers = torch.cat([answers, ask(trainer, pinned)[None]])
        keep(run, trainer, digits, answers)
        say(run, line(report))
        pace.epoch()
    heart.beat.phase, heart.beat.seconds_left = "measuring", None
    trainer.finish()
    figures = measure(trainer, digits, stop)
    keep(run, trainer, digits, answers, figures)
    say(
        run,
        f"Kept epoch {trainer.best_epoch}: test error {figures['test']['error']:.2%}, NLL {figures['test']['nll']:.4f}.",
    )


def ask(trainer: Trainer, pinned: Tensor) -> Tensor:
    """What sampled networks say now of the pinned images, float16 `[S, P, C]`; the same noise each epoch."""
    if not len(pinned):
        return torch.empty(PINNED_SAMPLES, 0, 10, dtype=torch.float16)
    generator = torch.Generator(trainer.device).manual_seed(trainer.config.seed)
    return (
        sample_probs(trainer.answering, pinned.to(trainer.device), PINNED_SAMPLES, generator)
        .half()
        .cpu()
    )


def keep(
    run: Run,
    trainer: Trainer,
    digits: Digits,
    answers: Tensor,
    figures: dict[str, Any] | None = None,
) -> None:
    """Replace the state and its readable copy. Raises OSError; the old ones stay then.

    figures: of a finished run, which then keeps its best network as a checkpoint stores it (float16) and nothing to train on with.
    """
    state: dict[str, Any] = trainer.state_dict()
    if figures is not None:
        state = {key: value for key, value in state.items() if key not in FOR_TRAINING}
        state["best"] = {name: value.half() for name, value in trainer.best.items()}
    split = {
        "train": len(trainer.train),
        "validation": len(trainer.validation),
        "test": len(digits.test),
    }
    write_state(
        run.folder / STATE,
        {**state, "answers": answers, "source": digits.source, "split": split, "figures": figures},
    )
    run.write_history(state["history"])


def measure(trainer: Trainer, digits: Digits, stop: threading.Event) -> dict[str, Any]:
    """The figures of the best network as a checkpoint stores it (float16), on validation and test images of all ten digits."""
    network = trainer.network.cpu()
    network.load_state_dict({name: value.half().float() for name, value in trainer.best.items()})
    network.card, figures = {"source": digits.source}, {}
    for split in ("validation", "test"):
        if stop.is_set():
            raise StoppedError
        figures[split] = evaluate(network, digits, split, FIGURE_SAMPLES)
    return figures


def load(run: Run, trainer: Trainer, state: dict[str, Any]) -> None:
    """Put the trainer where the run stopped; raises BnnlibError if the state belongs to another network or version."""
    try:
        trainer.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise BnnlibError(
            f"The state in {run.folder} fits another network or another version: start a new run."
        ) from error


def check_source(run: Run, state: dict[str, Any], digits: Digits, n_train: int) -> None:
    """Raises BnnlibError unless the images are those that the run began with."""
    if (digits.source, n_train) != (state["source"], state["split"]["train"]):
        raise BnnlibError(
            f"The run {run.name!r} began with {state['split']['train']:,} images of the source {state['source']!r}, now there are "
            f"{n_train:,} of {digits.source!r}: put the data back (BNNLIB_DATA), or start a new run."
        )


class Pace:
    """Tells the heart after every batch how far training is, how fast, and how long it will take; stops it on request."""

    def __init__(self, heart: Heart, trainer: Trainer, stop: threading.Event) -> None:
        self.beat, self.trainer, self.stop = heart.beat, trainer, stop
        self.first: tuple[float, float] | None = (
            None  # when its first batch was over, in seconds, and how many epochs were then done
        )
        self.epoch_since = (0.0, 0)  # when the epoch began, and after which of its batches
        if trainer.config.compile:
            heart.beat.phase = "compiling the step"

    def batch(self, step: int, steps: int) -> None:
        if self.stop.is_set():
            raise StoppedError
        now, done = time.monotonic(), len(self.trainer.history) + step / steps
        self.beat.step, self.beat.steps, self.beat.phase = step, steps, "training"
        if (
            self.first is None
        ):  # no measure of what is to come: the first batch waits for the compiler
            self.first, self.epoch_since = (now, done), (now, step)
            return
        (started, before), (epoch_started, skipped) = self.first, self.epoch_since
        self.beat.images_per_second = (
            (step - skipped) * self.trainer.config.batch_size / max(now - epoch_started, 1e-9)
        )
        self.beat.seconds_left = (
            (now - started) / (done - before) * (self.trainer.config.epochs - done)
        )

    def epoch(self) -> None:
        self.epoch_since = (time.monotonic(), 0)
        self.beat.step = 0


def line(report: EpochReport) -> str:
    """An epoch in a line."""
    kl = "" if report.kl is None else f" KL {report.kl:.2f}"
    return (
        f"[Epoch {report.epoch}/{report.epochs}] loss: {report.loss:.5f} accuracy: {report.accuracy:.3%} NLL {report.nll:.4f}{kl}"
        f" | validation error {report.validation_error:.2%} NLL {report.validation_nll:.4f} ({report.seconds:.1f} s)"
    )


def say(run: Run, text: str) -> None:
    """Print `text`, and keep it in the run's log."""
    print(text, flush=True)
    note(run, text, sys.stdout)


def note(run: Run, text: str, stream: IO[str]) -> None:
    """Add `text` to the run's log, unless that is where `stream`, on which it is printed, leads."""
    here = run.folder / LOG
    with contextlib.suppress(OSError, ValueError):
        if os.path.samestat(os.fstat(stream.fileno()), os.stat(here)):
            return
    with contextlib.suppress(OSError), open(here, "a", encoding="utf-8") as file:
        file.write(text + "\n")
