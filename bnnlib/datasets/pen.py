"""Digits and letters drawn with a pen by known writers, and their images.

pendigits (Alpaydin & Alimoglu 1998, CC BY 4.0) has digits of 30 writers, UJIpenchars (Llorens et
al. 2008, CC BY 4.0) letters and digits of more. Both are UNIPEN text.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bnnlib.datasets.mnist import Split
from bnnlib.drawing.raster import image_from_strokes
from bnnlib.drawing.unipen import read_unipen
from bnnlib.drawing.warp import Strokes, Warp, warped
from bnnlib.errors import BnnlibError

TRAINING, TUNING, REPORTING = range(1, 19), range(19, 25), range(25, 31)  # pen digits' writers
LIKE_DIGITS = frozenset("oOlIizZsSbgqB")  # letters that look like a digit
COMMENT = re.compile(r"^\.COMMENT\s+\d\s+(\d+)\s+\d+\s*$", re.MULTILINE)
DIGIT_WARP = Warp(rotation=10, shear=0.15, aspect=0.3, bend=0.015)
VERSIONS = 4  # images of each digit: one as it was drawn, the others warped
SUPERSAMPLE = 4  # of these images; coarser than on the page, and five times as fast
PENS, SOFTNESSES = (1.5, 3.0), (0.3, 0.6)  # pixels; a drawing on the page has 2.0 and 0.45


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


def rendered(drawings: Sequence[Sequence[np.ndarray]]) -> Tensor:
    """The images the network sees of drawings on the page, float `[B, 28, 28]`."""
    return torch.stack([image_from_strokes(strokes) for strokes in drawings])


def rendered_anew(drawings: Sequence[Strokes], how: Warp, random: np.random.Generator) -> Tensor:
    """Each drawing warped and drawn with another pen, uint8 `[B, 28, 28]`."""
    images = [
        image_from_strokes(
            warped(strokes, how, random),
            random.uniform(*PENS),
            random.uniform(*SOFTNESSES),
            SUPERSAMPLE,
        )
        for strokes in drawings
    ]
    return to_bytes(torch.stack(images))


def to_bytes(images: Tensor) -> Tensor:
    """Float images in [0, 1] -> uint8, same shape."""
    return images.mul(255).round().to(torch.uint8)


def training_split(path: Path, seed: int) -> tuple[Split, Split]:
    """Images of pen digits: `VERSIONS` of each by writers 1-18, and one of each by 19-24."""
    random = np.random.default_rng(seed)
    learnt, tuning = pen_digits(path, TRAINING), pen_digits(path, TUNING)
    drawings = [strokes for _, strokes in learnt]
    versions = [to_bytes(rendered(drawings))]
    versions += [rendered_anew(drawings, DIGIT_WARP, random) for _ in range(VERSIONS - 1)]
    labels = torch.tensor([label for label, _ in learnt])
    return (
        Split(torch.cat(versions), labels.repeat(VERSIONS)),
        Split(
            to_bytes(rendered([strokes for _, strokes in tuning])),
            torch.tensor([label for label, _ in tuning]),
        ),
    )
