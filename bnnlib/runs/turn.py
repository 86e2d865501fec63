"""One process trains a run, and one run trains at a time in a folder of runs."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bnnlib.errors import BnnlibError
from bnnlib.runs.folder import list_runs
from bnnlib.runs.heartbeat import Heart
from bnnlib.runs.run import Run
from bnnlib.storage.files import locked

TURN_SECONDS = 0.3  # between two looks at the queue


class StoppedError(Exception):
    """Someone asked the run to stop."""


@contextmanager
def locked_run(run: Run) -> Iterator[bool]:
    """Hold the run's lock; False if another process holds it. Raises BnnlibError."""
    try:
        with locked(run.folder / ".lock", wait=3.0) as mine:
            yield mine
    except OSError as error:
        raise BnnlibError(
            f"The run's folder {run.folder} cannot be written ({error.strerror}): "
            "give yourself the right to."
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
    """Hold the turn of the folder's one trainer. Those who wait get it in the order in which they
    came. Raises StoppedError.
    """
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
    others = [other for other in list_runs(run.folder.parent) if other.folder != run.folder]
    beats = [(other.name, other.status) for other in others]
    return not any(
        s.state == "queued" and s.beat and (s.beat.queued_at, name) < mine for name, s in beats
    )
