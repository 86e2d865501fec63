"""The sign of life of a training process: `heartbeat.json` in the run folder, for others to read.

The process writes it every second. It is alive if a process with its number and its start time
exists, for a number alone may have passed to another process. Where that cannot be seen, it is
alive if its last sign is fresh.
"""

import contextlib
import json
import math
import os
import platform
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bnnlib.storage.files import write_text

NAME = "heartbeat.json"
BEAT_SECONDS = 1.0
SILENT_SECONDS = 8.0  # without a sign of life
SAME_START = 1.0  # seconds by which two readings of a start time may differ
ALIVE = ("queued", "running")  # states that need a living process
ENDED = ("finished", "stopped", "failed")  # states that a process leaves behind


@dataclass
class Beat:
    """One sign of life; `at` and `queued_at` are times in seconds since 1970.

    started: marks the process among those that have had its number (`process_start`). step: of
    `steps` in the epoch at work. phase: what the process is busy with. message: why it failed.
    """

    state: str = "queued"
    pid: int = 0
    started: str | None = None
    host: str = ""
    queued_at: float = 0.0
    at: float = 0.0
    step: int = 0
    steps: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    phase: str = ""
    message: str = ""

    @property
    def silent(self) -> float:
        """Seconds since the sign was given."""
        return max(0.0, time.time() - self.at)


def this_process(pid: int | None = None) -> Beat:
    """A beat that names the process `pid` (default: this one)."""
    pid = os.getpid() if pid is None else pid
    return Beat(
        pid=pid,
        started=process_start(pid),
        host=platform.node(),
        queued_at=time.time(),
        at=time.time(),
    )


def process_start(pid: int) -> str | None:
    """When the process `pid` began, in seconds after the machine did; "" if there is none.

    Unlike the time of day it does not move when the clock is set. None if it cannot be seen.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return None


def is_alive(beat: Beat) -> bool:
    """Whether the process behind `beat` still lives."""
    if beat.host == platform.node() and beat.started is not None:
        found = process_start(beat.pid)
        if found is not None:
            return bool(found) and abs(float(found) - _seconds(beat.started)) < SAME_START
    return beat.silent < SILENT_SECONDS


def _seconds(started: str) -> float:
    """`process_start` as a number. Earlier versions wrote a boot's name and clock ticks (Linux)."""
    try:
        *boot, number = started.split()
        return float(number) / (os.sysconf("SC_CLK_TCK") if boot else 1)
    except (ValueError, AttributeError):
        return math.nan


def write_beat(folder: Path, beat: Beat) -> None:
    """Replace the sign of life in `folder`. Raises OSError."""
    beat.at = time.time()
    write_text(folder / NAME, json.dumps(asdict(beat)))


def _overwrite(where: Path, text: str) -> None:
    """Write over a small file, which needs no room on a full disk; nothing where that fails, too.

    That the process ended is seen anyway.
    """
    with contextlib.suppress(OSError), where.open("r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()


def read_beat(folder: Path) -> Beat | None:
    """The last sign of life in `folder`; None if there is none that can be read."""
    try:
        fields = json.loads((folder / NAME).read_text(encoding="utf-8"))
        beat = Beat(**fields)
        if (
            beat.state not in (*ALIVE, *ENDED)
            or type(beat.pid) is not int
            or not math.isfinite(beat.at + beat.queued_at)
        ):
            return None
        return beat
    except (OSError, ValueError, TypeError):
        return None


class Heart:
    """Writes the beat of this process to `folder` every second until `end`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.beat = folder, this_process()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="heartbeat")

    def start(self) -> None:
        """Begin to beat; a process that another one put in the queue keeps that place.

        Raises OSError if the folder cannot be written.
        """
        before = read_beat(self.folder)
        if before is not None and before.pid == self.beat.pid and is_alive(before):
            self.beat.queued_at = before.queued_at
        write_beat(self.folder, self.beat)
        self._thread.start()

    def end(self, state: str, message: str = "") -> None:
        """The last beat: how it ended, and why."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        self.beat.state, self.beat.message = state, message
        self.beat.phase, self.beat.seconds_left = "", None
        try:
            write_beat(self.folder, self.beat)
        except OSError:
            _overwrite(self.folder / NAME, json.dumps(asdict(self.beat)))

    def _run(self) -> None:
        while not self._end.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a full disk: there may be room again later
                write_beat(self.folder, self.beat)
