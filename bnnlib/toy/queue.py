"""One run of NUTS at a time for a whole server; the others wait in the order in which they came.

    queue = ReferenceQueue()
    state = queue.ask("a visitor", points)  # returns at once; ask again until it is ready

A run is a process of its own, `python -m bnnlib.toy.reference`, so the server loads no Pyro. It is
stopped at the limit, and where nobody has asked for it for some seconds: visitors leave without
saying so. The limit counts the processor's seconds: on a busy machine a run takes longer, and is
not to blame. A visitor wants one set of points at a time, the last one asked for.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from bnnlib.places import ROOT
from bnnlib.toy.points import Points
from bnnlib.toy.reference import Reference

COMMAND = (sys.executable, "-W", "ignore", "-m", "bnnlib.toy.reference")
LIMIT = 20.0  # seconds of a processor that a run may use, the start of its process included
BUSY = 5.0  # a run may take as many times its limit where other processes are at work
PATIENCE = 8.0  # seconds after which a visitor who does not ask any more has left
MOST_WAITING = 20
KEPT = 100  # results, of 5 kB each
LOOK = 0.05  # seconds between two looks at a run


@dataclass(frozen=True)
class State:
    """Where the answer to some points is: one of `ready`, `running`, `waiting`, `failed`.

    ready: `reference` is there. running: for `seconds`. waiting: behind `place` runs. failed:
    `message` says why in a sentence; `retry` tries again.
    """

    name: str
    reference: Reference | None = None
    seconds: float = 0.0
    place: int = 0
    message: str = ""


@dataclass
class _Job:
    points: Points
    wanted: dict[str, float] = field(default_factory=dict)  # visitor -> when last asked
    began: float | None = None


class ReferenceQueue:
    """The queue, its one process, and the last results; all threads of a server may use it.

    command: what runs, which reads points and writes a `Reference` as `bnnlib.toy.reference` does.
    """

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        limit: float = LIMIT,
        patience: float = PATIENCE,
        kept: int = KEPT,
    ) -> None:
        self.command, self.limit, self.patience, self.kept = command, limit, patience, kept
        self.process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._jobs: OrderedDict[Points, _Job] = OrderedDict()  # the first one is at work
        self._ended: OrderedDict[Points, State] = OrderedDict()
        self._thread: threading.Thread | None = None

    def ask(self, visitor: str, points: Points) -> State:
        """Where the posterior of `points` is; what is not there is put in the queue."""
        with self._lock:
            for job in self._jobs.values():
                job.wanted.pop(visitor, None)
            if points in self._ended:
                self._ended.move_to_end(points)
                return self._ended[points]
            if points not in self._jobs and len(self._jobs) > MOST_WAITING:
                return State(
                    "failed", message=f"{MOST_WAITING} others wait for NUTS: try again later."
                )
            job = self._jobs.setdefault(points, _Job(points))
            job.wanted[visitor] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="nuts-queue")
                self._thread.start()
            if job.began is not None:
                return State("running", seconds=time.monotonic() - job.began)
            return State("waiting", place=list(self._jobs).index(points))

    def retry(self, points: Points) -> None:
        """Forget that the run of `points` failed, so that it can be asked for again."""
        with self._lock:
            if points in self._ended and self._ended[points].name == "failed":
                del self._ended[points]

    def _work(self) -> None:
        """Run the jobs one after the other, until there are none."""
        while True:
            with self._lock:
                for points in [p for p, job in self._jobs.items() if not self._is_wanted(job)]:
                    del self._jobs[points]
                if not self._jobs:
                    self._thread = None
                    return
                job = next(iter(self._jobs.values()))
                job.began = time.monotonic()
            try:
                state = self._run(job)
            except OSError as error:
                state = State("failed", message=f"NUTS cannot be started: {error.strerror}.")
            with self._lock:
                del self._jobs[job.points]
                if state is not None:
                    self._ended[job.points] = state
                while len(self._ended) > self.kept:
                    self._ended.popitem(last=False)

    def _is_wanted(self, job: _Job) -> bool:
        return any(time.monotonic() - asked < self.patience for asked in job.wanted.values())

    def _late(self, pid: int, seconds: float) -> str:
        """Why a run has to end after `seconds`, in a sentence; empty while it may go on."""
        if seconds > BUSY * self.limit:
            return f"NUTS was stopped after {seconds:.0f} s: this machine is too busy for it."
        with suppress(psutil.Error):  # it has just ended
            used = psutil.Process(pid).cpu_times()
            if used.user + used.system > self.limit:
                return f"NUTS was stopped after {self.limit:g} s of computing, which is its limit."
        return ""

    def _run(self, job: _Job) -> State | None:
        """The result of one run; None where nobody wants it any more. Raises OSError."""
        assert job.began is not None
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with subprocess.Popen(
            self.command,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            self.process = process
            with suppress(BrokenPipeError):  # it ended already: its exit code says so
                print(json.dumps(job.points.pairs), file=process.stdin, flush=True)
            while process.poll() is None:
                time.sleep(LOOK)
                with self._lock:
                    wanted = self._is_wanted(job)
                late = self._late(process.pid, time.monotonic() - job.began)
                if late or not wanted:
                    process.kill()
                    return State("failed", message=late) if late else None
            said = process.stdout.read()
        try:
            return State("ready", Reference(**json.loads(said)))
        except (ValueError, TypeError):
            code = process.returncode
            return State("failed", message=f"NUTS ended without a result (exit code {code}).")
