"""Runs as checkpoints and as zips: they come back as they were, and a hostile zip is refused."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig
from bnnlib.networks.sampling import sample_probs
from bnnlib.runs import archive, worker
from bnnlib.runs.archive import export_run, import_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.keep import best_network, keep_as_checkpoint
from bnnlib.runs.run import Run
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint
from bnnlib.storage.tensors import read_state, write_state
from bnnlib.training.config import TrainingConfig

TINY = RunConfig(
    BayesianConfig(hidden=(16, 16, 16)),
    TrainingConfig(epochs=2, batch_size=100, device="cpu"),
    "quick",
    ("a digit", "another"),
)


@pytest.fixture
def run(trained: Callable[[RunConfig], Run]) -> Run:
    """A finished run."""
    return trained(TINY)


def zipped(run: Run) -> bytes:
    file = io.BytesIO()
    export_run(run, file)
    return file.getvalue()


def changed(content: bytes, **members: bytes | None) -> io.BytesIO:
    """The zip with other members: `config_json=...`; None leaves one out."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    files.update({name.replace("_", ".", 1): value for name, value in members.items()})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            if value is not None:
                archive.writestr(name, value)
    return io.BytesIO(out.getvalue())


def test_a_finished_run_becomes_a_checkpoint_that_answers_alike(run, few, tmp_path):
    folder = keep_as_checkpoint(run, tmp_path / "checkpoints" / "mine")
    assert [info.name for info in list_checkpoints(tmp_path / "checkpoints")] == ["mine"]
    network, state = load_checkpoint(folder), run.state()
    assert state is not None
    images = few.test.images[:5].float() / 255
    assert torch.equal(
        sample_probs(network, images, 3, 0),
        sample_probs(best_network(run.config, state), images, 3, 0),
    )
    assert network.card["figures"]["test"]["images"] == 100
    assert network.card["source"] == "embedded"
    assert network.card["split"]["train"] == 300
    assert network.card["history"] == run.history()


def test_there_is_nothing_to_keep_or_export_before_the_first_epoch(own_runs, tmp_path):
    run = create_run(own_runs / "new", TINY)
    with pytest.raises(BnnlibError, match="no epoch yet"):
        keep_as_checkpoint(run, tmp_path / "c")
    with pytest.raises(BnnlibError, match="no epoch yet"):
        export_run(run, io.BytesIO())


def test_a_run_comes_back_from_its_zip(run, own_runs):
    back = import_run(io.BytesIO(zipped(run)), own_runs / "back")
    assert back.config == run.config
    assert back.history() == run.history()
    assert torch.equal(back.pinned(), run.pinned())
    assert torch.equal(back.answers(), run.answers())
    assert back.status.state == "finished"
    assert back.log() == run.log()
    one, other = back.state(), run.state()
    assert one is not None
    assert other is not None
    assert one["figures"]["test"]["error"] == other["figures"]["test"]["error"]
    assert all(torch.equal(value, one["best"][name]) for name, value in other["best"].items())
    with pytest.raises(BnnlibError, match="already"):
        import_run(io.BytesIO(zipped(run)), own_runs / "back")


def test_a_stopped_run_is_exported_without_what_only_resuming_needs(few, own_runs, monkeypatch):
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    keep = worker.keep

    def keep_then_stop(*arguments: object) -> None:
        keep(*arguments)
        raise worker.StoppedError

    monkeypatch.setattr(worker, "keep", keep_then_stop)
    run = create_run(own_runs / "half", TINY)
    worker.work(run)
    content = zipped(run)
    assert not list(run.folder.glob(".export*"))
    assert len(content) < (run.folder / "state.safetensors").stat().st_size / 3
    back = import_run(io.BytesIO(content), own_runs / "back")
    assert back.status.state == "stopped"
    with pytest.raises(BnnlibError, match="start a new run"):
        worker.work(back)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.where,))


