"""Shards add up to one evaluation of all images, and only a part of them is in memory."""

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation import shards
from bnnlib.evaluation.evaluate import evaluate
from bnnlib.evaluation.shards import Sums, bounds, join, load_sums, save_sums, sum_up
from bnnlib.networks import Network
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.checkpoints import save_checkpoint

ASKED = {"samples": 4, "seed": 3}


def test_the_shards_are_all_images_in_their_order() -> None:
    ends = [bounds(k, 7, 100) for k in range(1, 8)]
    assert ends[0][0] == 0
    assert ends[-1][1] == 100
    assert all(end == first for (_, end), (first, _) in pairwise(ends))
    assert {end - first for first, end in ends} == {14, 15}


def test_joined_shards_are_one_evaluation_of_all_images(
    network: Network, few: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is `evaluate`, which asks about all images at once."""
    monkeypatch.setattr(shards, "AT_ONCE", 16)
    most: list[int] = []

    def watched(network, images, *rest, **more):
        most.append(len(images))
        return sample_probs(network, images, *rest, **more)

    monkeypatch.setattr(shards, "sample_probs", watched)
    images, labels = few.test.images.numpy(), few.test.labels.numpy()
    parts = [sum_up(network, images, labels, ASKED, k, 3) for k in (2, 3, 1)]
    found = join(parts).figures()
    network.card = {"source": "embedded"}
    expected = evaluate(network, few, "test", **ASKED)
    for name in ("error", "nll", "ece", "brier"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6), name
    assert found["images"] == 100
    assert max(most) == 16
    whole = sum_up(network, images, None, ASKED).figures()
    assert "error" not in whole
    assert whole["mutual_information"] == pytest.approx(found["mutual_information"], abs=1e-6)


@pytest.fixture
def part(network: Network, few: Digits) -> Sums:
    images, labels = few.test.images.numpy(), few.test.labels.numpy()
    return sum_up(network, images, labels, ASKED, 1, 3)


def test_a_shard_survives_its_file(part: Sums, tmp_path: Path) -> None:
    save_sums(tmp_path / "a.json", part)
    assert load_sums(tmp_path / "a.json") == part


def test_shards_that_do_not_belong_together_get_one_sentence(part: Sums, one_sentence) -> None:
    second, third = (dataclasses.replace(part, shards=(k,)) for k in (2, 3))
    other = dataclasses.replace(third, asked={**ASKED, "seed": 4})
    for wrong, words in (
        ([part, second], "3/3 is missing"),
        ([part, second, third, third], "3/3 is there twice"),
        ([part, second, other], "different evaluations"),
    ):
        with pytest.raises(BnnlibError, match=words) as error:
            join(wrong)
        assert one_sentence(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", "3", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "bins": 3}']
)
def test_what_is_no_shard_gets_one_sentence(text: str, tmp_path: Path, one_sentence) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BnnlibError, match="no shard") as error:
        load_sums(tmp_path / "a.json")
    assert one_sentence(error.value)


@pytest.fixture
def stored(network: Network, tmp_path: Path, few: Digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a checkpoint `mine` and two files of images and labels."""
    monkeypatch.chdir(tmp_path)
    save_checkpoint(tmp_path / "mine", network, {"source": "embedded"})
    np.save("images.npy", few.test.images.numpy())
    np.save("labels.npy", few.test.labels.numpy())
    return tmp_path


FILES = ["--images", "images.npy", "--labels", "labels.npy", "--samples", "4"]


def test_the_command_line_evaluates_shards_and_joins_them(
    stored: Path, few: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in (1, 2):
        words = ["--shard", f"{k}/2", "--answers", f"{k}.npy"]
        assert main(["evaluate", str(stored / "mine"), *FILES, *words]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--merge", "mine-1-of-2.json", "mine-2-of-2.json", "--json"]) == 0
    joined = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(stored / "mine"), *FILES, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert joined.keys() == whole.keys()
    for name in ("error", "nll", "ece", "brier", "predictive_entropy"):
        assert joined[name] == pytest.approx(whole[name], abs=1e-6)
    answers = torch.from_numpy(np.concatenate([np.load("1.npy"), np.load("2.npy")]))
    assert answers.shape == (100, 11)
    right = answers[:, :10].argmax(1) == few.test.labels
    assert 1 - right.double().mean() == pytest.approx(joined["error"])
    assert answers[:, 10].mean() == pytest.approx(joined["mutual_information"], abs=1e-5)
    assert main(["evaluate", "--merge", "mine-1-of-2.json", "mine-2-of-2.json"]) == 0
    assert "100 images of images.npy" in capsys.readouterr().out


@pytest.mark.parametrize("network", ["dropout"], indirect=True)
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "nothing to evaluate"),
        (["mine", "--shard", "a"], "--shard is 'a'"),
        (["mine", *FILES, "--shard", "3/2"], "There is no shard 3 of 2"),
        (["mine", *FILES, "--shard", "1/101"], "100 images for 101 shards"),
        (["mine", "mine", "--shard", "1/2"], "one network"),
        (["mine", "--shard", "1/2", "--shift", "blur"], "--shift takes all images"),
        (["mine", "--images", "none.npy"], "none.npy cannot be read"),
        (["mine", "--images", "labels.npy"], "expected images"),
        (["mine", "--images", "images.npy", "--labels", "images.npy"], "whole numbers"),
        (["mine", "--images", "text.npy"], "no .npy file"),
        (["mine", "--labels", "labels.npy"], "give --images"),
        (["mine", "--answers", "a.npy"], "--answers is of a shard"),
        (["mine", "--merge", "a.json"], "leave out the network's name"),
        (["--merge", "none.json"], "none.json cannot be read"),
    ],
)
def test_a_wrong_shard_gets_one_sentence(
    words: list[str], sentence: str, stored: Path, capsys, one_sentence
) -> None:
    (stored / "text.npy").write_text("no numbers")
    assert main(["evaluate", *[w.replace("mine", str(stored / "mine")) for w in words]]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert sentence in error
    assert one_sentence(error)
