"""Sweeps without a cluster: the grid, its errors, what is skipped, one trial, the table."""

import contextlib
import dataclasses
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from bnnlib.cli import sweep as command
from bnnlib.cli.parser import main, parser
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.runs import cluster, worker
from bnnlib.runs.archive import import_run
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import list_runs
from bnnlib.runs.limits import MAX_TRIALS
from bnnlib.runs.run import Run
from bnnlib.runs.sweep import finished, make_trials, read_sweep
from bnnlib.runs.trial import Outcome, lacking, source_here, train_trial
from bnnlib.runs.turn import StoppedError
from bnnlib.storage.checkpoints import load_checkpoint

TINY = {"preset": "quick", "epochs": 1, "hidden_width": 8, "images": 100, "device": "cpu"}
GRID = {"kind": "bayesian", "seed": [0, 1], "temperature": [0.5, 1], **TINY}
SPEC = """
name = "small"
[[grid]]
kind = "dropout"
preset = "quick"
seed = [0, 1]
epochs = 1
hidden_width = 8
images = 100
device = "cpu"
"""


def test_a_grid_is_every_combination_and_its_names_say_what_differs() -> None:
    trials = make_trials("heat", [GRID, {"kind": "dropout", **TINY, "preset": ["quick"]}])
    assert [trial.name for trial in trials] == [
        "heat-bayesian-seed0-temperature0.5",
        "heat-bayesian-seed0-temperature1",
        "heat-bayesian-seed1-temperature0.5",
        "heat-bayesian-seed1-temperature1",
        "heat-dropout",
    ]
    found = [(t.config.training.seed, t.config.training.temperature) for t in trials[:4]]
    assert found == [(0, 0.5), (0, 1.0), (1, 0.5), (1, 1.0)]
    assert all(trial.config.network.hidden == (8, 8, 8) for trial in trials)
    assert all(trial.config.preset == "quick" for trial in trials)


def test_a_training_that_two_grids_name_is_trained_once() -> None:
    assert len(make_trials("twice", [GRID, {**GRID, "seed": [1, 2]}])) == 6


def test_any_setting_may_be_swept() -> None:
    trial, *_ = make_trials(
        "all",
        [
            {
                "kind": "bayesian",
                "preset": "quick",
                "momentum": 0.5,
                "classes": "7,1",
                "prior_scale": 1,
                "initial_factors": 0.5,
                "compile": False,
            }
        ],
    )
    training, network = trial.config.training, trial.config.network
    assert (training.momentum, training.classes, training.compile) == (0.5, (1, 7), False)
    assert (network.prior_scale, network.initial_factors) == (1.0, (0.5, 0.5, 0.5))
    assert RunConfig.from_json(trial.config.to_json(), "it") == trial.config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[grid]]\nkind='dropout'\ntemprature=1", "'temprature': did you mean temperature"),
        ("[[grid]]\nkind='dropout'\nqqq=1", "'qqq': python -m bnnlib settings"),
        ("[[grid]]\nkind='dropout'\nseed=[]", "is empty (seed has no value)"),
        ("name='a'", "is empty (it has no [[grid]])"),
        ("[[grid]]", "names no kind"),
        ("grid = 3", "is no table"),
        ("seeds = 3\n[[grid]]\nkind='dropout'", "'seeds' outside a grid"),
        ("[[grid]]\nseed=1", "names no kind"),
        ("[[grid]]\nkind='cnn'", "no preset 'default' for a network of kind 'cnn'"),
        ("[[grid]]\nkind='dropout'\npreset='fast'", "no preset 'fast'"),
        ("[[grid]]\nkind='dropout'\ntemperature=1", "temperature is for the bayesian network"),
        ("[[grid]]\nkind='dropout'\nlr=-1", "lr is -1"),
        ("[[grid]]\nkind='dropout'\nstart=3", "start is 3: expected a text"),
        ("[[grid]]\nkind='dropout'\nlr=[[1]]", "lr has the value [1]"),
        ("[[grid]]\nkind='dropout'\nlr=1979-05-27", "expected a number or a text"),
        ("[[grid]]\nkind='dropout'\nclasses='a'", "classes is 'a'"),
        ("name='../x'\n[[grid]]\nkind='dropout'", "'../x' cannot be used"),
        ("[[grid]\n", "is no TOML"),
    ],
)
def test_a_bad_file_gets_one_sentence(text: str, words: str, tmp_path: Path, one_sentence) -> None:
    where = tmp_path / "s.toml"
    where.write_text(text)
    with pytest.raises(BnnlibError) as error:
        read_sweep(where)
    assert words in str(error.value)
    assert one_sentence(error.value)


