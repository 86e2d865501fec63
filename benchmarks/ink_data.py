"""Drawings by people to measure with: pen digits by writer, letters, doodles, photographs.

Everything is read from a data folder with the subfolders `pen`, `doodles` and `photos`.
"""

from collections.abc import Collection
from pathlib import Path

from bnnlib.datasets import not_digits, pen
from bnnlib.datasets.pen import REPORTING, TRAINING, TUNING, rendered
from bnnlib.drawing.unipen import read_unipen
from bnnlib.drawing.warp import Strokes

__all__ = [
    "REPORTING",
    "TRAINING",
    "TUNING",
    "doodles",
    "letters",
    "pen_characters",
    "pen_digits",
    "photographs",
    "rendered",
]


def pen_digits(data: Path, writers: Collection[int]) -> list[tuple[int, Strokes]]:
    """The digits of these writers of pendigits, y down, with their labels."""
    return pen.pen_digits(data / "pen" / "pendigits-orig-tra.txt", writers)


def pen_characters(data: Path, writers: Collection[int]) -> list[tuple[str, Strokes]]:
    """Letters and digits of these writers of UJIpenchars."""
    return [
        character
        for writer in writers
        for character in read_unipen(data / "pen" / f"UJIpenchars-w{writer:02d}.txt")
    ]


def letters(data: Path, writers: Collection[int]) -> list[tuple[str, Strokes]]:
    """The letters of these writers of UJIpenchars that look like no digit."""
    return [
        letter
        for writer in writers
        for letter in not_digits.letters(data / "pen" / f"UJIpenchars-w{writer:02d}.txt")
    ]


def doodles(data: Path, learnt: Collection[str] = ()) -> list[tuple[str, Strokes]]:
    """Quick, Draw!'s drawings with their categories, without the circle and those `learnt`."""
    return [one for one in not_digits.doodles(data / "doodles") if one[0] not in learnt]


def photographs(data: Path) -> list[tuple[str, int, Path]]:
    """The condition, the digit and the file of each photograph: `condition-digit.jpg`."""
    found = []
    for path in sorted((data / "photos").glob("*-?.*")):
        condition, digit = path.stem.rsplit("-", 1)
        if digit.isdecimal():
            found.append((condition, int(digit), path))
    return found
