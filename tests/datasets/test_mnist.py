"""The digits, their split, and that nothing shown as held out was ever trained on."""

import hashlib
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from bnnlib import BnnlibError
from bnnlib.datasets import mnist as data
from bnnlib.datasets.mnist import Digits, Split, fingerprints, held_out, load_mnist, to_float
from bnnlib.evaluation.evaluate import evaluate
from bnnlib.networks import DropoutConfig, DropoutNetwork

SPLITS = ("train", "validation", "test")


def marks(split: Split) -> set[str]:
    return set(fingerprints(split.images))


def raw(name: str, header: int, shape: tuple[int, ...]) -> torch.Tensor:
    """An IDX file read without torchvision."""
    folder = data.find_mnist()
    return torch.from_numpy(
        np.fromfile(folder / "MNIST" / "raw" / name, np.uint8, offset=header).reshape(shape)
    )


@pytest.mark.mnist
def test_mnist_is_split_into_the_last_50000_the_first_10000_and_the_official_test_images(
    mnist: Digits,
) -> None:
    assert mnist.source == "mnist"
    images, labels = (
        raw("train-images-idx3-ubyte", 16, (60_000, 28, 28)),
        raw("train-labels-idx1-ubyte", 8, (60_000,)),
    )
    assert torch.equal(mnist.train.images, images[10_000:])
    assert torch.equal(mnist.train.labels, labels[10_000:])
    assert torch.equal(mnist.validation.images, images[:10_000])
    assert torch.equal(mnist.validation.labels, labels[:10_000])
    assert torch.equal(mnist.test.images, raw("t10k-images-idx3-ubyte", 16, (10_000, 28, 28)))
    assert torch.equal(mnist.test.labels, raw("t10k-labels-idx1-ubyte", 8, (10_000,)))
    assert mnist.train.images.dtype == torch.uint8
    assert mnist.train.labels.dtype == torch.int64


@pytest.mark.mnist
def test_no_image_is_in_two_splits(mnist: Digits) -> None:
    found = [marks(mnist.split(name)) for name in SPLITS]
    assert [len(split) for split in found] == [50_000, 10_000, 10_000]
    assert all(not a & b for a, b in itertools.combinations(found, 2))


@pytest.mark.mnist
def test_every_embedded_digit_is_a_validation_image_of_mnist_with_the_same_label(
    mnist: Digits, embedded: Digits
) -> None:
    labels = dict(
        zip(fingerprints(mnist.validation.images), mnist.validation.labels.tolist(), strict=True)
    )
    for name in SPLITS:
        part = embedded.split(name)
        assert [labels[mark] for mark in fingerprints(part.images)] == part.labels.tolist()


def test_the_embedded_digits_are_split_for_ever(embedded: Digits) -> None:
    assert [len(embedded.split(name)) for name in SPLITS] == [3_500, 500, 1_000]
    assert len(set().union(*(marks(embedded.split(name)) for name in SPLITS))) == 5_000
    # The split is known by its hash. With another split, a network trained on the old one would be
    # scored on digits that it was trained on.
    together = "".join(fingerprints(embedded.test.images)).encode()
    assert hashlib.sha256(together).hexdigest()[:16] == "dbedd46beb15762f"
    assert embedded.test.images.dtype == torch.uint8
    assert embedded.test.labels.bincount(minlength=10).min() > 80


@pytest.mark.mnist
@pytest.mark.parametrize("split", ["test", "validation"])
@pytest.mark.parametrize("scored_with", ["mnist", "embedded"])
@pytest.mark.parametrize("trained_on", ["mnist", "embedded"])
def test_no_held_out_image_was_trained_on(
    mnist: Digits, embedded: Digits, trained_on: str, scored_with: str, split: str
) -> None:
    sources = {"mnist": mnist, "embedded": embedded}
    part = held_out(sources[scored_with], split, trained_on)
    assert not marks(part) & marks(sources[trained_on].train)
    whole = len(sources[scored_with].split(split))
    seen = 3_500 if (trained_on, scored_with, split) == ("embedded", "mnist", "validation") else 0
    assert len(part) == whole - seen


