"""Rename and delete the checkpoints a person has made; those that come with the project stay as they are."""

from pathlib import Path

from bnnlib import checkpoints
from bnnlib.errors import BnnlibError
from bnnlib.files import delete_folder, rename_folder
from bnnlib.runs import check_name


def own_checkpoints() -> list[str]:
    """Names of the checkpoints that did not come with the project, damaged ones included."""
    return [info.name for info in checkpoints.list_checkpoints() if info.name not in checkpoints.SHIPPED]


def rename_checkpoint(name: str, new_name: str) -> Path:
    """The folder of the checkpoint under its new name; raises BnnlibError if that name cannot be had."""
    return rename_folder(_own(name), check_name(new_name), "checkpoint")


def delete_checkpoint(name: str) -> None:
    """Remove the checkpoint for good; raises BnnlibError if it came with the project or cannot be removed."""
    delete_folder(_own(name), "checkpoint")


def _own(name: str) -> Path:
    if name in checkpoints.SHIPPED:
        raise BnnlibError(f"The checkpoint {name!r} came with the project and stays: choose one of your own.")
    folder = checkpoints.FOLDER / check_name(name)
    if not folder.is_dir():
        raise BnnlibError(f"There is no checkpoint {name!r}: it may have been renamed or deleted.")
    return folder
