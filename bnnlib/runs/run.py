"""A training run on disk: a folder that the command line and the pages read.

    config.json         what is trained and how
    history.jsonl       one line an epoch, the fields of `training.EpochReport`
    log.txt             what the process said
    heartbeat.json      the process's sign of life
    pinned.safetensors  images whose predictions are kept for each epoch
    state.safetensors   everything needed to go on after the last epoch, and those predictions;
                        replaced as a whole each epoch

The state is the truth; `history.jsonl` is its readable copy. Nothing here is a pickle.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.runs.config import REMEDY, RunConfig
from bnnlib.runs.heartbeat import ALIVE, SILENT_SECONDS, Beat, is_alive, read_beat
from bnnlib.runs.limits import MAX_PINNED
from bnnlib.storage.files import write_text
from bnnlib.storage.tensors import read_state

CONFIG, HISTORY, LOG, PINNED, STATE = (
    "config.json",
    "history.jsonl",
    "log.txt",
    "pinned.safetensors",
    "state.safetensors",
)
# Parts of the state that a finished run does not need.
FOR_TRAINING = ("network", "averaged", "optimiser", "schedule", "order", "noise", "bend")
LOG_TAIL = 20_000  # characters of the log that are shown


@dataclass(frozen=True)
class Status:
    """How a run stands. beat: the last sign of life, if there was any.

    state: `new`, `queued`, `running`, `stopped` (on request), `failed` (the beat's message says
    why), `interrupted` (its process died) or `finished`.
    """

    state: str
    beat: Beat | None = None

    @property
    def active(self) -> bool:
        """Whether a process is at work on the run, or waits for its turn."""
        return self.state in ALIVE

    @property
    def silent(self) -> bool:
        """Whether the process lives but has given no sign for too long."""
        return self.active and self.beat is not None and self.beat.silent > SILENT_SECONDS


@dataclass(frozen=True)
class Run:
    """A run's folder and what is in it; every reading is fresh."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def config(self) -> RunConfig:
        """What is trained and how.

        Raises BnnlibError if it is missing, damaged, out of range or of another format.
        """
        where = self.folder / CONFIG
        try:
            return _read_config(where, where.stat().st_mtime_ns)
        except OSError as error:
            raise BnnlibError(
                f"{self.folder} holds no training run: "
                f"it has no readable {CONFIG} ({error.strerror})."
            ) from error

    @property
    def status(self) -> Status:
        beat = read_beat(self.folder)
        if beat is None:
            return Status("interrupted" if (self.folder / STATE).exists() else "new")
        if beat.state in ALIVE and not is_alive(beat):
            return Status("interrupted", beat)
        return Status(beat.state, beat)

    def history(self) -> list[dict[str, Any]]:
        """The epochs that are over, as fields of `EpochReport`; raises BnnlibError if damaged."""
        where = self.folder / HISTORY
        try:
            return list(_read_history(where, where.stat().st_mtime_ns))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BnnlibError(
                f"{where} cannot be read ({error.strerror}): give yourself the right to read it."
            ) from error

    def log(self) -> str:
        """The end of what the process said."""
        try:
            with open(self.folder / LOG, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL))
                return file.read().decode("utf-8", "replace").replace("\r\n", "\n")
        except OSError:
            return ""

    def pinned(self) -> Tensor:
        """The pinned images, uint8 `[P, 28, 28]`."""
        if not (self.folder / PINNED).exists():
            return torch.empty(0, 28, 28, dtype=torch.uint8)
        return checked_pinned(
            read_state(self.folder / PINNED, "images").get("images"), self.folder / PINNED
        )

    def answers(self) -> Tensor:
        """Sampled class probabilities for the pinned images, float32 `[E + 1, S, P, C]`.

        The first row is before training, the others after each epoch.
        """
        if not (self.folder / STATE).exists():
            return torch.empty(0, 1, 0, 10)
        return torch.as_tensor(read_state(self.folder / STATE, "answers")["answers"]).float()

    def state(self) -> dict[str, Any] | None:
        """Everything to go on from; None before the first epoch's end. Raises BnnlibError."""
        return read_state(self.folder / STATE) if (self.folder / STATE).exists() else None

    def write_history(self, reports: Sequence[dict[str, Any]]) -> None:
        """Replace the readable copy of the history. Raises OSError."""
        text = "".join(json.dumps(report) + "\n" for report in reports)
        write_text(self.folder / HISTORY, text, durable=True)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.folder.glob("*") if path.is_file())


@lru_cache(maxsize=128)
def _read_config(where: Path, modified: int) -> RunConfig:
    try:
        return RunConfig.from_json(json.loads(where.read_text(encoding="utf-8")), str(where))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BnnlibError):
            raise
        raise BnnlibError(f"{where} is no JSON ({error}): mend it, or {REMEDY}.") from error


@lru_cache(maxsize=128)
def _read_history(where: Path, modified: int) -> tuple[dict[str, Any], ...]:
    return parse_history(where.read_text(encoding="utf-8", errors="replace"), str(where))


def parse_history(text: str, where: str) -> tuple[dict[str, Any], ...]:
    """The epochs of a `history.jsonl`; raises BnnlibError that names `where`."""
    rows = []
    for k, line in enumerate(text.splitlines()):
        try:
            row = json.loads(line)
            if row["epoch"] != k + 1 or not all(
                v is None or (type(v) in (int, float) and math.isfinite(v)) for v in row.values()
            ):
                raise ValueError("not the next epoch")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BnnlibError(
                f"{where} is damaged in line {k + 1} ({error}): "
                f"resume the run to write it again, or {REMEDY}."
            ) from error
        rows.append(row)
    return tuple(rows)


def checked_pinned(images: Any, where: object) -> Tensor:
    """`images` if they are uint8 `[P, 28, 28]`; raises BnnlibError that names `where`."""
    if (
        not isinstance(images, Tensor)
        or images.dtype != torch.uint8
        or images.shape[1:] != (28, 28)
        or len(images) > MAX_PINNED
    ):
        raise BnnlibError(
            f"{where} holds no pinned images, uint8 [up to {MAX_PINNED}, 28, 28]: {REMEDY}."
        )
    return images