@pytest.mark.mnist
@pytest.mark.parametrize(("trained_on", "images"), [("mnist", 10_000), ("embedded", 6_500)])
def test_an_evaluation_leaves_out_what_the_networks_card_says_it_was_trained_on(
    mnist: Digits, trained_on: str, images: int
) -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(8,)))
    network.card = {"source": trained_on}
    assert evaluate(network, mnist, "validation", samples=1)["images"] == images


def test_training_images_are_never_held_out(embedded: Digits, one_sentence) -> None:
    with pytest.raises(BnnlibError, match="not held out") as error:
        held_out(embedded, "train", "mnist")
    assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="no split 'exam'") as error:
        embedded.split("exam")
    assert one_sentence(error.value)


def test_bnnlib_data_comes_first_then_the_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = Path(data.__file__).parents[2] / "data"
    monkeypatch.delenv("BNNLIB_DATA", raising=False)
    assert data.data_folders() == [beside]
    monkeypatch.setenv("BNNLIB_DATA", str(tmp_path))
    assert data.data_folders() == [tmp_path, beside]


def test_the_first_folder_with_all_four_files_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("without", "half", "whole", "later")]
    monkeypatch.setattr(data, "data_folders", lambda: folders)
    for folder, files in zip(folders, ([], FILES[:2], FILES, FILES), strict=True):
        write_mnist(folder, files)
    assert data.find_mnist() == folders[2]


def test_without_mnist_the_embedded_digits_serve_and_nothing_is_downloaded(
    without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "bnnlib.datasets.download.download_mnist",
        lambda folder: pytest.fail("a download nobody asked for"),
    )
    digits = load_mnist()
    assert digits.source == "embedded"
    assert "3,500 to train on, 500 to validate, 1,000 held out" in digits.description


def test_a_download_that_fails_leaves_the_embedded_digits(
    without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("bnnlib.datasets.download.download_mnist", asked.append)
    assert load_mnist(download=True).source == "embedded"
    assert asked == [data.data_folders()[-1]]


FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def write_mnist(
    folder: Path, files: tuple[str, ...] = FILES, side: int = 28, train: int = 60_000
) -> Path:
    """MNIST's four files, all zeros, in no time: the zeros are a hole in the file."""
    (folder / "MNIST" / "raw").mkdir(parents=True)
    for name in files:
        n = train if name.startswith("train") else 10_000
        images = "images" in name
        header = (
            struct.pack(">IIII", 0x803, n, side, side) if images else struct.pack(">II", 0x801, n)
        )
        with (folder / "MNIST" / "raw" / name).open("wb") as file:
            file.write(header)
            file.truncate(len(header) + n * (side * side if images else 1))
    return folder


def test_files_of_the_right_shape_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BNNLIB_DATA", str(write_mnist(tmp_path)))
    digits = load_mnist()
    assert (digits.source, len(digits.train), len(digits.validation), len(digits.test)) == (
        "mnist",
        50_000,
        10_000,
        10_000,
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:1_000]),
        lambda file: file.write_bytes(b"<html>not found</html>" * 1_000),
        lambda file: file.write_bytes(struct.pack(">IIII", 0x803, 100, 28, 28) + bytes(100 * 784)),
        lambda file: file.write_bytes(
            struct.pack(">IIII", 0x803, 10_000, 27, 27) + bytes(10_000 * 27 * 27)
        ),
        lambda file: file.with_name("t10k-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, 10_000) + b"\x0b" * 10_000
        ),
    ],
    ids=["empty", "truncated", "foreign", "too few images", "27 x 27", "labels of 11"],
)
def test_damaged_mnist_files_give_one_sentence(
    damage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_sentence
) -> None:
    monkeypatch.setenv("BNNLIB_DATA", str(write_mnist(tmp_path)))
    damage(tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte")
    with pytest.raises(BnnlibError, match="download again") as error:
        load_mnist()
    assert one_sentence(error.value)
    assert str(tmp_path) in str(error.value)


def test_bytes_become_floats_from_0_to_1() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert torch.equal(to_float(images), torch.tensor([0.0, 0.2, 1.0]))
    assert images.dtype == torch.uint8
    floats = torch.rand(3)
    assert to_float(floats) is floats
