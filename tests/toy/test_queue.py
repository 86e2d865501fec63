"""The queue of NUTS runs, with small commands in place of NUTS."""

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from bnnlib.toy.points import Points
from bnnlib.toy.queue import ReferenceQueue, State

A, B, C = (Points.of([(0.0, y)]) for y in (0.0, 1.0, -1.0))
# Answers with the first y as its mean when its input says so, or after SECONDS.
FAKE = """
import json, sys, time
y = json.loads(sys.stdin.readline())[0][1]
time.sleep({seconds})
zero = [0.0]
print(json.dumps(dict(mean=[y], epistemic=zero, aleatoric=zero, rhat=1.0, draws=2,
                      divergences=0, seconds=0.0)))
"""


def command(seconds: float) -> tuple[str, ...]:
    return sys.executable, "-S", "-c", FAKE.format(seconds=seconds)


def until(look: Callable[[], State], *names: str) -> State:
    """The first state with one of these names."""
    for _ in range(2000):
        state = look()
        if state.name in names:
            return state
        time.sleep(0.01)
    pytest.fail(f"still {state.name}")


def process_of(queue: ReferenceQueue, former: object = None) -> "subprocess.Popen[str]":
    """The process at work; it starts a little after the run says that it is running."""
    for _ in range(2000):
        if queue.process is not None and queue.process is not former:
            return queue.process
        time.sleep(0.01)
    pytest.fail("no process was started")


def test_a_run_is_made_once_and_kept() -> None:
    queue = ReferenceQueue(command(0))
    found = until(lambda: queue.ask("ann", B), "ready").reference
    assert found is not None
    assert found.mean == [1.0]
    process = queue.process
    assert queue.ask("bob", B).reference == found
    assert queue.process is process


def test_only_the_last_results_are_kept() -> None:
    queue = ReferenceQueue(command(0), kept=1)
    for points in (A, B):
        until(lambda points=points: queue.ask("ann", points), "ready")
    assert queue.ask("ann", B).name == "ready"
    assert queue.ask("ann", A).name != "ready"


def test_one_at_a_time_and_the_others_know_their_place() -> None:
    queue = ReferenceQueue(command(60))
    until(lambda: queue.ask("ann", A), "running")
    process = process_of(queue)
    assert queue.ask("bob", B) == State("waiting", place=1)
    assert queue.ask("cat", C) == State("waiting", place=2)
    assert queue.process is process
    # Bob moves a point: his place is lost. Ann's run ends, for nobody wants it any more.
    assert queue.ask("bob", C) == State("waiting", place=2)
    queue.ask("ann", C)
    state = until(lambda: queue.ask("cat", C), "running")
    assert state.seconds < 60
    assert process.poll() is not None
    process_of(queue, process).kill()
    failed = until(lambda: queue.ask("cat", C), "failed")
    assert "without a result" in failed.message


COMPUTE = (sys.executable, "-S", "-c", "while True: pass")


@pytest.mark.parametrize(
    ("run", "limit", "said"),
    [(COMPUTE, 0.2, "after 0.2 s of computing"), (command(60), 0.02, "too busy")],
    ids=["it computes for too long", "it is left no processor"],
)
def test_a_run_that_does_not_end_is_stopped_and_can_be_tried_again(
    run: tuple[str, ...], limit: float, said: str, one_sentence
) -> None:
    queue = ReferenceQueue(run, limit=limit)
    failed = until(lambda: queue.ask("ann", A), "failed")
    assert said in failed.message
    assert one_sentence(failed.message.replace("0.2", "2"))
    assert queue.process is not None
    assert queue.process.poll() is not None
    assert queue.ask("ann", A) == failed  # it is not started again by itself
    queue.retry(A)
    assert queue.ask("ann", A).name in ("waiting", "running")
    until(lambda: queue.ask("ann", A), "failed")


def test_a_visitor_who_left_is_not_waited_for() -> None:
    queue = ReferenceQueue(command(60), patience=0.3)
    until(lambda: queue.ask("ann", A), "running")
    process = process_of(queue)
    assert process.wait(20) != 0
    queue.command = command(0)
    assert until(lambda: queue.ask("bob", B), "ready").reference


def test_a_command_that_is_not_there_is_said() -> None:
    queue = ReferenceQueue(["/no/such/command"])
    assert "cannot be started" in until(lambda: queue.ask("ann", A), "failed").message
