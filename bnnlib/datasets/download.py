"""Download MNIST in a process of its own: `python -m bnnlib.datasets.download FOLDER`.

The download is stopped when no new byte arrives for some time.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bnnlib.places import ROOT

STALL_SECONDS = 20.0
POLL_SECONDS = 0.25
FETCH = [sys.executable, "-m", "bnnlib.datasets.download"]


def download_mnist(folder: Path, stall_seconds: float = STALL_SECONDS) -> Path | None:
    """Download MNIST into `folder` and return it; None if that is impossible.

    None too if no new byte arrives for `stall_seconds`. The files are fetched into a temporary
    folder and moved when complete, so an interrupted download never leaves half a data set.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder) as staging:
            if not _fetch(Path(staging), stall_seconds):
                return None
            shutil.rmtree(folder / "MNIST", ignore_errors=True)
            os.replace(Path(staging) / "MNIST", folder / "MNIST")
    except OSError:
        return None
    return folder


def _fetch(staging: Path, stall_seconds: float) -> bool:
    process = subprocess.Popen(
        [*FETCH, str(staging.resolve())],
        cwd=ROOT,  # where `-m` finds bnnlib, whatever the caller's working folder
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        size, last_progress = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
            if (now := _bytes_below(staging)) != size:
                size, last_progress = now, time.monotonic()
            if time.monotonic() - last_progress > stall_seconds:
                return False
        return process.returncode == 0
    finally:
        process.kill()
        process.wait()


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # torchvision may move a file while we look
            total += path.stat().st_size
    return total


if __name__ == "__main__":
    from torchvision.datasets import MNIST

    MNIST(sys.argv[1], train=True, download=True)
