"""What must be true after a kill: all that is listed can be read, and says truly how it stands."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.runs.folder import list_runs
from bnnlib.runs.keep import best_network
from bnnlib.runs.run import Run
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint

PATIENCE = 120.0  # seconds; only ever spent where something is wrong
TIMED = ("seconds",)  # what of an epoch's report differs between two equal trainings


@dataclass
class Tally:
    """What a kind of kill showed.

    at: kills in each stage or act. faults: what was wrong, in words.
    """

    what: str
    at: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, stage: str, faults: list[str]) -> None:
        """Add a kill in this stage, and what was wrong after it."""
        self.at[stage] = self.at.get(stage, 0) + 1
        self.faults += [f"{stage}: {fault}" for fault in faults]

    def __str__(self) -> str:
        stages = ", ".join(f"{number} {stage}" for stage, number in self.at.items())
        notes = "".join(f"; {note}" for note in self.notes)
        kills, faults = sum(self.at.values()), len(self.faults)
        return f"{self.what}: {kills} kills ({stages}), {faults} faults{notes}"


def torn(runs: Path, checkpoints: Path) -> list[str]:
    """What is listed in these folders and cannot be read, or says of itself what is not true."""
    faults = []
    for run in list_runs(runs):
        try:
            run.config, run.history(), run.pinned(), run.answers()
            if (state := run.state()) is not None:
                best_network(run.config, state)
                faults += lagging(run, state)
        except BnnlibError as error:
            faults.append(f"run {run.name}: {error}")
        if (said := run.status.state) != "finished" and run.status.active != works(run):
            faults.append(f"run {run.name}: is said to be {said}")
    for info in list_checkpoints(checkpoints):
        try:
            load_checkpoint(info.folder)
        except BnnlibError as error:
            faults.append(f"checkpoint {info.name}: {error}")
    return faults


def lagging(run: Run, state: dict[str, Any]) -> list[str]:
    """The readable history may lag behind the state by the epoch just saved, and no more."""
    history, kept = run.history(), state["history"]
    if kept[: len(history)] == history and len(kept) - len(history) in (0, 1):
        return []
    return [f"run {run.name}: {len(history)} epochs can be read, {len(kept)} are kept"]


def works(run: Run) -> bool:
    """Whether a process trains this run: looked for among all processes, not in the run."""
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if "train" in words and str(run.folder) in words:
            return process.info["status"] != psutil.STATUS_ZOMBIE
    return False


def same(one: Any, other: Any) -> bool:
    """Whether two nested states are equal to the bit, but for the time that epochs took."""
    if isinstance(one, Tensor):
        return (
            isinstance(other, Tensor)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and torch.equal(_bits(one), _bits(other))
        )
    if isinstance(one, dict):
        keys = one.keys() - set(TIMED)
        return keys == other.keys() - set(TIMED) and all(same(one[key], other[key]) for key in keys)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def _bits(values: Tensor) -> Tensor:
    return values.contiguous().reshape(-1).view(torch.uint8)


def wait_for(what: Callable[[], object], seconds: float = PATIENCE, pause: float = 0.02) -> None:
    """Look until `what` is true. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise TimeoutError("It did not come within two minutes.")
        time.sleep(pause)


def kill(pid: int) -> bool:
    """Kill -9, and wait until the process has ended; False if it had ended before."""
    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not psutil.pid_exists(pid) or process.status() == psutil.STATUS_ZOMBIE)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
    return not ended


def end_trainings(runs: Path) -> None:
    """Kill what still trains in this folder."""
    for run in list_runs(runs):
        if run.status.active and run.status.beat is not None:
            kill(run.status.beat.pid)


def moment(dice: random.Random, length: float) -> float:
    """A moment in something that takes `length` seconds; a tenth of them come after its end."""
    return dice.uniform(0, 1.1 * length)
