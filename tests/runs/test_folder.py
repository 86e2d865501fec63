"""Run folders: what is written is read; foreign, damaged or out of range files are refused."""

import dataclasses
import errno
import json
import os
import time

import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.runs import folder as runs_module
from bnnlib.runs.config import RunConfig, command, settings
from bnnlib.runs.folder import create_run, delete_run, free_name, list_runs, rename_run
from bnnlib.runs.heartbeat import NAME, Beat, is_alive, process_start, this_process, write_beat
from bnnlib.runs.run import Run
from bnnlib.storage.files import locked, write_text, write_whole
from bnnlib.storage.names import check_name
from bnnlib.storage.tensors import read_state, write_state
from bnnlib.training.config import NETWORK, SETTINGS, TrainingConfig
from bnnlib.training.presets import preset

CONFIG = RunConfig(
    BayesianConfig(hidden=(8, 8, 8)),
    TrainingConfig(epochs=2, classes=(1, 7), images=50),
    "quick",
    ("a seven",),
)


def edit(run: Run, **changes: object) -> None:
    where = run.folder / "config.json"
    fields = json.loads(where.read_text())
    for path, value in changes.items():
        part = fields
        *outer, last = path.split("__")
        for key in outer:
            part = part[key]
        part[last] = value
    where.write_text(json.dumps(fields))
    os.utime(where, ns=(time.time_ns(), time.time_ns()))


def test_a_run_keeps_its_config_and_pinned_images(tmp_path):
    pinned = torch.randint(
        0, 256, (3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    run = create_run(tmp_path / "r1", CONFIG, pinned)
    assert dataclasses.replace(run.config, created="") == CONFIG
    assert torch.equal(run.pinned(), pinned)
    assert run.status.state == "new"
    assert not run.status.active
    assert run.history() == []
    assert list_runs(tmp_path) == [run]
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 0}, "has format 0, this version reads format 1"),
        ({"training__epochs": 0}, "epochs is 0: expected a number from 1 to 1000"),
        ({"training__epochs": 2.5}, "expected a whole number"),
        ({"training__epochs": "many"}, "epochs is many"),
        ({"training__epochs": True}, "epochs is True"),
        ({"training__lr": float("nan")}, "lr is nan"),
        ({"training__classes": []}, "at least one digit"),
        ({"training__classes": [3, 12]}, "digit from 0 to 9"),
        ({"training__classes": "17"}, "classes is"),
        ({"training__augment": "melt"}, "augment is 'melt'"),
        ({"training__speed": 3}, "there is no setting 'speed'"),
        ({"architecture__hidden": [100_000]}, "100000"),
        ({"architecture__hidden": [4096, 4096, 4096]}, "hidden_width is 4096"),
        ({"architecture__prior_scale": -1}, "prior_scale"),
        ({"architecture__initial_factors": [0.5]}, "scale factors"),
        ({"kind": "oracle"}, "config.json"),
        ({"preset": "secret"}, "no preset 'secret'"),
    ],
)
def test_a_hand_edited_config_is_refused_in_one_sentence(tmp_path, changes, words):
    run = create_run(tmp_path / "r1", CONFIG)
    edit(run, **changes)
    with pytest.raises(BnnlibError, match=words.replace(".", r"\.")) as caught:
        _ = run.config
    assert "config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"format": 1}', "\x00"])
def test_a_torn_config_is_refused_in_one_sentence(tmp_path, text):
    run = create_run(tmp_path / "r1", CONFIG)
    (run.folder / "config.json").write_text(text)
    os.utime(run.folder / "config.json", ns=(1, 1))
    with pytest.raises(BnnlibError, match=r"config\.json"):
        _ = run.config


def test_a_damaged_history_names_its_line(tmp_path):
    run = create_run(tmp_path / "r1", CONFIG)
    run.write_history([{"epoch": 1, "loss": 2.0, "kl": None}])
    assert run.history() == [{"epoch": 1, "loss": 2.0, "kl": None}]
    (run.folder / "history.jsonl").write_text('{"epoch": 1}\n{"epoch": 2, "lo')
    with pytest.raises(BnnlibError, match="line 2"):
        run.history()


