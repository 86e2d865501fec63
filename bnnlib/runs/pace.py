"""What a training process tells others while it works: how far it is, and its log."""

import contextlib
import os
import sys
import threading
import time
from typing import IO

from bnnlib.runs.heartbeat import Heart
from bnnlib.runs.run import LOG, Run
from bnnlib.runs.turn import StoppedError
from bnnlib.training.trainer import Trainer


class Pace:
    """After every batch: how far training is, how fast, how long it will take. Stops on request."""

    def __init__(self, heart: Heart, trainer: Trainer, stop: threading.Event) -> None:
        self.beat, self.trainer, self.stop = heart.beat, trainer, stop
        # When the first batch was over, in seconds, and how many epochs were done by then.
        self.first: tuple[float, float] | None = None
        self.epoch_since = (0.0, 0)  # when the epoch began, and after which of its batches
        if trainer.config.compile:
            heart.beat.phase = "compiling the step"

    def check(self) -> None:
        """Raises StoppedError if someone asked the run to stop."""
        if self.stop.is_set():
            raise StoppedError

    def batch(self, step: int, steps: int) -> None:
        """After a batch. Raises StoppedError."""
        self.check()
        config, beat = self.trainer.config, self.beat
        now, done = time.monotonic(), len(self.trainer.history) + step / steps
        beat.step, beat.steps, beat.phase = step, steps, "training"
        if self.first is None:  # the first batch waits for the compiler: it is no measure
            self.first, self.epoch_since = (now, done), (now, step)
            return
        (started, before), (epoch_started, skipped) = self.first, self.epoch_since
        images = (step - skipped) * config.batch_size
        beat.images_per_second = images / max(now - epoch_started, 1e-9)
        beat.seconds_left = (now - started) / (done - before) * (config.epochs - done)

    def epoch(self) -> None:
        """After an epoch."""
        self.epoch_since = (time.monotonic(), 0)
        self.beat.step = 0

    def end(self) -> None:
        """After the last epoch, before the network is measured."""
        self.beat.phase, self.beat.seconds_left = "measuring", None


def say(run: Run, text: str) -> None:
    """Print `text`, and keep it in the run's log."""
    print(text, flush=True)
    note(run, text, sys.stdout)


def note(run: Run, text: str, stream: IO[str]) -> None:
    """Add `text` to the run's log, unless `stream`, on which it is printed, leads there."""
    here = run.folder / LOG
    with contextlib.suppress(OSError, ValueError):
        if os.path.samestat(os.fstat(stream.fileno()), os.stat(here)):
            return
    with contextlib.suppress(OSError), open(here, "a", encoding="utf-8") as file:
        file.write(text + "\n")
