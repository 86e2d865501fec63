"""A sweep: many trainings as a grid, from a small TOML file.

name = "priors"              # begins the names of the runs; default: the file's name

[[grid]]                     # one or more grids
kind = "bayesian"
preset = "quick"
seed = [0, 1, 2]             # a list: each of these
prior_scale = [0.05, 0.1]    # with each of those
epochs = 4                   # the same in every training
"""

import dataclasses
import difflib
import itertools
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import list_runs
from bnnlib.runs.limits import MAX_TRIALS
from bnnlib.runs.run import Run
from bnnlib.storage.names import check_name
from bnnlib.training.choice import chosen
from bnnlib.training.config import KINDS, SETTINGS

KNOWN = ("kind", "preset", *SETTINGS)
NAME_LENGTH = 50  # of a run's name may have 60: room for a number where two are alike


@dataclass(frozen=True, eq=False)
class Trial:
    """One training of a sweep. name: wanted for its run. values: what the grid says of it."""

    name: str
    values: Mapping[str, Any]
    config: RunConfig

    @property
    def words(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.values.items())


def read_sweep(where: Path) -> list[Trial]:
    """The trials of a file; raises BnnlibError for one that is missing, garbled or impossible."""
    try:
        with open(where, "rb") as file:
            fields = tomllib.load(file)
    except OSError as error:
        raise BnnlibError(
            f"The sweep {where} cannot be read ({error.strerror}): give a TOML file."
        ) from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise BnnlibError(
            f"The sweep {where} is no TOML ({error}): docs/cluster.md shows one."
        ) from error
    name, grids = fields.pop("name", where.stem), fields.pop("grid", [])
    if fields:
        raise BnnlibError(
            f"The sweep {where} has {next(iter(fields))!r} outside a grid: "
            "expected name and [[grid]], with the settings in the grid."
        )
    if isinstance(grids, dict):
        grids = [grids]
    if not isinstance(grids, list) or not all(isinstance(grid, dict) for grid in grids):
        raise BnnlibError(f"The grid of the sweep {where} is no table: write [[grid]] above it.")
    return make_trials(check_name(str(name)), grids)


def make_trials(name: str, grids: Iterable[Mapping[str, Any]]) -> list[Trial]:
    """Every combination of each grid, whose values are one or a list; the same one only once.

    name: begins the names of the runs. Raises BnnlibError for an unknown setting, a value out of
    range, an empty grid and one too large.
    """
    tables = [_lists(grid) for grid in grids]
    count = sum(math.prod(map(len, table.values())) for table in tables)
    if not count:
        empty = [key for table in tables for key, values in table.items() if not values]
        why = f"{empty[0]} has no value" if empty else "it has no [[grid]]"
        raise BnnlibError(f"The sweep {name} is empty ({why}): give every setting a value.")
    if count > MAX_TRIALS:
        raise BnnlibError(
            f"The sweep {name} has {count:,} trainings: give fewer values, for {MAX_TRIALS:,} are "
            "the most."
        )
    seen = {key: {repr(table.get(key)) for table in tables} for table in tables for key in table}
    varied = {key for key in seen if len(seen[key]) > 1}
    varied |= {key for table in tables for key, values in table.items() if len(values) > 1}
    trials: dict[RunConfig, Trial] = {}
    for table in tables:
        for combination in itertools.product(*table.values()):
            values = dict(zip(table, combination, strict=True))
            trial = _trial(name, values, varied)
            trials.setdefault(trial.config, trial)
    return list(trials.values())


def _lists(grid: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The grid with a list for every setting."""
    for key in grid:
        if key not in KNOWN:
            near = difflib.get_close_matches(key, KNOWN, 1)
            hint = f"did you mean {near[0]}" if near else "python -m bnnlib settings lists them"
            raise BnnlibError(f"There is no setting {key!r}: {hint}.")
    if "kind" not in grid:
        raise BnnlibError(f"A grid names no kind of network: give kind, {' or '.join(KINDS)}.")
    table = {key: value if isinstance(value, list) else [value] for key, value in grid.items()}
    for key, values in table.items():
        if odd := [value for value in values if not isinstance(value, str | int | float)]:
            raise BnnlibError(f"{key} has the value {odd[0]!r}: expected a number or a text.")
    return table


def _trial(name: str, values: dict[str, Any], varied: set[str]) -> Trial:
    given = {
        key: float(value) if SETTINGS[key].kind is float and type(value) is int else value
        for key, value in values.items()
        if key in SETTINGS
    }
    preset = str(values.get("preset", "default"))
    try:
        config, training = chosen(str(values["kind"]), preset, given)
    except BnnlibError as error:
        raise BnnlibError(f"A training of the sweep {name} is impossible: {error}") from error
    parts = [_part(key, value) for key, value in values.items() if key in varied and key in KNOWN]
    long = "-".join([name, *parts])[:NAME_LENGTH].rstrip("-_.")
    return Trial(long, values, RunConfig(config, training, preset))


def _part(key: str, value: Any) -> str:
    """ "seed3", "temperature0.01", "bayesian": as a part of a name."""
    text = Path(value).stem if isinstance(value, str) else f"{value:g}"
    text = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "_" for c in text)
    return text if key in ("kind", "preset") else f"{key}{text}"


def finished(folder: Path, trials: Iterable[Trial]) -> dict[Trial, Run]:
    """The trials that a finished run in `folder` has the settings of, whatever its name."""
    runs: dict[RunConfig, Run] = {}
    for run in list_runs(folder):
        try:
            if run.status.state == "finished":
                runs[_bare(run.config)] = run
        except BnnlibError:  # a damaged run is nobody's result
            continue
    return {trial: runs[trial.config] for trial in trials if trial.config in runs}


def _bare(config: RunConfig) -> RunConfig:
    """What is trained, without what was pinned and when."""
    return dataclasses.replace(config, captions=(), created="")
