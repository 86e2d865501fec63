"""Start, stop and resume training runs: each is a process of its own, which outlives the server.

One trains at a time in a folder of runs; the others wait for their turn in the order in which they
came. Neither a queue nor a list of processes is kept here. All is in the run folders, so any number
of servers and command lines see the same.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from bnnlib.errors import BnnlibError
from bnnlib.places import ROOT
from bnnlib.runs.config import state_bytes
from bnnlib.runs.folder import list_runs
from bnnlib.runs.heartbeat import this_process, write_beat
from bnnlib.runs.limits import MAX_DISK, MAX_WAITING, MIN_FREE_DISK
from bnnlib.runs.run import LOG, Run
from bnnlib.storage.files import locked

# Training makes way for drawing. Windows has classes in place of numbers.
NICENESS: int = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 10)
OFF = ("off", "no", "false", "0")


def training_allowed() -> bool:
    """Whether a page may start runs: `BNNLIB_TRAINING=off` says no, for public servers."""
    return os.environ.get("BNNLIB_TRAINING", "on").strip().lower() not in OFF


def start(run: Run) -> None:
    """Start the run, or resume it after its last finished epoch; it queues if another one trains.

    Raises BnnlibError if training is off here, the run is at work or finished, its config cannot be
    used, or the queue or the disk is full.
    """
    if not training_allowed():
        raise BnnlibError(
            "Training is switched off on this server (BNNLIB_TRAINING=off): "
            "run the project on your own machine to train."
        )
    config = run.config
    try:
        with locked(run.folder.parent / ".start", wait=5.0) as alone:
            if not alone:
                raise BnnlibError("Another run is just being started: try again in a moment.")
            status = run.status
            if status.active:
                raise BnnlibError(
                    f"The run {run.name!r} is {status.state} already: watch it, or stop it first."
                )
            if status.state == "finished":
                raise BnnlibError(f"The run {run.name!r} has finished: start a new one.")
            _check_room(run, state_bytes(config.network))
            _launch(run, config.network.kind)
    except OSError as error:
        raise BnnlibError(
            f"The run {run.name!r} cannot be started ({error.strerror}): "
            f"its folder {run.folder} must be writable and the disk not full."
        ) from error


def _check_room(run: Run, needed: int) -> None:
    runs = list_runs(run.folder.parent)
    if sum(other.status.active for other in runs) > MAX_WAITING:
        raise BnnlibError(
            f"One run trains and {MAX_WAITING} wait already: stop one, or come back later."
        )
    if sum(other.size for other in runs) + needed > MAX_DISK:
        raise BnnlibError(
            f"The runs take up {MAX_DISK >> 30} GB, which is all they may: delete one first."
        )
    if shutil.disk_usage(run.folder).free < needed + MIN_FREE_DISK:
        raise BnnlibError(
            f"The disk has no room for the run ({needed >> 20} MB and "
            f"{MIN_FREE_DISK >> 20} MB to spare): free some space."
        )


def _launch(run: Run, kind: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # threads that wait must not spin: it slows both the page and training
    if "BNNLIB_DATA" in environment:
        environment["BNNLIB_DATA"] = os.path.abspath(environment["BNNLIB_DATA"])
    with open(run.folder / LOG, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bnnlib", "train", kind, "--run", str(run.folder), "--resume"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # neither Ctrl-C nor the end of the server reaches it
        )
    make_nice(process.pid)
    write_beat(run.folder, this_process(process.pid))  # known to live before it has said so itself
    threading.Thread(
        target=process.wait, daemon=True, name=f"reaper-{process.pid}"
    ).start()  # leaves no zombie behind


def make_nice(pid: int) -> None:
    """Let the process make way for others, where the system knows how."""
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process(pid).nice(NICENESS)
    # Linux may weigh whole sessions against each other, and then only this counts.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))


def stop(run: Run) -> None:
    """Ask the run's process to stop; it keeps what it has and can be resumed. One that gives no
    sign of life any more is killed.

    Raises BnnlibError if it is not at work, or not on this machine.
    """
    status = run.status
    if not status.active or status.beat is None:
        raise BnnlibError(f"The run {run.name!r} is not at work: there is nothing to stop.")
    if status.beat.host != this_process().host:
        raise BnnlibError(
            f"The run {run.name!r} is at work on another machine ({status.beat.host}): "
            "stop it there."
        )
    try:
        process = psutil.Process(status.beat.pid)
        if status.silent:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise BnnlibError(
            f"The run {run.name!r} cannot be stopped: its process belongs to another user."
        ) from error
