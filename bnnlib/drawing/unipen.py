"""Characters drawn with a pen, from UNIPEN text files: strokes, not images.

A file names each character in a `.SEGMENT` line, `... "a"`, and lists its points `x y`, one a line,
between `.PEN_DOWN` and `.PEN_UP` (Guyon et al. 1994, "UNIPEN project of on-line data exchange and
recognizer benchmarks").
"""

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnnlib.errors import BnnlibError

SEGMENT = re.compile(r'^\.SEGMENT\s.*"(?P<label>[^"]+)"\s*$')
MAX_BYTES = 50_000_000


def read_unipen(path: Path) -> list[tuple[str, list[NDArray[np.float64]]]]:
    """Every character of the file: its label and its strokes.

    A stroke is `[n, 2]` x-y points in the tablet's units. Raises BnnlibError for a file that cannot
    be read, is not UNIPEN text, or holds no drawn character.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BnnlibError(
                f"{path} is larger than {MAX_BYTES // 1_000_000} MB: split it into smaller files."
            )
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BnnlibError(
            f"{path} cannot be read ({error.strerror}): give a UNIPEN text file."
        ) from error
    characters: list[tuple[str, list[list[tuple[float, float]]]]] = []
    pen_down = False
    for number, line in enumerate(lines, start=1):
        if found := SEGMENT.match(line):
            characters.append((found["label"], []))
            pen_down = False
        elif line.startswith(".PEN_DOWN") and characters:
            characters[-1][1].append([])
            pen_down = True
        elif line.startswith("."):
            pen_down = pen_down and not line.startswith(".PEN_UP")
        elif pen_down and line.strip():
            characters[-1][1][-1].append(_point(line, path, number))
    drawn = [
        (label, [np.array(stroke, dtype=np.float64) for stroke in strokes if stroke])
        for label, strokes in characters
    ]
    drawn = [(label, strokes) for label, strokes in drawn if strokes]
    if not drawn:
        raise BnnlibError(
            f"{path} holds no drawn characters: "
            "expected UNIPEN text with .SEGMENT, .PEN_DOWN and points."
        )
    return drawn


def _point(line: str, path: Path, number: int) -> tuple[float, float]:
    try:
        x, y = (float(word) for word in line.split()[:2])
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError
    except ValueError:
        raise BnnlibError(
            f"{path}, line {number}: {line.strip()[:40]!r} is no point: "
            "expected two finite numbers, x and y."
        ) from None
    return x, y
