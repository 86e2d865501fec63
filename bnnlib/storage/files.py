"""Files that are whole or not there, and locks that the system frees when their holder dies."""

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bnnlib.errors import BnnlibError

HIDDEN = re.compile(r"\..+\.[0-9a-f]{8}")  # folders that are being filled or removed
LEFT_SECONDS = 24 * 3600.0  # older ones are of a killed process


def write_whole(where: Path, write: Callable[[Path], Any], durable: bool = False) -> None:
    """Let `write` fill a file beside `where`, and put it in its place at once.

    A reader sees the old or the new file, never a part of one. durable: wait until it is on the
    disk, so that a power cut cannot lose both. Raises OSError; the old file stays then.
    """
    beside = where.with_name(f".{where.name}.{os.getpid()}.new")
    try:
        write(beside)
        if durable:
            _sync_file(beside)
        os.replace(beside, where)
        if durable:
            sync_names(where.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_text(where: Path, text: str, durable: bool = False) -> None:
    """Write `text` as UTF-8, as a whole or not at all. durable: as above."""
    write_whole(where, lambda path: path.write_text(text, encoding="utf-8"), durable)


def sync_files(folder: Path) -> None:
    """Wait until every file in `folder` is on the disk, before it is renamed. Raises OSError."""
    for path in folder.iterdir():
        _sync_file(path)
    sync_names(folder)


def sync_names(folder: Path) -> None:
    """Wait until the disk has the names in `folder`, where the system can open a folder."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, to be filled and renamed; what is left of it is removed.

    What killed processes left beside it goes, too, once it is a day old. Raises OSError.
    """
    staging = _hidden(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in folder.parent.glob(".*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else removes it just now
            if HIDDEN.fullmatch(path.name) and time.time() - path.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _hidden(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left unfinished; only the folder's owner may call this."""
    for path in folder.glob(".*.new"):
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def locked(where: Path, wait: float = 0.0) -> Iterator[bool]:
    """Hold the lock file `where`; gives False if another one holds it still after `wait` seconds.

    The system frees it when the process ends, however it ends. Raises OSError.
    """
    lock, held = FileLock(where), True
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        held = False
    try:
        yield held
    finally:
        lock.release()


def rename_folder(folder: Path, name: str, what: str) -> Path:
    """Give `folder` another name and return it. what: "run" or "checkpoint", for the error.

    Raises BnnlibError if that name cannot be had.
    """
    new = folder.with_name(name)
    if new.exists():
        raise BnnlibError(f"There is a {what} {name!r} already: choose another name.")
    try:
        os.rename(folder, new)
    except OSError as error:
        raise BnnlibError(
            f"The {what} {folder.name!r} cannot be renamed ({error.strerror}): "
            f"check the rights of {folder.parent}."
        ) from error
    return new


def delete_folder(folder: Path, what: str) -> None:
    """Remove `folder` for good; raises BnnlibError if it cannot be removed. what: as above."""
    aside = _hidden(folder)
    try:
        os.rename(folder, aside)  # gone at once, also while its files are still being removed
        with contextlib.suppress(FileNotFoundError):  # removed by another one as a leftover
            shutil.rmtree(aside)
    except OSError as error:
        raise BnnlibError(
            f"The {what} {folder.name!r} cannot be deleted ({error.strerror}): "
            f"check the rights of {folder.parent}."
        ) from error
