"""A run becomes a zip, and a zip becomes a run; nothing in the zip is trusted."""

import json
import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from bnnlib.datasets.mnist import SOURCES
from bnnlib.errors import BnnlibError
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import add_run, list_runs
from bnnlib.runs.heartbeat import this_process, write_beat
from bnnlib.runs.keep import best_network
from bnnlib.runs.limits import MAX_ARCHIVE, MAX_RUNS, MAX_UNPACKED
from bnnlib.runs.run import (
    CONFIG,
    FOR_TRAINING,
    HISTORY,
    LOG,
    PINNED,
    STATE,
    Run,
    checked_pinned,
    parse_history,
)
from bnnlib.storage.files import write_text
from bnnlib.storage.names import check_name
from bnnlib.storage.tensors import read_state, write_state

MEMBERS = {
    CONFIG: 100_000,
    HISTORY: 2_000_000,
    LOG: 5_000_000,
    PINNED: 100_000,
    STATE: MAX_UNPACKED,
}  # name: bytes at most
NEEDED = (CONFIG, HISTORY, STATE)
CHUNK = 1 << 20
REMEDY = "export the run again"


UNREADABLE = (  # what zipfile raises for a damaged or foreign file
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)


def export_run(run: Run, file: IO[bytes]) -> None:
    """Write the run as a zip: settings, history, log, pinned answers and best network.

    What only resuming needs is left out. Raises BnnlibError if no epoch is over yet or the run is
    at work.
    """
    if run.status.active:
        raise BnnlibError(
            f"The run {run.name!r} is at work: stop it, or wait for its end, before it is exported."
        )
    state = run.state()
    if state is None:
        raise BnnlibError(
            f"The run {run.name!r} has finished no epoch yet: there is nothing to export."
        )
    slim = {key: value for key, value in state.items() if key not in FOR_TRAINING}
    slim["best"] = {name: value.half() for name, value in state["best"].items()}
    run.write_history(state["history"])  # a killed process may have left it an epoch behind
    staging = run.folder / f".export.{STATE}"
    try:
        write_state(staging, slim)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (CONFIG, HISTORY, LOG, PINNED):
                if (run.folder / name).exists():
                    archive.write(run.folder / name, name)
            archive.write(staging, STATE)
    except OSError as error:
        raise BnnlibError(
            f"The run {run.name!r} cannot be exported ({error.strerror}): make room on the disk."
        ) from error
    finally:
        staging.unlink(missing_ok=True)


def import_run(file: IO[bytes], folder: Path, most: int = MAX_RUNS) -> Run:
    """The run in the zip `file` as the new run folder `folder`, all of it or nothing.

    Only the files of a run are taken, by their names. Each is measured while it is unpacked and
    checked before it is used, and nothing in it is executed. most: runs in all. Raises BnnlibError.
    """
    check_name(folder.name)
    if len(list_runs(folder.parent)) >= most:
        raise BnnlibError(f"There are {most} runs already: delete one first.")
    return add_run(folder, lambda staging: _unpack(file, staging))


def _unpack(file: IO[bytes], staging: Path) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            _check_members(archive)
            left = MAX_UNPACKED
            for info in archive.infolist():
                left -= _extract(
                    archive, info, staging / info.filename, min(MEMBERS[info.filename], left)
                )
    except UNREADABLE as error:
        if isinstance(error, BnnlibError):
            raise
        raise BnnlibError(f"This file is no zip that can be read ({error}): {REMEDY}.") from error
    _check_content(staging)


