"""Disks that are full and folders that cannot be written: real ones, where the system allows it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.storage.checkpoints import save_checkpoint

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("[0-9]_*.py"))


def mount(*arguments: str) -> None:
    """Mount something; where this is not allowed, the test is skipped."""
    if shutil.which("mount") is None:
        pytest.skip("there is no mount")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let tests mount anything ({done.stderr.strip()})")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], Path]]:
    """Makes a folder one that nobody can write, root neither."""
    mounted: list[Path] = []

    def protect(folder: Path) -> Path:
        mount("--bind", str(folder), str(folder))
        mounted.append(folder)
        mount("-o", "remount,ro,bind", str(folder))
        return folder

    yield protect
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def opened(app: AppTest, path: str) -> AppTest:
    """A page of the dashboard; no error has left it."""
    app.run()
    app.switch_page(path).run()
    assert not app.exception
    return app


def fill(disk: Path) -> Path:
    """A file that leaves no room on the disk; without it there is room again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small networks, the ones in use, where the pages look for checkpoints."""
    folder = tmp_path / "checkpoints"
    for name, network in {
        "dropout": DropoutNetwork(DropoutConfig(hidden=(16, 16))),
        "bayesian": BayesianNetwork(BayesianConfig(hidden=(16, 16), initial_factors=(0.5, 0.5))),
    }.items():
        save_checkpoint(folder / name, network, {"source": "embedded"})
    monkeypatch.setattr("bnnlib.storage.checkpoints.FOLDER", folder)
    monkeypatch.setattr("bnnlib.storage.checkpoints.list_checkpoints.__defaults__", (folder,))
    return folder


@pytest.fixture
def app(checkpoints: Path, without_mnist: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard with these networks, on a machine without the full MNIST."""
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.session_state["networks"] = ("dropout", "bayesian")
    return app
