"""The download: it is stopped when no byte arrives, and never leaves half a data set."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnnlib.datasets import download
from bnnlib.datasets.download import download_mnist

FILL = (
    "import sys, pathlib; raw = pathlib.Path(sys.argv[1], 'MNIST', 'raw'); "
    "raw.mkdir(parents=True); (raw / 'images').write_text('whole')"
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """Sets what the download's process runs instead of torchvision."""
    monkeypatch.setattr(download, "POLL_SECONDS", 0.01)
    return lambda text: monkeypatch.setattr(download, "FETCH", [sys.executable, "-c", text])


def test_what_was_fetched_whole_is_moved_in_place(script, tmp_path: Path) -> None:
    script(FILL)
    half = tmp_path / "data" / "MNIST" / "raw" / "half"
    half.parent.mkdir(parents=True)
    half.write_text("of an earlier try")
    assert download_mnist(tmp_path / "data") == tmp_path / "data"
    assert [path.name for path in (tmp_path / "data").rglob("*")] == ["MNIST", "raw", "images"]


def test_a_folder_relative_to_the_working_folder_is_where_the_caller_means(
    script, tmp_path: Path, monkeypatch
) -> None:
    script(FILL)
    monkeypatch.chdir(tmp_path)
    assert download_mnist(Path("data")) == Path("data")
    assert (tmp_path / "data" / "MNIST" / "raw" / "images").read_text() == "whole"


@pytest.mark.parametrize(
    "end", ["raise SystemExit(1)", "import os; os.kill(os.getpid(), 9)"], ids=["fails", "is killed"]
)
def test_a_download_that_breaks_off_leaves_nothing(script, end: str, tmp_path: Path) -> None:
    script(f"{FILL}; {end}")
    assert download_mnist(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_stands_still_is_killed_and_leaves_nothing(script, tmp_path: Path) -> None:
    pid = f"{tmp_path}.pid"
    script(
        f"{FILL}; import os, time; pathlib.Path({pid!r}).write_text(str(os.getpid())); "
        "time.sleep(600)"
    )
    assert download_mnist(tmp_path, stall_seconds=2) is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path(pid).read_text()), 0)


def test_a_folder_that_cannot_be_made_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert download_mnist(tmp_path / "file" / "data") is None


class Clockwork:
    """A process and a clock in one.

    Each poll of the process takes `step` seconds and writes the next of `sizes` bytes.
    """

    def __init__(self, sizes: list[int], step: float) -> None:
        self.sizes: Iterator[int] = iter(sizes)
        self.step, self.now, self.killed = step, 0.0, False
        self.returncode: int | None = None

    def start(self, command: list[str], cwd: Path, **streams: int) -> "Clockwork":
        assert command[:3] == [sys.executable, "-m", "bnnlib.datasets.download"]
        # Without it `-m` would not find the module from another working folder.
        assert (cwd / "bnnlib" / "datasets" / "download.py").is_file()
        self.staging = Path(command[3])
        return self

    def poll(self) -> int | None:
        try:
            (self.staging / "part").write_bytes(bytes(next(self.sizes)))
        except StopIteration:
            (self.staging / "MNIST").mkdir()
            self.returncode = 0
        return self.returncode

    def sleep(self, seconds: float) -> None:
        self.now += self.step

    def kill(self) -> None:
        self.killed = True

    def wait(self) -> int | None:
        return self.returncode


@pytest.mark.parametrize(
    ("sizes", "given_up_after"),
    [([1, 2, 3, 4, 5, 6], None), ([1] * 20, 40), ([1, 2, 3] + [3] * 20, 60), ([0] * 20, 30)],
    ids=["slow but steady", "stands still", "stops on the way", "never starts"],
)
def test_it_is_given_up_after_20_seconds_without_a_new_byte(
    sizes, given_up_after, monkeypatch, tmp_path: Path
) -> None:
    # The third poll without a new byte is the first beyond 20 s.
    clockwork = Clockwork(sizes, step=10.0)
    monkeypatch.setattr(subprocess, "Popen", clockwork.start)
    monkeypatch.setattr(download.time, "sleep", clockwork.sleep)
    monkeypatch.setattr(download.time, "monotonic", lambda: clockwork.now)
    assert download_mnist(tmp_path) == (tmp_path if given_up_after is None else None)
    assert clockwork.killed
    assert [path.name for path in tmp_path.iterdir()] == (
        ["MNIST"] if given_up_after is None else []
    )
    if given_up_after is not None:
        assert clockwork.now == given_up_after


def test_ctrl_c_stops_the_process_and_leaves_nothing(monkeypatch, tmp_path: Path) -> None:
    clockwork = Clockwork([1] * 20, step=0)
    monkeypatch.setattr(subprocess, "Popen", clockwork.start)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download_mnist(tmp_path)
    assert clockwork.killed
    assert list(tmp_path.iterdir()) == []
