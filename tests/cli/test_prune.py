"""`prune`: the table, what is kept, and its faults as one sentence."""

import json
from pathlib import Path

import pytest
import torch

from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.evaluation.pruning import SHARES, load_curve
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint


@pytest.fixture
def folder(tmp_path: Path, few: Digits, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small Bayesian checkpoint, and few digits to measure it on."""
    monkeypatch.setattr("bnnlib.cli.prune.load_mnist", lambda: few)
    network = BayesianNetwork(BayesianConfig(hidden=(8,), initial_factors=(0.5,)))
    return str(save_checkpoint(tmp_path / "mine", network, {"source": "embedded"}))


def test_prints_every_share_and_keeps_the_curve(folder: str, capsys) -> None:
    assert main(["prune", folder, "--samples", "2", "--save"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [f"{100 * share:g}" for share in SHARES]
    curve = load_curve(Path(folder))
    assert curve is not None
    assert curve.samples == 2
    assert main(["prune", folder, "--samples", "2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [one["error"] for one in printed["costs"]] == [one.error for one in curve.costs]


def test_keeps_the_network_without_a_share(folder: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "lean"
    assert main(["prune", folder, "--without", "90", "--out", str(out)]) == 0
    kept = load_checkpoint(out)
    assert isinstance(kept, BayesianNetwork)
    parts = [layer.loc for layer in kept.layers]
    zero = sum(int((part == 0).sum()) for part in parts)
    assert zero == round(0.9 * sum(part.numel() for part in parts))
    assert kept.card["command"].endswith("--without 90")
    assert "figures" in kept.card
    assert main(["prune", folder, "--without", "90", "--out", str(out)]) == 2
    assert "--replace" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--without", "100"], "expected a number from 0 to 1"),
        (["--without", "-1"], "expected a number from 0 to 1"),
        (["--samples", "0"], "--samples"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: str, tmp_path: Path, more: list[str], said: str, capsys
) -> None:
    assert main(["prune", folder, *more, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_network_without_standard_deviations_is_refused(tmp_path: Path, capsys) -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(8,)), torch.Generator().manual_seed(0))
    folder = save_checkpoint(tmp_path / "mine", network, {})
    assert main(["prune", str(folder)]) == 2
    assert "Give the checkpoint of a Bayesian network" in capsys.readouterr().err
