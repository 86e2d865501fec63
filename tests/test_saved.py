"""Files written by an earlier version load, resume and answer as they did (`tests/saved`)."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.drawing.codec import from_text
from bnnlib.networks.sampling import sample_probs
from bnnlib.runs import worker
from bnnlib.runs.archive import export_run, import_run
from bnnlib.runs.folder import list_runs
from bnnlib.runs.keep import keep_as_checkpoint
from bnnlib.runs.run import Run
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint
from bnnlib.storage.evaluations import answer_rule, load_results

SAVED = Path(__file__).parent / "saved"
EXPECTED = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))
SAME = ("nll", "accuracy", "kl", "validation_error", "validation_nll", "validation_ece")


@pytest.fixture
def saved_runs(own_runs: Path) -> Path:
    """A copy of the saved runs, where runs are looked for."""
    shutil.copytree(SAVED / "runs", own_runs)
    with zipfile.ZipFile(SAVED / "half-done.zip") as archive:
        archive.extractall(own_runs / "half-done")
    return own_runs


@pytest.fixture
def saved_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the saved checkpoints, where the pages look for them."""
    shutil.copytree(SAVED / "checkpoints", folder := tmp_path / "checkpoints")
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    monkeypatch.setattr(list_checkpoints, "__defaults__", (folder,))
    return folder


def test_the_saved_files_are_small() -> None:
    assert sum(path.stat().st_size for path in SAVED.rglob("*") if path.is_file()) < 300_000


@pytest.mark.parametrize("kind", ["dropout", "bayesian", "ensemble"])
def test_a_saved_checkpoint_answers_as_it_did(kind: str, few: Digits) -> None:
    network = load_checkpoint(SAVED / "checkpoints" / kind)
    answers = sample_probs(network, few.test.images[:5].float() / 255, 4, 0).mean(0)
    torch.testing.assert_close(
        answers, torch.tensor(EXPECTED["answers"][kind]), rtol=1e-4, atol=1e-6
    )
    assert network.config.kind == kind


def test_a_saved_evaluation_is_read() -> None:
    results = load_results(SAVED / "checkpoints" / "dropout")
    assert results is not None
    assert results.summary["samples"] == 5
    assert float(results.wrong.float().mean()) == pytest.approx(results.summary["error"])
    assert answer_rule(SAVED / "checkpoints" / "dropout") is not None


def test_a_finished_run_is_shown_exported_and_kept(saved_runs: Path, tmp_path: Path) -> None:
    run = Run(saved_runs / "finished")
    assert run.status.state == "finished"
    assert [row["epoch"] for row in run.history()] == [1, 2, 3, 4]
    assert run.config.training.classes == (1, 7)
    assert run.pinned().shape == (2, 28, 28)
    assert run.answers().shape == (5, 30, 2, 10)
    assert "Kept epoch" in run.log()
    export_run(run, io.BytesIO())
    kept = load_checkpoint(keep_as_checkpoint(run, tmp_path / "kept"))
    before = load_checkpoint(SAVED / "checkpoints" / "dropout")
    for name, value in before.state_dict().items():
        assert torch.equal(kept.state_dict()[name], value)
    assert kept.card["figures"] == before.card["figures"]


def test_an_exported_run_is_imported(own_runs: Path) -> None:
    own_runs.mkdir()
    with open(SAVED / "exported.zip", "rb") as file:
        run = import_run(file, own_runs / "imported")
    assert run.status.state == "finished"
    assert run.answers().shape == (5, 30, 2, 10)
    assert [found.name for found in list_runs()] == ["imported"]


def test_a_half_done_run_is_resumed_with_the_same_losses(
    saved_runs: Path, few: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    run = Run(saved_runs / "half-done")
    assert run.status.state == "stopped"
    assert len(run.history()) == 2
    assert worker.work(run) == 0
    assert len(run.history()) == 4
    for found, expected in zip(run.history(), EXPECTED["whole"], strict=True):
        for name in SAME:
            assert found[name] == pytest.approx(expected[name], rel=2e-3), (found["epoch"], name)
    assert run.answers().shape == (5, 30, 2, 10)


def test_saved_strokes_are_read() -> None:
    strokes = from_text(EXPECTED["addresses"]["Draw"]["drawing"])
    assert [[[list(point) for point in stroke.points], stroke.width] for stroke in strokes] == (
        EXPECTED["strokes"]
    )


@pytest.mark.parametrize("page", ["Draw", "Uncertain_digits", "Train", "Evaluate"])
def test_a_saved_address_is_understood_and_kept(
    page: str,
    saved_runs: Path,
    saved_checkpoints: Path,
    without_mnist: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    app = AppTest.from_file("../dashboard.py", default_timeout=120)
    address = EXPECTED["addresses"][page]
    app.query_params.update(address)
    app.run()
    if page != "Draw":
        (file,) = (SAVED.parents[1] / "pages").glob(f"*_{page}.py")
        app.query_params.update(address)
        app.switch_page(f"pages/{file.name}").run()
    assert not app.exception
    words = " ".join(str(part.value) for part in [*app.warning, *app.error, *app.info])
    assert "not understood" not in words
    values = app.query_params.items()
    found = {name: value if isinstance(value, str) else value[0] for name, value in values}
    assert {name: found.get(name) for name in address} == address
