"""Where data, checkpoints and runs are.

A place is, in this order: the folder that an environment variable names, a folder of the project
if bnnlib lies in a checkout of it, and else a folder of the user's own (on Linux
`~/.local/share/bnnlib`, or wherever the system keeps such things).
"""

import os
from pathlib import Path

# The folder that holds the package: `-m bnnlib` is found from here, in a checkout and installed.
ROOT = Path(__file__).resolve().parents[1]


def project() -> Path | None:
    """The checkout that bnnlib lies in, or None where bnnlib is installed without it."""
    marks = ("pyproject.toml", "dashboard.py")
    return ROOT if all((ROOT / mark).is_file() for mark in marks) else None


def home(name: str) -> Path:
    """The folder `name` of the project, or of the user where there is no project."""
    if (checkout := project()) is not None:
        return checkout / name
    import platformdirs  # here, not above: a checkout does without it

    return platformdirs.user_data_path("bnnlib", appauthor=False) / name


def _folders(variable: str, name: str) -> list[Path]:
    named = os.environ.get(variable)
    return [Path(named), home(name)] if named else [home(name)]


def data_folders() -> list[Path]:
    """Where data sets are looked for: `BNNLIB_DATA`, then `data`. Downloads go to the last one."""
    return _folders("BNNLIB_DATA", "data")


def checkpoint_folders() -> list[Path]:
    """Where checkpoints are looked for: `BNNLIB_CHECKPOINTS`, `checkpoints`, and the package.

    New ones go to the first. The package holds a few only where it is installed: see
    `[tool.hatch.build.targets.wheel.force-include]` in pyproject.toml.
    """
    packaged = Path(__file__).resolve().parent / "checkpoints"
    folders = _folders("BNNLIB_CHECKPOINTS", "checkpoints")
    return [*folders, packaged] if packaged.is_dir() else folders


def runs_folder() -> Path:
    """Where the training runs are: `BNNLIB_RUNS`, else `runs`."""
    return _folders("BNNLIB_RUNS", "runs")[0].absolute()


def cache_folder() -> Path:
    """Where sets go that were read, and evaluations whose checkpoint is read-only.

    `BNNLIB_CACHE`, or the user's cache.
    """
    if named := os.environ.get("BNNLIB_CACHE"):
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("bnnlib", appauthor=False)
