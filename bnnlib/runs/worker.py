"""The training process of a run: waits for its turn, trains, keeps its state after every epoch.

Killed at any moment it loses the unfinished epoch and nothing else. Started again it goes on with
the same losses.
"""

import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.errors import BnnlibError, is_memory
from bnnlib.networks.sampling import sample_probs
from bnnlib.runs.heartbeat import Heart
from bnnlib.runs.pace import Pace, note, say
from bnnlib.runs.run import FOR_TRAINING, STATE, Run
from bnnlib.runs.turn import StoppedError, locked_run, stop_requests, turn
from bnnlib.storage.files import remove_leftovers
from bnnlib.storage.tensors import write_state
from bnnlib.training.follow import lead
from bnnlib.training.material import Material, load_material
from bnnlib.training.report import EpochReport, line
from bnnlib.training.session import SAMPLES, in_words, measure, progress, stored, train_epochs
from bnnlib.training.start import build
from bnnlib.training.team import told_by_first
from bnnlib.training.trainer import Trainer

PINNED_SAMPLES = SAMPLES  # sampled networks that answer each pinned image, an epoch


def work(run: Run) -> int:
    """Train the run to its end, or until SIGTERM or Ctrl-C.

    Returns the exit code: 0, or 130 if it was stopped. Raises BnnlibError if another process is at
    work on the run, or if training is impossible; the run's heartbeat says so too.
    """
    with locked_run(run) as mine:
        if not mine:
            raise BnnlibError(
                f"The run {run.name!r} is being trained by another process: "
                "watch it, or stop it first."
            )
        remove_leftovers(run.folder)
        heart = Heart(run.folder)
        try:
            with stop_requests() as stop, _explained(run):
                heart.start()
                with turn(run, heart, stop):
                    train_run(run, heart, stop)
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
    """Faults of the disk, of memory and unforeseen ones, in a sentence; a traceback in the log."""
    try:
        yield
    except (BnnlibError, StoppedError):
        raise
    except Exception as error:
        if is_memory(error):
            say(run, traceback.format_exc())
            raise BnnlibError(
                "There was not enough memory: choose a smaller hidden width or batch size."
            ) from error
        if isinstance(error, OSError):
            raise BnnlibError(
                f"The run's folder {run.folder} could not be written ({error.strerror or error}): "
                "make room or give the right to write, then resume."
            ) from error
        say(run, traceback.format_exc())
        raise BnnlibError(
            f"Training failed unexpectedly ({type(error).__name__}: {error}): "
            "the log has the details."
        ) from error


def train_run(run: Run, heart: Heart, stop: threading.Event) -> None:
    """Train from where the run stands to its last epoch, then measure the network."""
    config, state = run.config, run.state()
    if state is not None and "optimiser" not in state:
        if len(state["history"]) < config.training.epochs:
            raise BnnlibError(
                f"The run {run.name!r} was imported without what training needs to go on: "
                "start a new run."
            )
        told_by_first(None)
        return
    drawn = config.training.pen or config.training.not_digits
    heart.beat.phase = "drawing what to learn from" if drawn else "reading the digits"
    material, pinned = load_material(config.training, load_mnist()), run.pinned()
    digits, lessons = material.digits, material.lessons
    network = build(config.network, config.training.seed, config.training.start)
    lead(config.network, config.training, digits, state)
    trainer = Trainer(
        network, lessons.train, lessons.validation, config.training, material.outliers
    )
    if state is None:
        say(
            run,
            f"Training a {config.network.kind} network on {len(trainer.train):,} images. "
            f"Data: {digits.description}.",
        )
        answers = ask(trainer, pinned, PINNED_SAMPLES)[None]
    else:
        check_source(run, state, digits, len(trainer.train))
        load(run, trainer, state)
        answers = state["answers"]
        run.write_history(state["history"])
        say(run, f"Resuming after epoch {len(trainer.history)}.")
    pace = Pace(heart, trainer, stop)

    def after_epoch(report: EpochReport) -> None:
        nonlocal answers
        now = ask(trainer, pinned, answers.shape[1])  # as many as before: 30 in earlier versions
        answers = torch.cat([answers, now[None]])
        keep(run, trainer, material, answers)
        say(run, line(report))
        pace.epoch()

    train_epochs(trainer, after_epoch, pace.batch)
    pace.end()
    figures = measure(stored(trainer, digits), digits, pace.check)
    keep(run, trainer, material, answers, figures)
    say(run, f"Kept epoch {trainer.best_epoch}: {in_words(figures)}.")


def ask(trainer: Trainer, pinned: Tensor, samples: int) -> Tensor:
    """What sampled networks say now of the pinned images, float16 `[S, P, C]`; the same noise each
    epoch.
    """
    if not len(pinned):
        return torch.empty(samples, 0, 10, dtype=torch.float16)
    generator = torch.Generator(trainer.device).manual_seed(trainer.config.seed)
    probs = sample_probs(trainer.answering, pinned.to(trainer.device), samples, generator)
    return probs.half().cpu()


def keep(
    run: Run,
    trainer: Trainer,
    material: Material,
    answers: Tensor,
    figures: dict[str, Any] | None = None,
) -> None:
    """Replace the state and its readable copy. Raises OSError; the old ones stay then.

    figures: of a finished run, which then keeps its best network as a checkpoint stores it
    (float16) and nothing to train on with.
    """
    state: dict[str, Any] = trainer.state_dict()
    if figures is not None:
        state = {key: value for key, value in state.items() if key not in FOR_TRAINING}
        state["best"] = {name: value.half() for name, value in trainer.best.items()}
    told = progress(trainer, material.digits, material.told)
    state |= {"answers": answers, "figures": figures, **told}
    write_state(run.folder / STATE, state)
    run.write_history(state["history"])


def load(run: Run, trainer: Trainer, state: dict[str, Any]) -> None:
    """Put the trainer where the run stopped; raises BnnlibError for a state that does not fit."""
    try:
        trainer.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise BnnlibError(
            f"The state in {run.folder} fits another network or another version: start a new run."
        ) from error


def check_source(run: Run, state: dict[str, Any], digits: Digits, n_train: int) -> None:
    """Raises BnnlibError unless the images are those that the run began with."""
    before = state["split"]["train"]
    if (digits.source, n_train) != (state["source"], before):
        raise BnnlibError(
            f"The run {run.name!r} began with {before:,} images of the source {state['source']!r}, "
            f"now there are {n_train:,} of {digits.source!r}: "
            "put the data back (BNNLIB_DATA), or start a new run."
        )
