"""A data set read in another process is the same, and so are the errors."""

import shutil
import subprocess
import sys

import pytest
import torch

from bnnlib import BnnlibError, load_mnist
from bnnlib.datasets.isolated import load_mnist_apart, load_ood_apart
from bnnlib.datasets.mnist import PARTS, find_mnist
from bnnlib.datasets.ood import load_ood


@pytest.mark.mnist
def test_mnist_is_the_same_and_torchvision_stays_away(tmp_path, monkeypatch) -> None:
    here = load_mnist()
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path))  # where nothing is kept yet
    apart = load_mnist_apart()
    assert apart.source == "mnist"
    for part in PARTS:
        assert torch.equal(here.split(part).images, apart.split(part).images)
        assert torch.equal(here.split(part).labels, apart.split(part).labels)
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "another"))
    code = (
        "import sys, bnnlib.datasets.isolated; bnnlib.datasets.isolated.load_mnist_apart(); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_set_without_digits_is_the_same() -> None:
    assert torch.equal(load_ood_apart("noise"), load_ood("noise", load_mnist().validation).images)


def test_a_complaint_comes_back_as_it_was() -> None:
    with pytest.raises(BnnlibError) as here:
        load_ood("nowhere", load_mnist().validation)
    with pytest.raises(BnnlibError) as apart:
        load_ood_apart("nowhere")
    assert str(apart.value) == str(here.value)


@pytest.mark.mnist
def test_damaged_files_are_refused(tmp_path, monkeypatch) -> None:
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(find_mnist() / "MNIST" / "raw", raw)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(b"no labels")
    monkeypatch.setenv("BNNLIB_DATA", str(tmp_path))
    with pytest.raises(BnnlibError, match=r"cannot be read .*: delete them and download again"):
        load_mnist_apart()
