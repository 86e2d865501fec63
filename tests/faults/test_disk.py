"""A full disk and folders that cannot be written: a sentence, a page that goes on, nothing lost."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig
from bnnlib.runs import worker
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint, save_checkpoint
from bnnlib.storage.evaluations import load_results
from bnnlib.training.config import TrainingConfig
from tests.faults.conftest import fill, opened

SMALL = RunConfig(DropoutConfig(hidden=(64,)), TrainingConfig(epochs=3, images=100, batch_size=50))


def press(page: AppTest, label: str) -> AppTest:
    next(one for one in page.button if one.label == label).click().run()
    return page


def test_a_checkpoint_that_does_not_fit_leaves_the_old_one_whole(
    small_disk: Path, one_sentence: Callable[[object], bool]
) -> None:
    small = BayesianNetwork(BayesianConfig(hidden=(8,), initial_factors=(0.5,)))
    large = BayesianNetwork(BayesianConfig(hidden=(1024,), initial_factors=(0.5,)))
    save_checkpoint(small_disk / "mine", small, {})
    with pytest.raises(BnnlibError, match="No space left") as error:
        save_checkpoint(small_disk / "mine", large, {})
    assert one_sentence(error.value)
    assert [one.problem for one in list_checkpoints(small_disk)] == [None]
    kept = load_checkpoint(small_disk / "mine").state_dict()
    assert torch.equal(kept["layers.0.loc"], small.state_dict()["layers.0.loc"].half().float())
    assert [path.name for path in small_disk.iterdir()] == ["mine"]


def test_a_run_whose_disk_fills_goes_on_to_the_bit_when_there_is_room(
    small_disk: Path,
    few: Digits,
    own_runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_sentence: Callable[[object], bool],
) -> None:
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    whole = create_run(own_runs / "whole", SMALL)
    assert worker.work(whole) == 0
    run, keep = create_run(small_disk / "run", SMALL), worker.keep

    def keep_and_fill(*arguments: object) -> None:
        keep(*arguments)
        fill(small_disk)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "keep", keep_and_fill)
        with pytest.raises(BnnlibError, match="make room") as error:
            worker.work(run)
    assert one_sentence(error.value)
    assert len(run.history()) == 1
    assert run.status.state == "failed"
    assert run.status.beat is not None
    assert "make room" in run.status.beat.message
    (small_disk / "filler").unlink()
    assert worker.work(run) == 0
    ours, theirs = run.state(), whole.state()
    assert all(torch.equal(ours["best"][name], theirs["best"][name]) for name in theirs["best"])


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_the_train_page_says_that_nothing_can_be_written_and_goes_on(
    fault: str,
    app: AppTest,
    small_disk: Path,
    read_only: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    one_sentence: Callable[[object], bool],
) -> None:
    runs = small_disk / "runs"
    create_run(runs / "before", SMALL)
    monkeypatch.setenv("BNNLIB_RUNS", str(runs))
    if fault == "full":
        fill(small_disk)
    else:
        read_only(runs)
    reason = "No space left" if fault == "full" else "Read-only"
    for button in ("Start training", "Start", *["Delete for good"] * (fault == "read-only")):
        page = press(opened(app, "pages/2_Train.py"), button)
        (said,) = [one.value for one in page.error]
        assert reason in said or (fault == "full" and "The disk has no room" in said)
        assert one_sentence(said)
        assert [run.name for run in list_runs(runs)] == ["before"]


def test_the_evaluate_page_keeps_what_it_measured_elsewhere_where_it_may_not_write(
    app: AppTest,
    checkpoints: Path,
    read_only: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("ui.evaluate.results.SAMPLES", 2)
    monkeypatch.setattr("bnnlib.evaluation.evaluate.available_sets", lambda: ["noise"])
    read_only(checkpoints)
    page = opened(app, "pages/3_Evaluate.py")
    page.button(key="measure_bayesian").click().run()
    assert not page.exception
    assert not page.error
    assert not list((checkpoints / "bayesian").glob("*.npz"))
    assert load_results(checkpoints / "bayesian").summary["samples"] == 2
