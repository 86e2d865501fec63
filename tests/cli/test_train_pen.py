"""Learning from pen digits and from what is no digit: card, start, and what is missing."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from bnnlib import load_checkpoint, save_checkpoint
from bnnlib.cli import train
from bnnlib.cli.parser import main
from bnnlib.datasets import not_digits
from bnnlib.datasets.mnist import Digits
from bnnlib.networks import DropoutConfig, DropoutNetwork
from bnnlib.storage import checkpoints
from bnnlib.training import presets

STROKE = ".PEN_DOWN\n 10 20\n 30 50\n 20 90\n.PEN_UP\n"
NARROW = DropoutConfig(hidden=(16, 16))


@pytest.fixture
def data(tmp_path: Path, few: Digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few pen digits, letters and doodles, and a narrow `pen` preset that starts from `begun`."""
    monkeypatch.setattr(train, "load_mnist", lambda: few)
    for module in (checkpoints, train):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "checkpoints")
    monkeypatch.setattr(not_digits, "OF_EACH", 8)
    brief = dataclasses.replace(
        presets.PRESETS["dropout", "pen"][1], epochs=1, lr=1e-6, start="begun", device="cpu"
    )
    monkeypatch.setitem(presets.PRESETS, ("dropout", "pen"), (NARROW, brief))
    network = DropoutNetwork(NARROW, torch.Generator().manual_seed(3))
    save_checkpoint(tmp_path / "checkpoints" / "begun", network, {"source": "embedded"})
    folder = tmp_path / "data"
    folder.mkdir()
    digits = [(d, w) for w in (1, 2, 19) for d in range(10)]
    lines = [f'.SEGMENT DIGIT 0 ? "{d}"\n.COMMENT {d} {w} 9\n{STROKE}' for d, w in digits]
    (folder / "digits.txt").write_text("".join(lines))
    (folder / "UJIpenchars-w04.txt").write_text(f'.SEGMENT CHARACTER 0 ? "a"\n{STROKE}')
    word = next(w for w in ("house", "square", "dog") if not_digits.is_for_training(w))
    drawing = {"word": word, "drawing": [[[0, 9, 9], [0, 0, 9]]]}
    (folder / "things.ndjson").write_text(json.dumps(drawing))
    return folder


def command(data: Path, *more: str) -> list[str]:
    files = ["--pen", str(data / "digits.txt"), "--not-digits", str(data)]
    return ["train", "dropout", "--preset", "pen", *files, *more]


def test_the_card_names_what_was_learnt_and_no_folder(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command(data)
    monkeypatch.setattr("sys.argv", ["bnnlib", *words])
    assert main(words) == 0
    network = load_checkpoint("my-dropout")
    card = network.card
    assert card["command"].endswith("--preset pen --pen digits.txt --not-digits data")
    assert str(data.parent) not in json.dumps(card)
    assert (card["training"]["start"], card["training"]["pen"]) == ("begun", "digits.txt")
    assert card["pen"]["writers"] == list(range(1, 19))
    assert (card["pen"]["digits"], card["pen"]["images"]) == (20, 20 * 12)
    assert card["not_digits"]["images"] == 4 * 8
    assert card["split"] == {"train": 300 + 20 * 12, "validation": 100 + 10, "test": 100}
    assert card["not_digits"]["letters of writers"] == [4]
    assert not_digits.learnt_of(card).writers == {4}
    assert len(card["not_digits"]["doodles of"]) == 1
    assert card["history"][0]["outlier_loss"] is not None
    assert "(no digits " in capsys.readouterr().out
    begun = load_checkpoint("begun").state_dict()
    for name, value in network.state_dict().items():  # a tiny rate: it stays near its start
        if not name.startswith("layers.2"):  # which is divided by the temperature
            assert torch.allclose(value, begun[name], atol=1e-3)


def test_a_run_folder_does_the_same(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = command(data, "--run", str(run), "--out", str(tmp_path / "kept"), "--images", "60")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnnlib.runs.worker.load_mnist", train.load_mnist)
        assert main(words) == 0
    card = load_checkpoint(tmp_path / "kept").card
    assert str(data.parent) not in json.dumps(card)
    assert card["pen"]["images"] == 20 * 12
    assert card["not_digits"]["letters of writers"] == [4]


def test_the_preset_doubt_needs_no_file(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = dataclasses.replace(
        presets.PRESETS["dropout", "doubt"][1], epochs=1, start="begun", device="cpu"
    )
    monkeypatch.setitem(presets.PRESETS, ("dropout", "doubt"), (NARROW, brief))
    assert main(["train", "dropout", "--preset", "doubt"]) == 0
    card = load_checkpoint("my-dropout").card
    assert card["training"]["not_digits"] == "mnist"
    assert "MNIST's training images" in card["not_digits"]["source"]
    assert 2 * 8 < card["not_digits"]["images"] <= 3 * 8
    assert not_digits.learnt_of(card) == not_digits.Learnt()
    assert "pen" not in card
    assert card["split"]["train"] == 300
    assert "(no digits " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "pen"], "give --pen FILE and --not-digits FOLDER"),
        (["--not-digits", "DATA"], "give --pen with --not-digits"),
        (["--pen", "DATA/nothing.txt"], "nothing.txt cannot be read"),
        (["--pen", "DATA/UJIpenchars-w04.txt"], "each with its writer"),
        (["--start", "nobody"], "There is no checkpoint 'nobody'"),
        (["--start", "begun"], "is of another kind or size"),
    ],
)
def test_what_is_missing_is_one_sentence(
    data: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str], one_sentence
) -> None:
    words = [word.replace("DATA", str(data)) for word in words]
    assert main(["train", "dropout", "--epochs", "1", "--hidden-width", "8", *words]) == 2
    message = capsys.readouterr().err.strip()
    assert said in message
    assert one_sentence(message)
