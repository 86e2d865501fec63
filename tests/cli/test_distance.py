"""`python -m bnnlib distance`: near what the network learnt, pen digits among it."""

from pathlib import Path

import pytest
import torch

from bnnlib import load_checkpoint, save_checkpoint
from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.datasets.pen import with_pen_digits
from bnnlib.evaluation.distance import fit_distance
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.networks import DropoutConfig, DropoutNetwork
from bnnlib.storage import checkpoints
from bnnlib.storage.evaluations import load_results, save_results

STROKE = ".PEN_DOWN\n 10 20\n 30 50\n 20 90\n.PEN_UP\n"


@pytest.fixture
def evaluated(few: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An untrained network that says it learnt letters of writer 4, with its evaluation."""
    monkeypatch.setattr("bnnlib.cli.distance.load_mnist", lambda: few)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    network = DropoutNetwork(DropoutConfig((32, 16)), torch.Generator().manual_seed(0))
    card = {"source": "embedded", "not_digits": {"letters of writers": [4]}}
    folder = save_checkpoint(tmp_path / "checkpoints" / "mine", network, card)
    save_results(folder, examine(load_checkpoint(folder), few, Plan(samples=2, refusal=True)))
    return folder


def test_pen_digits_are_near_when_their_file_is_given(
    evaluated: Path, few: Digits, tmp_path: Path
) -> None:
    file = tmp_path / "digits.txt"
    digits = [(d, w) for w in (1, 18, 19, 30) for d in range(10)]
    lines = [f'.SEGMENT DIGIT 0 ? "{d}"\n.COMMENT {d} {w} 9\n{STROKE}' for d, w in digits]
    file.write_text("".join(lines))
    assert main(["distance", "mine", "--pen", str(file)]) == 0
    results = load_results(evaluated)
    assert results is not None
    assert results.distance is not None
    assert results.summary["distance"]["training_images"] == 300 + 20
    both = with_pen_digits(few, file)
    expected = fit_distance(load_checkpoint(evaluated), both.train, both.validation)
    assert len(results.distance.usual) == 100 + 10
    for name, values in expected.arrays().items():
        assert torch.equal(results.distance.arrays()[name], values), name


def test_strangers_that_the_network_learnt_are_strangers_all_the_same(
    evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = tmp_path / "UJIpenchars-w04.txt"
    letters.write_text("".join(f'.SEGMENT CHARACTER 0 ? "{c}"\n{STROKE}' for c in "acd"))
    assert main(["distance", "mine", "--strangers", str(letters)]) == 0
    results = load_results(evaluated)
    assert results is not None
    assert results.summary["distance"]["strangers"] == 3
    assert results.summary["distance"]["training_images"] == 300
    assert "of the strangers" in capsys.readouterr().out
