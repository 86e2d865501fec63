"""Training processes: started, stopped, killed at any moment, resumed to the bit, queued."""

import dataclasses
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.runs import queue, worker
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.runs.heartbeat import read_beat, this_process, write_beat
from bnnlib.runs.run import STATE, Run
from bnnlib.training.config import TrainingConfig
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer

SMALL = (16, 16, 16)
TINY = TrainingConfig(
    epochs=4,
    batch_size=50,
    images=200,
    classes=(1, 7),
    augment="full",
    average=0.9,
    temperature=0.1,
    lr=0.01,
    device="cpu",
)
EXACT = (
    "epoch",
    "loss",
    "accuracy",
    "nll",
    "kl",
    "validation_error",
    "validation_nll",
    "validation_ece",
)


def config(kind: str = "bayesian", **changes: object) -> RunConfig:
    network = BayesianConfig(hidden=SMALL) if kind == "bayesian" else DropoutConfig(hidden=SMALL)
    return RunConfig(network, dataclasses.replace(TINY, **changes), "quick")


def wait_for(what: Callable[[], object], seconds: float = 300.0) -> None:
    """Look until `what` is true; the limit ends a test that hangs and says how the runs stand."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, {
            run.name: (run.status, run.log()[-300:]) for run in list_runs()
        }
        time.sleep(0.05)


@pytest.fixture
def few_digits(few: Digits, monkeypatch: pytest.MonkeyPatch) -> Digits:
    """The training process in this very process, on a few digits."""
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    return few


@pytest.fixture
def started(own_runs: Path) -> Iterator[Callable[[Run], None]]:
    """Starts runs as real processes and leaves none behind."""
    runs: list[Run] = []

    def start(run: Run) -> None:
        queue.start(run)
        runs.append(run)

    yield start
    for run in runs:
        if run.status.active and (beat := read_beat(run.folder)) is not None:
            os.kill(beat.pid, signal.SIGKILL)


def losses(run: Run) -> list[list[float]]:
    return [[row[name] for name in EXACT] for row in run.history()]


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_a_trainer_resumes_to_the_bit(few, kind):
    def trainer() -> Trainer:
        return Trainer(
            build(config(kind).network, 0), few.train, few.validation, config(kind).training
        )

    def exact(reports: list) -> list[list[float]]:
        return [[getattr(report, name) for name in EXACT] for report in reports]

    straight, first, second = trainer(), trainer(), trainer()
    for _ in range(4):
        straight.run_epoch()
    for _ in range(2):
        first.run_epoch()
    second.load_state_dict(first.state_dict())
    for _ in range(2):
        second.run_epoch()
    assert exact(second.history) == exact(straight.history)
    for name, value in straight.best.items():
        assert torch.equal(value, second.best[name])


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_a_run_stopped_after_each_epoch_ends_like_one_that_never_stopped(
    few_digits, own_runs, monkeypatch, kind
):
    pinned = few_digits.test.images[:3]
    straight = create_run(own_runs / "straight", config(kind), pinned)
    assert worker.work(straight) == 0
    stopping = create_run(own_runs / "stopping", config(kind), pinned)
    keep = worker.keep

    def keep_then_stop(*arguments: object) -> None:
        keep(*arguments)
        raise worker.StoppedError

    for epoch in range(1, 5):
        monkeypatch.setattr(worker, "keep", keep_then_stop)
        assert worker.work(stopping) == 130
        assert stopping.status.state == "stopped"
        assert len(stopping.history()) == epoch
    monkeypatch.setattr(worker, "keep", keep)
    assert worker.work(stopping) == 0
    assert stopping.status.state == "finished"
    assert losses(stopping) == losses(straight)
    assert torch.equal(stopping.answers(), straight.answers())
    assert stopping.answers().shape == (5, worker.PINNED_SAMPLES, 3, 10)
    one, other = stopping.state(), straight.state()
    assert one is not None
    assert other is not None
    assert one["figures"] == other["figures"]
    assert all(torch.equal(value, one["best"][name]) for name, value in other["best"].items())
    assert "optimiser" not in one


def test_the_kl_is_divided_by_the_images_really_used(few):
    part = Trainer(
        build(config().network, 0),
        few.train,
        few.validation,
        dataclasses.replace(TINY, images=20, augment="none", epochs=1),
    )
    chosen = [label for label in few.train.labels.tolist() if label in TINY.classes][:20]
    assert part.train.labels.tolist() == chosen
    assert set(part.validation.labels.tolist()) <= set(TINY.classes)
    whole = sum(
        torch.distributions.kl_divergence(*normals(layer)).sum().item()
        for layer in part.network.layers
    )
    report = part.run_epoch()
    assert report.kl is not None
    assert report.loss == pytest.approx(
        report.nll + TINY.temperature * report.kl, rel=1e-4
    )  # kl is KL / N with N = 20
    assert report.kl == pytest.approx(whole / 20, rel=1e-4)  # of the epoch's only step, before it


def normals(layer: object) -> tuple[torch.distributions.Normal, torch.distributions.Normal]:
    q = torch.distributions.Normal(layer.loc, layer.scale)
    return q, torch.distributions.Normal(
        torch.zeros_like(layer.loc), layer.prior_scale.expand_as(layer.loc)
    )


def test_a_full_disk_fails_with_a_sentence_and_loses_only_the_unfinished_epoch(
    few_digits, own_runs, monkeypatch, one_sentence
):
    run = create_run(own_runs / "full", config())
    write = worker.write_state

    def full(where: Path, state: dict) -> None:
        if len(state["history"]) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(where, state)

    monkeypatch.setattr(worker, "write_state", full)
    with pytest.raises(BnnlibError, match="No space left on device") as caught:
        worker.work(run)
    assert one_sentence(caught.value)
    assert run.status.state == "failed"
    assert run.status.beat is not None
    assert "No space" in run.status.beat.message
    assert len(run.history()) == 2
    monkeypatch.setattr(worker, "write_state", write)
    assert worker.work(run) == 0
    assert len(run.history()) == 4


def test_a_diverging_run_fails_with_a_sentence(few_digits, own_runs):
    run = create_run(
        own_runs / "wild",
        dataclasses.replace(
            config(lr=10.0, temperature=1.0, epochs=30), network=BayesianConfig(hidden=SMALL)
        ),
    )
    training = dataclasses.replace(run.config.training, optimiser="sgd", momentum=0.99, average=0.0)
    fields = json.loads((run.folder / "config.json").read_text())
    fields["training"] = dataclasses.asdict(training)
    (run.folder / "config.json").write_text(json.dumps(fields))
    with pytest.raises(BnnlibError, match="diverged"):
        worker.work(run)
    assert run.status.state == "failed"


def test_other_data_than_at_the_start_are_refused(few_digits, own_runs, monkeypatch):
    run = create_run(own_runs / "moved", config(epochs=2))
    keep = worker.keep

    def keep_then_stop(*arguments: object) -> None:
        keep(*arguments)
        raise worker.StoppedError

    monkeypatch.setattr(worker, "keep", keep_then_stop)
    worker.work(run)
    monkeypatch.setattr(
        worker, "load_mnist", lambda: dataclasses.replace(few_digits, source="mnist")
    )
    with pytest.raises(BnnlibError, match="'embedded', now there are"):
        worker.work(run)
    assert len(run.history()) == 1


def test_a_state_of_another_version_is_refused(few_digits, own_runs):
    run = create_run(own_runs / "old", config())
    (run.folder / STATE).write_bytes(b"of old")
    with pytest.raises(BnnlibError, match="damaged or of another format"):
        worker.work(run)
    assert run.status.state == "failed"
    assert (run.folder / STATE).read_bytes() == b"of old"


def test_killed_at_twenty_random_moments_nothing_is_lost_but_the_unfinished_epoch(
    few_digits, own_runs, tmp_path
):
    """Every file is whole after each kill; the run ends like one never stopped, to the bit."""
    (tmp_path / "train.py").write_text(NURSERY)
    torch.save(
        [*part(few_digits.train), *part(few_digits.validation), *part(few_digits.test)],
        tmp_path / "few.pt",
    )
    long, pinned = config(epochs=80), few_digits.test.images[:2]
    straight, run = (
        create_run(own_runs / "straight", long, pinned),
        create_run(own_runs / "killed", long, pinned),
    )
    assert worker.work(straight) == 0
    dice, done = random.Random(5), 0
    command = [
        sys.executable,
        str(tmp_path / "train.py"),
        str(tmp_path / "few.pt"),
        str(run.folder),
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(queue.ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for _ in range(20):
            since = time.time()
            nursery.stdin.write("train\n")
            nursery.stdin.flush()
            pid = int(nursery.stdout.readline())
            wait_for(partial(is_training, run, since))
            time.sleep(dice.uniform(0, 0.04))
            os.kill(pid, signal.SIGKILL)
            assert int(nursery.stdout.readline()) == -signal.SIGKILL
            history, state = run.history(), run.state()
            saved = [] if state is None else state["history"]
            assert len(saved) - len(history) in (
                0,
                1,
            )  # the readable copy may lag by the epoch just saved
            assert saved[: len(history)] == history
            assert len(saved) >= done
            assert len(run.answers()) == (len(saved) + 1 if saved else 0)
            assert run.status.state == "interrupted"
            done = len(saved)
        nursery.stdin.close()
    assert 0 < done < 80
    assert worker.work(run) == 0
    assert losses(run) == losses(straight)
    assert torch.equal(run.answers(), straight.answers())
    assert {path.name for path in run.folder.iterdir()} == {
        path.name for path in straight.folder.iterdir()
    }


def part(split: object) -> list[torch.Tensor]:
    return [split.images, split.labels]


def is_training(run: Run, since: float) -> bool:
    beat = read_beat(run.folder)
    return beat is not None and beat.at > since and beat.phase == "training"


# Reads the libraries once, then lets a child train for every line it is given. It prints the
# child's number, and at the end what ended it.
NURSERY = """
import os
import sys
from pathlib import Path
import pyro
import torch
import torch._dynamo  # which the first optimiser would load
torch.set_num_threads(1)
from bnnlib.runs import heartbeat, worker
from bnnlib.datasets.mnist import Digits, Split
from bnnlib.runs.run import Run
heartbeat.BEAT_SECONDS = 0.01
parts = torch.load(sys.argv[1], weights_only=True)
train, validation, test = (Split(*parts[k : k + 2]) for k in (0, 2, 4))
worker.load_mnist = lambda: Digits(train, validation, test, "embedded")
worker.say = lambda run, text: None
for line in sys.stdin:
    if (pid := os.fork()) == 0:
        os._exit(worker.work(Run(Path(sys.argv[2]))))
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_one_trains_the_others_wait_their_turn_and_a_killed_one_frees_it(
    own_runs, started, monkeypatch
):
    monkeypatch.setenv("BNNLIB_DATA", str(own_runs / "no-data"))
    first, second, third = (
        create_run(own_runs / name, config(epochs=500)) for name in ("first", "second", "third")
    )
    started(first)
    wait_for(lambda: first.status.state == "running")
    started(second)
    wait_for(lambda: second.status.beat is not None and second.status.beat.pid)
    started(third)
    wait_for(lambda: first.history())
    assert (second.status.state, third.status.state) == ("queued", "queued")
    with pytest.raises(BnnlibError, match="already"):
        queue.start(second)
    beat = first.status.beat
    assert beat is not None
    os.kill(beat.pid, signal.SIGKILL)
    wait_for(
        lambda: first.status.state == "interrupted", 10
    )  # a dead process is noticed within 10 s
    wait_for(lambda: second.status.state == "running")
    assert third.status.state == "queued"
    queue.stop(second)
    wait_for(lambda: second.status.state == "stopped")
    wait_for(lambda: third.status.state == "running")
    queue.stop(third)
    wait_for(lambda: not third.status.active)
    with pytest.raises(BnnlibError, match="nothing to stop"):
        queue.stop(third)
    done = len(first.history())
    assert done >= 1
    started(first)
    wait_for(lambda: len(first.history()) > done)
    queue.stop(first)
    wait_for(lambda: first.status.state == "stopped")
    assert "Resuming after epoch" in first.log()


