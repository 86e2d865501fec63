"""Kill -9 of the training process, in its start, its epochs, while it writes, and at its end."""

import contextlib
import dataclasses
import io
import random
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kills.whole import Tally, kill, moment, same, torn, wait_for
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.runs import queue, worker
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, free_name
from bnnlib.runs.run import STATE, Run
from bnnlib.storage.tensors import read_state
from bnnlib.training.config import TrainingConfig

WIDTH, EPOCHS = (256, 256, 256), 12
TRAINING = TrainingConfig(epochs=EPOCHS, batch_size=100, images=800, lr=0.003, device="cpu")
RUNS = {
    "bayesian": RunConfig(
        BayesianConfig(hidden=WIDTH),
        dataclasses.replace(TRAINING, augment="full", average=0.9, temperature=0.1),
        "quick",
    ),
    "dropout": RunConfig(
        DropoutConfig(hidden=WIDTH),
        dataclasses.replace(TRAINING, adversarial=0.5, calibrate=True),
        "quick",
    ),
    "ordered": RunConfig(
        BayesianConfig(hidden=WIDTH),
        dataclasses.replace(TRAINING, optimiser="sgd", temperature_warmup=5, shuffle=False),
        "quick",
    ),
}
SHARES = {"in its start": 2, "in an epoch": 4, "while it writes": 2, "at its end": 2}  # of ten
START = 3.0  # about so many seconds until the first epoch begins
BEGUN = ("Training a ", "Resuming after ")  # what the log says when the first epoch begins


class Straight:
    """A run that was never killed.

    states: the file of its state after each epoch. start, epoch, end: seconds that each took.
    """

    def __init__(self, folder: Path, config: RunConfig, pinned: Any) -> None:
        self.states: list[Path] = []
        keep, times = worker.keep, [time.monotonic()]

        def keep_a_copy(run: Run, *arguments: Any) -> None:
            keep(run, *arguments)
            self.states.append(folder.parent / f".{folder.name}.{len(self.states) + 1}.kept")
            shutil.copy(run.folder / STATE, self.states[-1])
            times.append(time.monotonic())

        self.run = create_run(folder, config, pinned)
        worker.keep = keep_a_copy  # type: ignore[assignment]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                worker.work(self.run)
        finally:
            worker.keep = keep
        self.epoch = (times[-2] - times[1]) / (config.training.epochs - 1)
        self.end = times[-1] - times[-2]

    def state(self, epochs: int) -> dict[str, Any]:
        """After so many epochs, with the generators' states."""
        return read_state(self.states[epochs - 1])


def kill_trainings(moments: int, seed: int, folder: Path) -> Tally:
    """Kill trainings at so many moments; each run is resumed to its end and compared."""
    from bnnlib.datasets.mnist import load_mnist

    dice, tally = random.Random(seed), Tally("training process")
    pinned, half = load_mnist().test.images[:3], 0
    for k, (name, config) in enumerate(RUNS.items()):
        left = stages(moments // len(RUNS) + (k < moments % len(RUNS)), dice)
        if not left:
            continue
        straight = Straight(folder / f"{name}-straight", config, pinned)
        run = create_run(folder / free_name(name, folder), config, pinned)
        while left:
            before = saved(run)
            if not killed(run, left[0], straight, dice):  # too late: it has finished
                tally.faults += [f"{run.name}: {fault}" for fault in ended(run, straight)]
                run = create_run(folder / free_name(name, folder), config, pinned)
                continue
            half += any(run.folder.glob(".*.new"))
            tally.count(left.pop(0), after(run, straight, before))
        if run.status.state != "finished":
            queue.start(run)
            wait_for(partial(has_ended, run))
        tally.faults += [f"{run.name}: {fault}" for fault in ended(run, straight)]
    tally.notes.append(f"{half} left a file half written under another name")
    return tally


def has_ended(run: Run) -> bool:
    return not run.status.active


def stages(number: int, dice: random.Random) -> list[str]:
    """So many stages in the order in which a run is killed in them; the end comes last."""
    ten = [stage for stage, share in SHARES.items() for _ in range(share)]
    chosen = dice.sample(ten * -(-number // len(ten)), number)
    return sorted(chosen, key="at its end".__eq__)


def killed(run: Run, stage: str, straight: Straight, dice: random.Random) -> bool:
    """Start or resume the run and kill its process; False if it has ended before."""
    if run.status.state == "finished":
        return False
    said = len(run.log())
    queue.start(run)
    beat = run.status.beat
    assert beat is not None
    if stage == "in its start":
        time.sleep(moment(dice, START))
    else:
        wait_for(lambda: any(words in run.log()[said:] for words in BEGUN), pause=0.002)
        if stage == "in an epoch":
            time.sleep(moment(dice, straight.epoch))
        elif stage == "while it writes":
            wait_for(lambda: any(run.folder.glob(f".{STATE}.*")) or has_ended(run), pause=0)
            time.sleep(dice.uniform(0, 0.003))
        else:
            wait_for(lambda: saved(run) == EPOCHS, pause=0.01)
            time.sleep(moment(dice, straight.end))
    return kill(beat.pid)


def saved(run: Run) -> int:
    state = run.state()
    return 0 if state is None else len(state["history"])


def after(run: Run, straight: Straight, before: int) -> list[str]:
    """What is wrong after a kill."""
    faults = torn(run.folder.parent, run.folder.parent / "none")
    state, epochs = run.state(), saved(run)
    done = run.log().count("[Epoch ")  # a line follows each epoch that is over and kept
    if epochs < max(before, done):
        faults.append(f"{max(before, done)} epochs were over, {epochs} are kept")
    if state is not None and not (same(state, straight.state(epochs)) or over(state, straight)):
        faults.append(f"the state after epoch {epochs} is not that of a run never killed")
    if run.status.state not in ("interrupted", "finished"):
        faults.append(f"the run is said to be {run.status.state}")
    return faults


def over(state: dict[str, Any], straight: Straight) -> bool:
    """Whether it is the last state, that of a finished run."""
    return same(state, straight.run.state())


def ended(run: Run, straight: Straight) -> list[str]:
    """What is wrong with a run that was resumed to its end."""
    faults = torn(run.folder.parent, run.folder.parent / "none")
    if run.status.state != "finished":
        return [*faults, f"it is {run.status.state}: {run.log()[-200:]}"]
    if not same(run.state(), straight.run.state()):
        faults.append("its last state is not that of a run never killed")
    if not same(run.history(), straight.run.history()):
        faults.append("its history is not that of a run never killed")
    names = [{path.name for path in one.folder.iterdir()} for one in (run, straight.run)]
    if odd := names[0] ^ names[1]:
        faults.append(f"its files are others: {', '.join(sorted(odd))}")
    return faults