@pytest.mark.parametrize(
    "name", ["", ".hidden", "../up", "a/b", "a\\b", "a b", "x" * 61, "a\n", "ä"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(BnnlibError, match="cannot be used"):
        check_name(name)


def test_rename_delete_and_free_names(tmp_path):
    run = create_run(tmp_path / "one", CONFIG)
    with pytest.raises(BnnlibError, match="already"):
        create_run(tmp_path / "one", CONFIG)
    other = create_run(tmp_path / "two", CONFIG)
    with pytest.raises(BnnlibError, match="already"):
        rename_run(run, "two")
    assert free_name("two", tmp_path) == "two-2"
    renamed = rename_run(run, "three")
    assert renamed.config.training == CONFIG.training
    delete_run(other)
    assert [path.name for path in tmp_path.iterdir()] == ["three"]


def test_a_run_at_work_is_neither_renamed_nor_deleted(tmp_path):
    run = create_run(tmp_path / "one", CONFIG)
    beat = this_process()
    beat.state = "running"
    write_beat(run.folder, beat)
    assert run.status.active
    for act in (lambda: rename_run(run, "two"), lambda: delete_run(run)):
        with pytest.raises(BnnlibError, match="at work"):
            act()
    assert run.config


def test_too_many_runs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(runs_module, "MAX_RUNS", 1)
    create_run(tmp_path / "one", CONFIG)
    with pytest.raises(BnnlibError, match="delete one first"):
        create_run(tmp_path / "two", CONFIG)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BnnlibError, match="cannot be written"):
        create_run(tmp_path / "file" / "run", CONFIG)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    where = tmp_path / "f.txt"
    write_text(where, "old")

    def half(path):
        path.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(where, half)
    assert where.read_text() == "old"
    assert list(tmp_path.iterdir()) == [where]


def test_a_state_comes_back_as_it_was_without_a_pickle(tmp_path):
    state = {
        "weights": {"a": torch.randn(3, 2), "b": [torch.tensor(1, dtype=torch.uint8), None]},
        "optimiser": {0: {"step": torch.tensor(3.0)}, 1: 0.1},
        "figures": {"error": 0.1 + 0.2, "name": "ü", "ok": True, "n": 2**40},
    }
    write_state(tmp_path / "s", state)
    back = read_state(tmp_path / "s")
    assert torch.equal(back["weights"]["a"], state["weights"]["a"])
    assert back["weights"]["b"][0].dtype == torch.uint8
    assert torch.equal(back["optimiser"][0]["step"], torch.tensor(3.0))
    assert back["optimiser"][1] == 0.1
    assert back["figures"] == state["figures"]
    assert read_state(tmp_path / "s", "figures") == {"figures": state["figures"]}
    with pytest.raises(TypeError, match="holds dicts"):
        write_state(tmp_path / "s", {"code": print})
    assert read_state(tmp_path / "s", "figures") == {"figures": state["figures"]}
    content = (tmp_path / "s").read_bytes()
    for damaged in (b"", content[:-3], content[:40], b"\x80\x04cos\nsystem\n"):
        (tmp_path / "s").write_bytes(damaged)
        with pytest.raises(BnnlibError, match="cannot be read"):
            read_state(tmp_path / "s")


def test_a_lock_has_one_holder(tmp_path):
    with locked(tmp_path / "l") as first:
        assert first
        with locked(tmp_path / "l") as second:
            assert not second
    with locked(tmp_path / "l") as third:
        assert third


def test_signs_of_life(tmp_path):
    run = create_run(tmp_path / "one", CONFIG)
    mine = this_process()
    assert is_alive(mine)
    mine.state = "running"
    write_beat(run.folder, mine)
    assert run.status.state == "running"
    if process_start(os.getpid()) is not None:
        mine.started = "another boot 17"  # the number has passed to another process
        write_beat(run.folder, mine)
        assert run.status.state == "interrupted"
    elsewhere = Beat(
        state="running", pid=1, started="x", host="elsewhere", at=time.time(), queued_at=1.0
    )
    assert is_alive(elsewhere)
    elsewhere.at -= 60
    assert not is_alive(elsewhere)
    for text in ("", "[]", '{"state": "dancing"}', '{"pid": "x"}', '{"unknown": 1}'):
        (run.folder / NAME).write_text(text)
        assert run.status.state == "new"


def test_the_command_line_of_a_run_names_what_differs_from_its_preset():
    network, training = preset("bayesian", "quick")
    assert (
        command(RunConfig(network, training, "quick"))
        == "python -m bnnlib train bayesian --preset quick"
    )
    network = dataclasses.replace(network, hidden=(64, 64, 64))
    training = dataclasses.replace(training, classes=(7,), epochs=3, lr=0.01)
    assert command(RunConfig(network, training, "quick")) == (
        "python -m bnnlib train bayesian --preset quick "
        "--hidden-width 64 --epochs 3 --lr 0.01 --classes 7"
    )


def test_every_preset_is_within_the_limits_and_every_setting_can_be_compared():
    for kind in ("dropout", "bayesian"):
        for name in ("default", "article", "quick"):
            config = RunConfig(*preset(kind, name), name)
            assert RunConfig.from_json(json.loads(json.dumps(config.to_json())), "here") == config
            assert (
                SETTINGS.keys()
                - {"hidden_width", *(n for n in NETWORK if n not in vars(config.network))}
                <= settings(config).keys()
            )
    assert isinstance(preset("dropout", "quick")[0], DropoutConfig)
