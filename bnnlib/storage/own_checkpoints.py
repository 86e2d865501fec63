"""Checkpoints that did not come with the project: list, rename and delete them."""

import contextlib
from pathlib import Path

from bnnlib.errors import BnnlibError
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import SHIPPED, list_checkpoints
from bnnlib.storage.files import delete_folder, rename_folder
from bnnlib.storage.names import check_name


def own_checkpoints() -> list[str]:
    """Names of the checkpoints that did not come with the project, damaged ones included."""
    return [info.name for info in list_checkpoints() if info.name not in SHIPPED]


def new_checkpoint(name: str) -> Path:
    """The folder for a new checkpoint; raises BnnlibError if that name cannot be had."""
    folder = _settled(name)
    if folder.exists():
        raise BnnlibError(f"There is a checkpoint {name!r} already: choose another name.")
    return folder


def rename_checkpoint(name: str, new_name: str) -> Path:
    """Rename the checkpoint; returns its folder. Raises BnnlibError if that name cannot be had."""
    return rename_folder(_own(name), _settled(new_name).name, "checkpoint")


def delete_checkpoint(name: str) -> None:
    """Remove the checkpoint for good.

    Raises BnnlibError if it came with the project or cannot be removed.
    """
    delete_folder(_own(name), "checkpoint")


def _own(name: str) -> Path:
    if name in SHIPPED:
        raise BnnlibError(
            f"The checkpoint {name!r} came with the project and stays: choose one of your own."
        )
    folder = _settled(name)
    if not folder.is_dir():
        raise BnnlibError(f"There is no checkpoint {name!r}: it may have been renamed or deleted.")
    return folder


def _settled(name: str) -> Path:
    """The folder of that name, without what a kill left beside it: it would come back later."""
    folder = checkpoints.FOLDER / check_name(name)
    with contextlib.suppress(OSError):  # a folder that cannot be written says so itself
        checkpoints.settle(folder)
    return folder