def _check_members(archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if odd := [name for name in names if name not in MEMBERS]:
        raise BnnlibError(
            f"The zip holds {odd[0][:80]!r}, which belongs to no run: "
            f"only {', '.join(MEMBERS)} are taken, {REMEDY}."
        )
    if len(set(names)) < len(names):
        raise BnnlibError(f"The zip holds a file of the same name twice: {REMEDY}.")
    if missing := [name for name in NEEDED if name not in names]:
        raise BnnlibError(f"The zip lacks {missing[0]}: it is no exported run.")
    if (
        sum(info.file_size for info in infos) > MAX_UNPACKED
        or sum(info.compress_size for info in infos) > MAX_ARCHIVE
    ):
        raise BnnlibError(
            f"The zip is too large: at most {MAX_UNPACKED >> 20} MB unpacked are taken."
        )


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: Path, limit: int) -> int:
    """Unpack one file and return its size: of the bytes that come out, not what the zip says."""
    size = 0
    with archive.open(info) as source, open(where, "wb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > limit:
                raise BnnlibError(
                    f"{info.filename} in the zip is larger than a run's can be: it is refused."
                )
            target.write(chunk)
    return size


def _check_content(staging: Path) -> None:
    """Raises BnnlibError unless the files are those of one run, in this version's format."""
    try:
        fields = json.loads((staging / CONFIG).read_text(encoding="utf-8"))
        text = (staging / HISTORY).read_text(encoding="utf-8")
    except (ValueError, RecursionError) as error:
        raise BnnlibError(
            f"The zip's {CONFIG} or {HISTORY} is damaged ({error}): {REMEDY}."
        ) from error
    config = RunConfig.from_json(fields, f"The zip's {CONFIG}")
    history = parse_history(text, f"The zip's {HISTORY}")
    pinned = (
        read_state(staging / PINNED, "images")["images"]
        if (staging / PINNED).exists()
        else torch.empty(0, 28, 28, dtype=torch.uint8)
    )
    images = checked_pinned(pinned, f"The zip's {PINNED}")
    state = read_state(staging / STATE)
    try:
        best_network(config, state)
        _check_state(state, len(history), len(images), config)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BnnlibError(f"The zip's {STATE} is none of a run ({error}): {REMEDY}.") from error
    slim = {
        key: state[key]
        for key in ("best", "best_epoch", "history", "answers", "source", "split", "figures")
    }
    write_state(staging / STATE, {**slim, "history": list(history)})
    beat = this_process()
    beat.state = "finished" if len(history) == config.training.epochs else "stopped"
    write_beat(staging, beat)
    if (staging / LOG).exists():
        write_text(staging / LOG, (staging / LOG).read_text(encoding="utf-8", errors="replace"))


def _check_state(state: dict[str, Any], epochs: int, pinned: int, config: RunConfig) -> None:
    answers, best_epoch, split, figures = (
        state["answers"],
        state["best_epoch"],
        state["split"],
        state["figures"],
    )
    if not isinstance(answers, Tensor) or not answers.is_floating_point() or answers.dim() != 4:
        raise TypeError("answers")
    if (len(answers), answers.shape[2], answers.shape[3]) != (
        epochs + 1,
        pinned,
        10,
    ) or not 1 <= answers.shape[1] <= 1_000:
        raise BnnlibError(
            f"The zip's {STATE} holds answers of shape {list(answers.shape)}, "
            f"not one for each epoch and pinned image: {REMEDY}."
        )
    sums = answers.float().sum(-1)
    if answers.numel() and not (
        torch.isfinite(sums).all() and answers.min() >= 0 and (sums - 1).abs().max() < 0.02
    ):
        raise BnnlibError(f"The zip's {STATE} holds answers that are no probabilities: {REMEDY}.")
    if (
        not 1 <= epochs <= config.training.epochs
        or type(best_epoch) is not int
        or not 1 <= best_epoch <= epochs
    ):
        raise BnnlibError(f"The zip's {STATE} and {HISTORY} do not fit {CONFIG}: {REMEDY}.")
    if state["source"] not in SOURCES or not all(
        type(split[name]) is int for name in ("train", "validation", "test")
    ):
        raise BnnlibError(
            f"The zip's {STATE} names no source of digits that is known here: {REMEDY}."
        )
    if figures is not None:
        state["figures"] = {name: _numbers(figures[name]) for name in ("validation", "test")}


def _numbers(figures: dict[str, Any]) -> dict[str, Any]:
    """What of a split's figures is a finite number, a word, or a table of such."""
    kept = {
        name: _numbers(value) if isinstance(value, dict) else value
        for name, value in list(figures.items())[:50]
    }
    return {
        n: v
        for n, v in kept.items()
        if isinstance(v, str | dict) or (isinstance(v, int | float) and math.isfinite(v))
    }
