"""Killed at any file operation, nothing is torn; resumed, a run ends as if never killed."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from benchmarks.kills.training import Straight, ended
from benchmarks.kills.whole import same, torn
from bnnlib.datasets.mnist import Digits
from bnnlib.networks import BayesianConfig, DropoutConfig, DropoutNetwork
from bnnlib.runs import worker
from bnnlib.runs.archive import export_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.runs.run import Run
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint, save_checkpoint
from bnnlib.training.config import TrainingConfig
from tests.killed import OPERATIONS, Nursery, nursery

TINY = TrainingConfig(
    epochs=9, batch_size=50, images=100, augment="full", average=0.9, lr=0.01, device="cpu"
)
WRITES = ("state", "history", "log")  # what is written after every epoch, in this order
SIGNS = 2  # writes before: a sign of life and a line of the log; a resumed run renews its history


@pytest.fixture(scope="module")
def kill(few: Digits, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    digits = tmp_path_factory.mktemp("digits") / "few.pt"
    splits = (few.train, few.validation, few.test)
    torch.save([part for split in splits for part in (split.images, split.labels)], digits)
    with nursery(digits) as children:
        yield children


def test_a_training_killed_in_the_middle_of_its_writes_resumes_to_the_bit(
    kill: Nursery, few: Digits, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    config = RunConfig(BayesianConfig(hidden=(16, 16, 16)), TINY, "quick")
    straight = Straight(own_runs / "straight", config, few.test.images[:2])
    run = create_run(own_runs / "killed", config, few.test.images[:2])
    dice, before = random.Random(3), 0
    for what in (*dice.sample(WRITES, 3), dice.choice(WRITES)):
        whole = dice.randrange(2)  # epochs before the one whose writes are struck
        number = SIGNS + (before > 0) + len(WRITES) * whole + WRITES.index(what)
        assert kill.dies("train", run.folder, 2 * number, "write")
        assert torn(own_runs, own_runs / "none") == []
        assert run.status.state == "interrupted"
        state, kept = run.state(), before + whole + (what != "state")
        assert len(run.history()) == kept - (what == "history")
        assert (kept == 0) if state is None else same(state, straight.state(kept))
        before = kept
    assert 0 < before < TINY.epochs
    assert worker.work(run) == 0
    assert ended(run, straight) == []


def each_kill(kill: Nursery, act: str, folder: Path, operations: tuple[str, ...]) -> Iterator[None]:
    """Do the act again and again, killed at its first operation, then at its second; at last it is
    done. Each begins where the one before left the folder.
    """
    for number in count():
        if not kill.dies(act, folder, number, *operations):
            break
        yield


def test_a_replaced_checkpoint_is_the_old_or_the_new_one_after_any_kill(
    kill: Nursery, tmp_path: Path
) -> None:
    old, new = (
        DropoutNetwork(DropoutConfig(hidden=(8, 8, 8)), torch.Generator().manual_seed(seed))
        for seed in (0, 1)
    )
    folder, seen = tmp_path / "checkpoints" / "one", []
    save_checkpoint(folder, old, {"note": "old"})
    for _ in each_kill(kill, "save", folder, OPERATIONS[:-1]):
        assert [info.name for info in list_checkpoints(folder.parent)] == ["one"]
        found = load_checkpoint(folder)
        seen.append(found.card["note"])
        assert same(halves(found), halves(old if seen[-1] == "old" else new))
        save_checkpoint(folder, old, {"note": "old"})
    assert set(seen) == {"old", "new"}


def halves(network: DropoutNetwork) -> dict[str, torch.Tensor]:
    return {name: value.half() for name, value in network.state_dict().items()}


def test_an_imported_run_is_whole_or_not_there_after_any_kill(
    kill: Nursery, trained: Callable[[RunConfig], Run], tmp_path: Path
) -> None:
    run = trained(RunConfig(DropoutConfig(hidden=(8, 8, 8)), replace(TINY, epochs=1), "quick"))
    folder = tmp_path / "imported" / "run"
    folder.parent.mkdir()
    with open(folder.parent / "run.zip", "wb") as file:
        export_run(run, file)
    for _ in each_kill(kill, "import", folder, OPERATIONS):
        assert torn(folder.parent, folder.parent / "none") == []
        if folder.exists():
            assert Run(folder).history() == run.history()
            shutil.rmtree(folder)
    assert [found.name for found in list_runs(folder.parent)] == ["run"]


@pytest.mark.parametrize("what", ["run", "checkpoint"])
def test_a_new_folder_has_its_files_on_the_disk_before_its_name(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut then leaves it whole or not there, never with empty files."""
    done: list[int] = []
    named: dict[str, int] = {}
    for name in ("rename", "replace"):
        move = getattr(os, name)

        def moved(old: Path, new: Path, move: Callable = move) -> None:
            named[Path(new).name] = len(done)
            move(old, new)

        monkeypatch.setattr(os, name, moved)
    monkeypatch.setattr(os, "fsync", lambda number: done.append(os.fstat(number).st_ino))
    config = DropoutConfig(hidden=(8, 8, 8))
    if what == "run":
        create_run(tmp_path / "new", RunConfig(config, TINY, "quick"))
    else:
        save_checkpoint(tmp_path / "new", DropoutNetwork(config, torch.Generator()), {})
    files = {path.stat().st_ino for path in (tmp_path / "new").iterdir()}
    assert len(files) == 2
    assert files <= set(done[: named["new"]])
    assert tmp_path.stat().st_ino in done[named["new"] :]
