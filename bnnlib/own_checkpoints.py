"""Rename and delete the checkpoints a person has made; those that come with the project stay as they are."""

import os
import shutil
import uuid
from pathlib import Path

from bnnlib import checkpoints
from bnnlib.errors import BnnlibError
from bnnlib.runs import check_name

SHIPPED = frozenset({"dropout", "bayesian", "bayesian-published"})


def own_checkpoints() -> list[str]:
    """Names of the checkpoints that did not come with the project, damaged ones included."""
    return [info.name for info in checkpoints.list_checkpoints() if info.name not in SHIPPED]


def rename_checkpoint(name: str, new_name: str) -> Path:
    """The folder of the checkpoint under its new name; raises BnnlibError if that name cannot be had."""
    folder, new = _own(name), checkpoints.FOLDER / check_name(new_name)
    if new.exists():
        raise BnnlibError(f"There is a checkpoint {new_name!r} already: choose another name.")
    try:
        os.rename(folder, new)
    except OSError as error:
        raise BnnlibError(f"The checkpoint {name!r} cannot be renamed ({error.strerror}): check the rights of {folder.parent}.") from error
    return new


def delete_checkpoint(name: str) -> None:
    """Remove the checkpoint for good; raises BnnlibError if it came with the project or cannot be removed."""
    folder = _own(name)
    aside = folder.with_name(f".{name}.{uuid.uuid4().hex[:8]}")
    try:
        os.rename(folder, aside)  # gone at once, also while its files are still being removed
        shutil.rmtree(aside)
    except OSError as error:
        raise BnnlibError(f"The checkpoint {name!r} cannot be deleted ({error.strerror}): check the rights of {folder.parent}.") from error


def _own(name: str) -> Path:
    if name in SHIPPED:
        raise BnnlibError(f"The checkpoint {name!r} came with the project and stays: choose one of your own.")
    folder = checkpoints.FOLDER / check_name(name)
    if not folder.is_dir():
        raise BnnlibError(f"There is no checkpoint {name!r}: it may have been renamed or deleted.")
    return folder
