"""Files that are whole or not there, and locks that the system gives back when their holder dies."""

import contextlib
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bnnlib.errors import BnnlibError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def write_whole(where: Path, write: Callable[[Path], Any], durable: bool = False) -> None:
    """Let `write` fill a file beside `where` and put it in its place at once: a reader sees the old or the new one.

    durable: wait until it is on the disk, so that a power cut can not lose both. Raises OSError; the old file stays then.
    """
    beside = where.with_name(f".{where.name}.{os.getpid()}.new")
    try:
        write(beside)
        if durable:
            with open(beside, "rb") as file:
                os.fsync(file.fileno())
        os.replace(beside, where)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write_text(where: Path, text: str) -> None:
    """Write `text` as UTF-8, as a whole or not at all."""
    write_whole(where, lambda path: path.write_text(text, encoding="utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left unfinished; only the folder's owner may call this."""
    for path in folder.glob(".*.new"):
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def locked(where: Path, wait: float = 0.0) -> Iterator[bool]:
    """Hold the lock file `where`; gives False if another process holds it still after `wait` seconds.

    The lock belongs to the open file, so the system frees it when the process ends, however it ends. Raises OSError.
    """
    until = time.monotonic() + wait
    with open(where, "a+b") as file:
        while not (held := _try_lock(file)) and time.monotonic() < until:
            time.sleep(0.05)
        try:
            yield held
        finally:
            if held:
                _unlock(file)


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _unlock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_UN)


def rename_folder(folder: Path, name: str, what: str) -> Path:
    """Give `folder`, a run or checkpoint as `what` says, another name; raises BnnlibError if that name cannot be had."""
    new = folder.with_name(name)
    if new.exists():
        raise BnnlibError(f"There is a {what} {name!r} already: choose another name.")
    try:
        os.rename(folder, new)
    except OSError as error:
        raise BnnlibError(
            f"The {what} {folder.name!r} cannot be renamed ({error.strerror}): check the rights of {folder.parent}."
        ) from error
    return new


def delete_folder(folder: Path, what: str) -> None:
    """Remove `folder`, a run or checkpoint as `what` says, for good; raises BnnlibError if it cannot be removed."""
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.rename(folder, aside)  # gone at once, also while its files are still being removed
        shutil.rmtree(aside)
    except OSError as error:
        raise BnnlibError(
            f"The {what} {folder.name!r} cannot be deleted ({error.strerror}): check the rights of {folder.parent}."
        ) from error
