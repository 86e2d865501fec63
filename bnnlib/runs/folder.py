"""The folder of runs: list and find them, make, rename and delete one."""

import dataclasses
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.places import runs_folder
from bnnlib.runs.config import RunConfig
from bnnlib.runs.limits import MAX_RUNS
from bnnlib.runs.run import CONFIG, PINNED, Run, checked_pinned
from bnnlib.storage.files import (
    delete_folder,
    rename_folder,
    staged,
    sync_files,
    sync_names,
    write_text,
)
from bnnlib.storage.names import NAMES, check_name
from bnnlib.storage.tensors import write_state
from bnnlib.training.config import check_network


def list_runs(folder: Path | None = None) -> list[Run]:
    """Every run below `folder` (default: `runs_folder()`), the newest first."""
    found = [path for path in (folder or runs_folder()).glob("[!.]*") if (path / CONFIG).exists()]
    return [
        Run(path)
        for path in sorted(
            found, key=lambda path: ((path / CONFIG).stat().st_mtime, path.name), reverse=True
        )
    ]


def find_run(name: str) -> Run:
    """The run called `name`; raises BnnlibError if there is none."""
    if NAMES.fullmatch(name) and (runs_folder() / name / CONFIG).exists():
        return Run(runs_folder() / name)
    raise BnnlibError(f"There is no run {name!r}: it may have been renamed or deleted.")


def free_name(wanted: str, folder: Path | None = None) -> str:
    """`wanted`, or the first of `wanted-2`, `wanted-3`, ... that is still free."""
    folder = folder or runs_folder()
    return next(
        name
        for k in range(1, 10_000)
        if not (folder / (name := wanted if k == 1 else f"{wanted}-{k}")).exists()
    )


def create_run(folder: Path, config: RunConfig, pinned: Tensor | None = None) -> Run:
    """A new run, ready to be started.

    pinned: uint8 `[P, 28, 28]`, images whose predictions are kept for each epoch. Raises
    BnnlibError if the name is taken or not allowed, if there are too many runs, or if nothing can
    be written there.
    """
    check_name(folder.name)
    check_network(config.network)
    if len(list_runs(folder.parent)) >= MAX_RUNS:
        raise BnnlibError(f"There are {MAX_RUNS} runs already: delete one first.")
    config = dataclasses.replace(
        config, created=config.created or datetime.now(UTC).isoformat(timespec="seconds")
    )
    images = checked_pinned(
        torch.empty(0, 28, 28, dtype=torch.uint8) if pinned is None else pinned,
        "The list of images to pin",
    )

    def fill(staging: Path) -> None:
        write_state(staging / PINNED, {"images": images})
        write_text(staging / CONFIG, json.dumps(config.to_json(), indent=2) + "\n")

    return add_run(folder, fill)


def add_run(folder: Path, fill: Callable[[Path], None]) -> Run:
    """A run folder that `fill(staging)` writes, as a whole or not at all; raises BnnlibError."""
    try:
        with staged(folder) as staging:
            fill(staging)
            if folder.is_dir() and any(folder.iterdir()):
                raise BnnlibError(
                    f"There is a {folder.name!r} in {folder.parent} already: choose another name."
                )
            sync_files(staging)
            os.rename(staging, folder)  # onto nothing or an empty folder, never over a run
            sync_names(folder.parent)
    except OSError as error:
        raise BnnlibError(
            f"The run cannot be written to {folder} ({error.strerror}): "
            "free some space, or choose another folder."
        ) from error
    return Run(folder)


def rename_run(run: Run, name: str) -> Run:
    """The run under another name; raises BnnlibError if it is at work or the name cannot be had."""
    check_name(name)
    _check_idle(run, "renamed")
    return Run(rename_folder(run.folder, name, "run"))


def delete_run(run: Run) -> None:
    """Remove the run for good; raises BnnlibError if it is at work or cannot be removed."""
    _check_idle(run, "deleted")
    delete_folder(run.folder, "run")


def _check_idle(run: Run, what: str) -> None:
    if run.status.active:
        raise BnnlibError(f"The run {run.name!r} is at work: stop it before it is {what}.")