def test_a_frozen_process_is_silent_and_stop_ends_it(own_runs, started, monkeypatch):
    monkeypatch.setenv("BNNLIB_DATA", str(own_runs / "no-data"))
    run = create_run(own_runs / "frozen", config(epochs=500))
    started(run)
    wait_for(lambda: run.status.state == "running")
    beat = run.status.beat
    assert beat is not None
    os.kill(beat.pid, signal.SIGSTOP)
    wait_for(lambda: run.status.silent, 30)
    assert run.status.active
    queue.stop(run)
    wait_for(lambda: run.status.state == "interrupted")


def test_two_processes_never_train_the_same_run(few_digits, own_runs):
    run = create_run(own_runs / "one", config())
    with worker.locked_run(run) as mine:
        assert mine
        with pytest.raises(BnnlibError, match="another process"):
            worker.work(run)
    assert run.status.state == "new"  # the one that was refused left the sign of life alone


def test_training_can_be_switched_off(own_runs, monkeypatch, one_sentence):
    run = create_run(own_runs / "off", config())
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    assert not queue.training_allowed()
    with pytest.raises(BnnlibError, match="switched off") as caught:
        queue.start(run)
    assert one_sentence(caught.value)
    assert run.status.state == "new"


def test_queue_and_disk_have_limits(own_runs, monkeypatch):
    run = create_run(own_runs / "one", config())
    with monkeypatch.context() as patch:
        patch.setattr(queue, "MAX_DISK", 10)
        with pytest.raises(BnnlibError, match="delete one first"):
            queue.start(run)
    with monkeypatch.context() as patch:
        patch.setattr(queue, "MIN_FREE_DISK", 2**60)
        with pytest.raises(BnnlibError, match="no room"):
            queue.start(run)
    for k in range(queue.MAX_WAITING + 1):
        beat = this_process()
        write_beat(create_run(own_runs / f"busy{k}", config()).folder, beat)
    with pytest.raises(BnnlibError, match="wait already"):
        queue.start(run)
    assert run.status.state == "new"


