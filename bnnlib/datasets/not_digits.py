"""What is no digit, to learn doubt from: letters, doodles, and shapes made at random.

Letters are those of UJIpenchars (Llorens et al. 2008, CC BY 4.0), doodles those of The Quick, Draw!
Dataset (Google, CC BY 4.0). A network learns from a part of the writers and categories; its card
names them, and what is reported is about the others.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from torch import Tensor

from bnnlib.datasets.digit_parts import mixture, of_digits
from bnnlib.datasets.pen import LIKE_DIGITS
from bnnlib.datasets.rendering import rendered_anew
from bnnlib.datasets.shapes import free_shape
from bnnlib.drawing.unipen import read_unipen
from bnnlib.drawing.warp import Strokes, Warp
from bnnlib.errors import BnnlibError

LIKE_DIGITS_DRAWN = frozenset({"circle"})  # a doodle that looks like a 0
LETTERS, DOODLES = "UJIpenchars-w*.txt", "*.ndjson"
LETTER_WRITERS = range(1, 5)  # to learn from; the others are for reporting
OF_EACH = 40_000  # images of each of the four kinds that a training learns from
WARPS = {
    "letters": Warp(rotation=15, shear=0.2, aspect=0.4, bend=0.02),
    "doodles": Warp(rotation=20, shear=0.15, aspect=0.4, bend=0.02, mirror=0.5),
    "shapes": Warp(rotation=20, shear=0.2, aspect=0.3, bend=0.02),
}


@dataclass(frozen=True)
class Learnt:
    """What a network learnt from that is no digit, as its card has it.

    writers: of letters, by their number in UJIpenchars. categories: of doodles.
    """

    writers: frozenset[int] = frozenset()
    categories: frozenset[str] = frozenset()


def learnt_of(card: Mapping[str, Any]) -> Learnt:
    """What the card says; nothing for a network that learnt from digits alone."""
    told = card.get("not_digits")
    if not isinstance(told, dict):
        return Learnt()
    writers, categories = told.get("letters of writers"), told.get("doodles of")
    return Learnt(
        frozenset(int(w) for w in writers or [] if str(w).isdecimal()),
        frozenset(map(str, categories or [])),
    )


def writer_of(path: Path) -> int | None:
    """The writer's number in a file of UJIpenchars, by its name."""
    found = re.fullmatch(r"UJIpenchars-w(\d+)", path.stem)
    return int(found[1]) if found else None


def letters(path: Path) -> list[tuple[str, Strokes]]:
    """The letters of a UNIPEN file that do not look like a digit, with their labels."""
    return [
        (label, strokes)
        for label, strokes in read_unipen(path)
        if label.isalpha() and label not in LIKE_DIGITS
    ]


def doodles(folder: Path) -> list[tuple[str, Strokes]]:
    """The drawings of Quick, Draw!'s `.ndjson` files with their categories, without the circle.

    Raises BnnlibError for a folder without drawings and for a damaged file.
    """
    found = []
    for path in sorted(folder.rglob(DOODLES)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                record = json.loads(line)
                word = str(record["word"])
                drawn = [np.array(s[:2], dtype=np.float64).T for s in record["drawing"]]
            except (ValueError, KeyError, TypeError) as error:
                raise BnnlibError(
                    f"{path}, line {number} holds no drawing: expected a word and its strokes."
                ) from error
            if word not in LIKE_DIGITS_DRAWN:
                found.append((word, drawn))
    if not found:
        raise BnnlibError(f"{folder} holds no drawings: expected .ndjson files.")
    return found


def is_for_training(category: str) -> bool:
    """Whether a doodle's category is learnt; the other quarter is for reporting alone."""
    return crc32(category.encode()) % 4 != 0


def pool(
    folder: Path, digits: Sequence[tuple[int, Strokes]], seed: int, each: int
) -> tuple[Tensor, Learnt]:
    """Images to learn doubt from, uint8 `[4 * each, 28, 28]`, and whose they are.

    A quarter are letters of `LETTER_WRITERS`, a quarter doodles of the categories for training,
    both from `folder` or its subfolders; a quarter are shapes, some of them made of parts of
    `digits`, and a quarter mixtures of parts of letters, doodles and digits. Each is warped anew.
    Raises BnnlibError where letters or doodles are missing.
    """
    random = np.random.default_rng(seed)
    files = [path for path in sorted(folder.rglob(LETTERS)) if writer_of(path) in LETTER_WRITERS]
    found = [(word, strokes) for word, strokes in doodles(folder) if is_for_training(word)]
    drawn = {
        "letters": [strokes for path in files for _, strokes in letters(path)],
        "doodles": [strokes for _, strokes in found],
    }
    for name, drawings in drawn.items():
        if not drawings:
            raise BnnlibError(
                f"{folder} holds no {name} to learn doubt from: put {LETTERS} and {DOODLES} there."
            )
    chosen = [
        (drawings[k % len(drawings)], WARPS[name])
        for name, drawings in drawn.items()
        for k in random.permutation(each)
    ]
    for k in range(each):
        made = free_shape(random) if k % 3 else of_digits(digits, random)
        chosen.append((made, WARPS["shapes"]))
    kinds = [*drawn.values(), [strokes for _, strokes in digits]]
    chosen += [(mixture(kinds, random), WARPS["shapes"]) for _ in range(each)]
    writers = {number for path in files if (number := writer_of(path)) is not None}
    words = {word for word, _ in found}
    return rendered_anew(chosen, seed), Learnt(frozenset(writers), frozenset(words))