def test_a_missing_file_and_a_huge_grid_get_one_sentence(tmp_path: Path, one_sentence) -> None:
    with pytest.raises(BnnlibError, match="cannot be read") as missing:
        read_sweep(tmp_path / "none.toml")
    many = list(range(10**4))
    with pytest.raises(BnnlibError, match=f"{10**12:,} trainings") as huge:
        make_trials("huge", [{"kind": "dropout", "seed": many, "lr": many, "epochs": many}])
    assert MAX_TRIALS < 10**12
    assert one_sentence(missing.value)
    assert one_sentence(huge.value)


def test_a_finished_run_with_the_same_settings_is_skipped_whatever_its_name(
    trained: Callable[[RunConfig], Run], own_runs: Path
) -> None:
    first, second = make_trials("x", [{"kind": "dropout", "seed": [0, 1], **TINY}])
    run = trained(first.config)  # with pinned images, and called "done"
    assert finished(own_runs, [first, second]) == {first: run}


def test_a_trial_comes_back_as_bytes_and_leaves_nothing_behind(
    few: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    trial, *_ = make_trials("x", [{"kind": "dropout", **TINY}])
    outcome = train_trial(trial.config.to_json(), source_here(), 1)
    assert outcome.message == ""
    assert list(tmp_path.iterdir()) == []
    run = import_run(io.BytesIO(outcome.archive), tmp_path / "runs" / "x")
    assert run.status.state == "finished"
    assert dataclasses.replace(run.config, created="") == trial.config
    assert run.state()["figures"]["validation"]["images"] == len(few.validation)


def test_a_trial_that_fails_says_why(one_sentence) -> None:
    trial, *_ = make_trials("x", [{"kind": "dropout", **TINY, "start": "nobody"}])
    outcome = train_trial(trial.config.to_json(), source_here(), 1)
    assert outcome.archive == b""
    assert "There is no checkpoint 'nobody'" in outcome.message
    assert one_sentence(outcome.message)


def test_a_trial_that_was_stopped_is_no_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine is being shut down: another one shall train it."""
    monkeypatch.setattr(worker, "work", lambda _: 130)
    trial, *_ = make_trials("x", [{"kind": "dropout", **TINY}])
    with pytest.raises(StoppedError):
        train_trial(trial.config.to_json(), source_here(), 1)


def test_a_machine_says_what_it_lacks() -> None:
    config = make_trials("x", [{"kind": "dropout", **TINY}])[0].config.training
    other = {"mnist": "embedded", "embedded": "mnist"}[source_here()]
    assert lacking([config], source_here()) == ""
    assert "BNNLIB_DATA" in lacking([config], other)
    with_pen = dataclasses.replace(config, pen="/nowhere/pen.tra")
    assert "no /nowhere/pen.tra" in lacking([with_pen], source_here())


@pytest.fixture
def local(few: Digits, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line with trainings in this process, in place of Ray; the second one fails."""
    node = {"Alive": True, "Resources": {"CPU": 2.0}}
    ray = SimpleNamespace(nodes=lambda: [node])
    names: list[str] = []

    def train_all(ray, trials, share):
        for trial in trials:
            names.append(trial.name)
            broken = len(names) == 2
            yield (
                trial,
                Outcome(message="Its process died.")
                if broken
                else train_trial(trial.config.to_json(), source_here(), share.cores),
            )

    monkeypatch.setattr(worker, "load_mnist", lambda: few)
    monkeypatch.setattr(command, "connected", lambda *_, **__: contextlib.nullcontext(ray))
    monkeypatch.setattr(command, "train_all", train_all)
    return names


def test_one_failed_trial_does_not_end_the_rest_and_is_tried_again(
    local: list[str], own_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "s.toml"
    spec.write_text(SPEC.replace("[0, 1]", "[0, 1, 2]"))
    assert main(["sweep", str(spec), "--dry-run"]) == 0
    assert capsys.readouterr().out.count("to train: kind dropout") == 3
    assert not local
    assert main(["sweep", str(spec)]) == 1
    out = capsys.readouterr().out
    assert "small-seed1" in out
    assert "failed    Its process died." in out
    assert "2 trained, 1 failed" in out
    assert {run.name for run in list_runs(own_runs)} == {"small-seed0", "small-seed2"}
    assert main(["sweep", str(spec)]) == 0
    assert local == ["small-seed0", "small-seed1", "small-seed2", "small-seed1"]
    assert main(["sweep", str(spec)]) == 0  # all there: nothing is started
    assert len(local) == 4


def test_members_are_trained_and_become_an_ensemble(
    local: list[str], few: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnnlib.cli.ensemble.load_mnist", lambda: few)
    settings = [f"{name}={value}" for name, value in TINY.items() if name != "preset"]
    words = ["ensemble", "--train", "2", "--preset", "quick", "--seed", "3"]
    words += ["--set", *settings, "--out", str(tmp_path / "together")]
    assert main(words) == 1  # the second one failed, nothing is lost
    assert main(words) == 0
    assert local == ["member-seed3", "member-seed4", "member-seed4"]
    network = load_checkpoint(tmp_path / "together")
    assert len(network.members) == 2
    assert [member["seed"] for member in network.card["members"]] == [3, 4]
    assert "--train 2 --preset quick --seed 3 --set epochs=1" in network.card["command"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a", "--train", "2"], "Give either"),
        ([], "Give either"),
        (["--train", "1"], "--train is 1"),
        (["--train", "2", "--set", "epochs"], "has no value"),
        (["--train", "2", "--set", "seed=3"], "takes no seed"),
        (["--train", "2", "--set", "lr=[1, 2]"], "several values"),
        (["--train", "2", "--cores", "0"], "--cores is 0"),
    ],
)
def test_a_wrong_ensemble_gets_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys, one_sentence
) -> None:
    assert main(["ensemble", *words, "--out", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert one_sentence(error.splitlines()[-1])


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(words) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_what_stands_in_the_way_of_ray_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, one_sentence
) -> None:
    spec = tmp_path / "s.toml"
    spec.write_text(SPEC.replace("[0, 1]", str(list(range(101)))))
    monkeypatch.setitem(sys.modules, "ray", None)
    sentences = {
        "101 trainings for this one machine": ["sweep", str(spec)],
        "Ray, which is not installed": ["sweep", str(spec), "--yes"],
    }
    for words, line in sentences.items():
        found = told(line, capsys)
        assert words in found
        assert one_sentence(found)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    for address in ("127.0.0.1:1", "nowhere", "127.0.0.1:99999999"):
        found = told(["sweep", str(spec), "--address", address], capsys)
        assert f"No cluster answers at '{address}'" in found
        assert one_sentence(found)


def test_a_training_that_fits_no_machine_is_refused(one_sentence) -> None:
    small, large = {"CPU": 2.0}, {"CPU": 8.0, "GPU": 2.0}
    nodes = [{"Alive": True, "Resources": each} for each in (small, large, {})]
    ray = SimpleNamespace(nodes=lambda: [*nodes, {"Alive": False, "Resources": {"CPU": 64.0}}])
    assert cluster.fair_share(ray, 1, None) == cluster.Share(1, 1.0)
    assert cluster.places(ray, cluster.Share(1, 0.25)) == 8
    assert cluster.places(ray, cluster.Share(4, 0)) == 2
    with pytest.raises(BnnlibError, match="the largest has 8 cores") as error:
        cluster.fair_share(ray, 16, 0)
    assert one_sentence(error.value)


def test_the_documented_sweep_and_commands_can_be_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    where = tmp_path / "priors.toml"
    where.write_text(block)
    assert f"These are {len(read_sweep(where))} trainings." in text
    commands = re.findall(r"^python -m bnnlib (.*?)(?: +#.*)?$", text, re.MULTILINE)
    commands += re.findall(r"`python -m bnnlib (ensemble .*?=\d+)`", text)
    assert len(commands) == 6
    for command_line in commands:
        parser().parse_args(command_line.split())  # exits where it is unknown