def bnnlib(*arguments: str, data: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "BNNLIB_DATA": str(data), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "bnnlib", "train", *arguments],
        cwd=queue.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_trains_resumes_and_keeps_a_run(
    tmp_path, monkeypatch, capsys, one_sentence
):
    folder, out, no_data = tmp_path / "runs" / "cli", tmp_path / "kept", tmp_path / "none"
    small = [
        "--hidden-width",
        "8",
        "--images",
        "60",
        "--epochs",
        "2",
        "--batch-size",
        "30",
        "--classes",
        "3,5",
        "--augment",
        "affine",
    ]
    done = bnnlib("dropout", "--run", str(folder), *small, "--out", str(out), data=no_data)
    assert done.returncode == 0, done.stderr
    card = json.loads((out / "card.json").read_text())
    assert card["architecture"]["hidden"] == [8, 8, 8]
    assert card["split"]["train"] == 60
    assert len(card["history"]) == 2
    assert card["figures"]["test"]["images"] == 1_000
    assert card["command"].endswith(
        "--hidden-width 8 --epochs 2 --batch-size 30 --images 60 --augment affine --classes 3,5"
    )
    assert Run(folder).status.state == "finished"
    monkeypatch.setenv("BNNLIB_DATA", str(no_data))
    for arguments, words in (
        (["dropout", "--run", str(folder)], "already"),
        (["bayesian", "--run", str(folder), "--resume"], "give that kind"),
        (["dropout", "--run", str(folder), "--resume", "--epochs", "9"], "leave out --epochs"),
        (["dropout", "--run", str(tmp_path / "empty"), "--resume"], "holds no training run"),
        (["dropout", "--resume"], "name its folder"),
        (["dropout", "--run", str(tmp_path / "x"), "--classes", "1,x"], "digits with commas"),
        (["dropout", "--run", str(tmp_path / "x"), "--classes", "1,1"], "each once"),
        (
            ["dropout", "--run", str(tmp_path / "x"), "--hidden-width", "100000"],
            "--hidden-width is 100000",
        ),
        (["dropout", "--run", str(tmp_path / "x"), "--images", "0"], "--images is 0"),
    ):
        assert main(["train", *arguments]) == 2, arguments
        refused = capsys.readouterr().err
        assert words in refused
        assert one_sentence(refused)
    assert not (tmp_path / "x").exists()
