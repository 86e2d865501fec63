"""A clock that is set back: a living training stays alive, and nothing waits for the future."""

import os
import time
from pathlib import Path

import pytest

from bnnlib.datasets.mnist import Digits
from bnnlib.networks import DropoutConfig
from bnnlib.runs import heartbeat, worker
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.runs.heartbeat import is_alive, process_start, this_process, write_beat
from bnnlib.runs.run import CONFIG
from bnnlib.training.config import TrainingConfig
from ui.admission import Room
from ui.draw.pace import Pace

HOUR = 3_600.0
SMALL = RunConfig(DropoutConfig(hidden=(16,)), TrainingConfig(epochs=2, images=100, batch_size=50))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """Sets the time of day by so many seconds; the machine's own counter goes on."""
    shift, now = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: now() + shift[0])
    return lambda seconds: shift.__setitem__(0, seconds)


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
def test_a_living_training_is_alive_whatever_the_clock_says(
    shift: float, clock, own_runs: Path
) -> None:
    run = create_run(own_runs / "one", SMALL)
    beat = this_process()
    beat.state = "running"
    write_beat(run.folder, beat)
    clock(shift)
    assert is_alive(beat)
    assert run.status.state == "running"
    write_beat(run.folder, beat)  # its next sign of life, a second later
    assert not run.status.silent
    assert run.status.beat is not None
    assert run.status.beat.silent >= 0


def test_a_dead_training_is_dead_though_its_last_sign_lies_in_the_future(
    clock, own_runs: Path
) -> None:
    run = create_run(own_runs / "one", SMALL)
    beat = this_process()
    beat.state, beat.pid = "running", 2**22 + 1  # no process has such a number
    clock(HOUR)
    write_beat(run.folder, beat)
    clock(0)
    assert process_start(beat.pid) == ""
    assert run.status.state == "interrupted"


def test_a_run_trains_while_the_clock_goes_back(
    clock, few: Digits, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    run, keep = create_run(own_runs / "one", SMALL), worker.keep

    def keep_and_set_back(*arguments: object) -> None:
        keep(*arguments)
        beat = heartbeat.read_beat(run.folder)
        assert beat is not None
        assert (beat.seconds_left or 0) >= 0
        clock(-HOUR)

    monkeypatch.setattr(worker, "keep", keep_and_set_back)
    assert worker.work(run) == 0
    assert all(row["seconds"] >= 0 for row in run.history())
    assert run.status.state == "finished"


def test_files_of_the_future_are_listed_and_read_anew(own_runs: Path) -> None:
    for name in ("first", "second"):
        create_run(own_runs / name, SMALL)
    future = time.time() + 24 * HOUR
    os.utime(own_runs / "first" / CONFIG, (future, future))
    assert [run.name for run in list_runs(own_runs)] == ["first", "second"]
    create_run(own_runs / "third", SMALL)
    assert [run.name for run in list_runs(own_runs)] == ["first", "third", "second"]


def test_places_and_pauses_do_not_follow_the_clock(clock) -> None:
    room, pace = Room(1, lambda visitor: False), Pace()
    assert room.enter("a") == 0
    assert [pace.heard(name) for name in "abc"][:2] == [0, 0]
    waits = pace.heard("c")
    clock(-HOUR)
    assert room.enter("b") == 1
    assert pace.heard("c") == waits
    clock(HOUR)
    assert room.enter("b") == 1
    assert pace.heard("c") == waits
