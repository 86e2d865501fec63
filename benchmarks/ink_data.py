"""Drawings by people to measure with: pen digits by writer, letters, doodles, photographs.

Everything is read from a data folder with the subfolders `pen`, `doodles` and `photos`.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnnlib.drawing.raster import image_from_strokes
from bnnlib.drawing.unipen import read_unipen
from bnnlib.errors import BnnlibError

Strokes = list[NDArray[np.float64]]
TRAINING, TUNING, REPORTING = range(1, 19), range(19, 25), range(25, 31)  # pen digits' writers
LIKE_DIGITS = set("oOlIizZsSbgqB")  # letters that look like a digit
LIKE_DIGITS_DRAWN = {"circle"}  # a doodle that does
COMMENT = re.compile(r"^\.COMMENT\s+\d\s+(\d+)\s+\d+\s*$", re.MULTILINE)


def pen_digits(data: Path, writers: Collection[int]) -> list[tuple[int, Strokes]]:
    """The digits of these writers, y down, with their labels."""
    path = data / "pen" / "pendigits-orig-tra.txt"
    characters = read_unipen(path)
    found = [int(writer) for writer in COMMENT.findall(path.read_text(encoding="latin-1"))]
    if len(found) != len(characters):
        raise BnnlibError(
            f"{path} names {len(found)} writers for {len(characters)} digits: copy it again."
        )
    return [
        (int(label), [stroke * (1, -1) for stroke in strokes])
        for (label, strokes), writer in zip(characters, found, strict=True)
        if writer in writers
    ]


def pen_characters(data: Path, writers: Collection[int]) -> list[tuple[str, Strokes]]:
    """Letters and digits of these writers of UJIpenchars."""
    return [
        character
        for writer in writers
        for character in read_unipen(data / "pen" / f"UJIpenchars-w{writer:02d}.txt")
    ]


def doodles(data: Path) -> list[tuple[str, Strokes]]:
    """Quick, Draw!'s drawings with their categories, without the circle."""
    found = []
    for path in sorted((data / "doodles").glob("*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["word"] not in LIKE_DIGITS_DRAWN:
                strokes = [np.array(stroke[:2], dtype=np.float64).T for stroke in record["drawing"]]
                found.append((record["word"], strokes))
    if not found:
        raise BnnlibError(f"{data / 'doodles'} holds no drawings: expected .ndjson files.")
    return found


def photographs(data: Path) -> list[tuple[str, int, Path]]:
    """The condition, the digit and the file of each photograph: `condition-digit.jpg`."""
    found = []
    for path in sorted((data / "photos").glob("*-?.*")):
        condition, digit = path.stem.rsplit("-", 1)
        if digit.isdecimal():
            found.append((condition, int(digit), path))
    return found


def rendered(drawings: list[Strokes]) -> Tensor:
    """The images the network sees, `[B, 28, 28]`."""
    return torch.stack([image_from_strokes(strokes) for strokes in drawings])
