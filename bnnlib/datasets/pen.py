"""Digits and letters drawn with a pen by known writers, and their images.

pendigits (Alpaydin & Alimoglu 1998, CC BY 4.0) has digits of 30 writers, UJIpenchars (Llorens et
al. 2008, CC BY 4.0) letters and digits of more. Both are UNIPEN text.
"""

import dataclasses
import re
from collections.abc import Collection
from pathlib import Path

import torch

from bnnlib.datasets.mnist import Digits, Split
from bnnlib.datasets.rendering import rendered, rendered_anew, to_bytes
from bnnlib.drawing.unipen import read_unipen
from bnnlib.drawing.warp import Strokes, Warp
from bnnlib.errors import BnnlibError

TRAINING, TUNING, REPORTING = range(1, 19), range(19, 25), range(25, 31)  # pen digits' writers
LIKE_DIGITS = frozenset("oOlIizZsSbgqB")  # letters that look like a digit
COMMENT = re.compile(r"^\.COMMENT\s+\d\s+(\d+)\s+\d+\s*$", re.MULTILINE)
DIGIT_WARP = Warp(rotation=10, shear=0.15, aspect=0.3, bend=0.015)
VERSIONS = 12  # images of each digit: one as it was drawn, the others warped


def pen_digits(path: Path, writers: Collection[int]) -> list[tuple[int, Strokes]]:
    """The digits of these writers of pendigits, y down, with their labels.

    Raises BnnlibError for a file that does not name a writer for every digit.
    """
    characters = read_unipen(path)
    found = [int(writer) for writer in COMMENT.findall(path.read_text(encoding="latin-1"))]
    if len(found) != len(characters) or not all(label.isdecimal() for label, _ in characters):
        raise BnnlibError(
            f"{path} names {len(found)} writers for {len(characters)} characters: expected the "
            "digits of pendigits, each with its writer."
        )
    return [
        (int(label), [stroke * (1, -1) for stroke in strokes])
        for (label, strokes), writer in zip(characters, found, strict=True)
        if writer in writers
    ]


def with_pen_digits(digits: Digits, path: Path) -> Digits:
    """The digits, and pen digits as they were drawn.

    Those of writers 1-18 are among the training images; those of writers 19-24 come first among
    the validation images.
    """
    drawn = [pen_digits(path, writers) for writers in (TRAINING, TUNING)]
    learnt, tuning = (
        Split(to_bytes(rendered([s for _, s in part])), torch.tensor([label for label, _ in part]))
        for part in drawn
    )
    return dataclasses.replace(
        digits, train=joined(digits.train, learnt), validation=joined(tuning, digits.validation)
    )


def joined(first: Split, second: Split) -> Split:
    """The images of both."""
    return Split(torch.cat([first.images, second.images]), torch.cat([first.labels, second.labels]))


def training_split(path: Path, seed: int) -> tuple[Split, Split]:
    """Images of pen digits: `VERSIONS` of each by writers 1-18, and one of each by 19-24."""
    learnt, tuning = pen_digits(path, TRAINING), pen_digits(path, TUNING)
    drawings = [strokes for _, strokes in learnt]
    versions = [to_bytes(rendered(drawings))]
    versions += [rendered_anew([(d, DIGIT_WARP) for d in drawings] * (VERSIONS - 1), seed)]
    labels = torch.tensor([label for label, _ in learnt])
    return (
        Split(torch.cat(versions), labels.repeat(VERSIONS)),
        Split(
            to_bytes(rendered([strokes for _, strokes in tuning])),
            torch.tensor([label for label, _ in tuning]),
        ),
    )