def hostile_zips(content: bytes, fired: Path) -> dict[str, tuple[Callable[[], io.BytesIO], str]]:
    config = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("config.json"))

    def configured(**changes: object) -> bytes:
        return json.dumps({**config, **changes}).encode()

    def with_member(name: str, data: bytes = b"x") -> io.BytesIO:
        out = changed(content)
        with zipfile.ZipFile(out, "a") as archive:
            archive.writestr(name, data)
        return io.BytesIO(out.getvalue())

    def lying() -> io.BytesIO:
        """A member whose header says 10 bytes and that unpacks to a megabyte."""
        data = bytearray(changed(content, pinned_safetensors=b"0" * (1 << 20)).getvalue())
        old, new = struct.pack("<I", 1 << 20), struct.pack("<I", 10)
        return io.BytesIO(bytes(data).replace(old, new))

    pickled = pickle.dumps(Bomb(fired))
    return {
        "no zip": (lambda: io.BytesIO(b"MZ not a zip"), "no zip"),
        "empty": (lambda: io.BytesIO(b""), "no zip"),
        "truncated": (lambda: io.BytesIO(content[: len(content) // 2]), "no zip"),
        "a path outside": (lambda: with_member("../../evil.txt"), "belongs to no run"),
        "an absolute path": (lambda: with_member("/tmp/evil.txt"), "belongs to no run"),
        "a folder": (lambda: with_member("sub/config.json"), "belongs to no run"),
        "a pickle beside": (lambda: with_member("weights.pkl", pickled), "belongs to no run"),
        "a pickle as the state": (
            lambda: changed(content, state_safetensors=pickled),
            "cannot be read",
        ),
        "a pickle as the config": (lambda: changed(content, config_json=pickled), "damaged"),
        "a bomb": (
            lambda: changed(content, state_safetensors=bytes(archive.MAX_UNPACKED + 1)),
            "too large",
        ),
        "a small bomb": (
            lambda: changed(content, pinned_safetensors=bytes(1 << 22)),
            "larger than",
        ),
        "a lying header": (lying, ""),
        "no config": (lambda: changed(content, config_json=None), "lacks config.json"),
        "no state": (lambda: changed(content, state_safetensors=None), "lacks state.safetensors"),
        "an older format": (
            lambda: changed(content, config_json=configured(format=0)),
            "has format 0",
        ),
        "a huge network": (
            lambda: changed(content, config_json=configured(architecture={"hidden": [10**9]})),
            "no network",
        ),
        "another network": (
            lambda: changed(content, config_json=configured(kind="dropout", architecture={})),
            "another network",
        ),
        "a broken history": (lambda: changed(content, history_jsonl=b'{"epoch": 2}\n'), "line 1"),
        "too short a history": (lambda: changed(content, history_jsonl=b""), "answers of shape"),
        "deep JSON": (lambda: changed(content, config_json=b"[" * 90_000), "damaged"),
    }


def test_hostile_zips_are_refused_in_one_sentence_and_leave_nothing(run, own_runs, tmp_path):
    content, fired = zipped(run), tmp_path / "fired"
    before = sorted(path.name for path in own_runs.iterdir())
    for name, (make, words) in hostile_zips(content, fired).items():
        with pytest.raises(BnnlibError) as caught:
            import_run(make(), own_runs / "back")
        assert words in str(caught.value), (name, str(caught.value))
        assert "\n" not in str(caught.value), name
        assert sorted(path.name for path in own_runs.iterdir()) == before, name
        assert not fired.exists(), name
    assert run.status.state == "finished"
    assert import_run(io.BytesIO(content), own_runs / "back").history() == run.history()


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state["best"].update(
            {name: value * float("nan") for name, value in state["best"].items()}
        ),
        lambda state: state["best"].update(
            {name: value[None] for name, value in state["best"].items()}
        ),
        lambda state: state["best"].pop("layers.0.loc"),
        lambda state: state.update(best=7),
        lambda state: state.update(answers=state["answers"] * 2),
        lambda state: state.update(answers=state["answers"][:, :, :1]),
        lambda state: state.update(source="the moon"),
        lambda state: state.update(best_epoch=9),
        lambda state: state.update(split={"train": "many"}),
        lambda state: state.pop("history") and state.pop("answers"),
    ],
)
def test_a_zip_with_a_false_state_is_refused(run, own_runs, tmp_path, damage):
    state = run.state()
    assert state is not None
    damage(state)
    write_state(tmp_path / "s", state)
    with pytest.raises(BnnlibError) as caught:
        import_run(
            changed(zipped(run), state_safetensors=(tmp_path / "s").read_bytes()), own_runs / "back"
        )
    assert "\n" not in str(caught.value)
    assert [path.name for path in own_runs.iterdir() if path.name != ".turn"] == ["done"]


def test_an_imported_state_keeps_only_what_a_run_has(run, own_runs, tmp_path):
    state = run.state()
    assert state is not None
    write_state(tmp_path / "s", {**state, "extra": {"x": torch.zeros(3)}})
    back = import_run(
        changed(zipped(run), state_safetensors=(tmp_path / "s").read_bytes()), own_runs / "back"
    )
    assert "extra" not in read_state(back.folder / "state.safetensors")
