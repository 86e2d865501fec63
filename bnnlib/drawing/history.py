"""Drawings with their answers: kept in order, bounded, and as JSON down and up again."""

import base64
import binascii
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnnlib.drawing.codec import from_text, to_text
from bnnlib.drawing.raster import FIELD
from bnnlib.drawing.strokes import Stroke
from bnnlib.errors import BnnlibError

FORMAT = "bnnlib drawings"
CLASSES = 10
NO_DIGIT = -1  # the label of a drawing that was none
KEPT = 100  # the last so many drawings
MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class Told:
    """What one network said: mean probabilities `[C]`, uncertainties in nats."""

    network: str
    mean: tuple[float, ...]
    aleatoric: float
    epistemic: float

    @property
    def digit(self) -> int:
        """The class with the highest mean probability."""
        return int(np.argmax(self.mean))

    @property
    def total(self) -> float:
        """Aleatoric and epistemic uncertainty together."""
        return self.aleatoric + self.epistemic


@dataclass(frozen=True)
class Entry:
    """A drawing with its answers.

    under: a picture uint8 `[28, 28]` below the strokes, as bytes, or empty. label: the digit it
    was, `NO_DIGIT`, or None where nobody said.
    """

    strokes: tuple[Stroke, ...]
    answers: tuple[Told, ...]
    under: bytes = b""
    label: int | None = None

    @property
    def doubt(self) -> float:
        """The total uncertainty, averaged over the networks, in nats."""
        return sum(told.total for told in self.answers) / max(1, len(self.answers))

    @property
    def picture(self) -> NDArray[np.uint8] | None:
        """The picture below the strokes, `[28, 28]`."""
        if not self.under:
            return None
        return np.frombuffer(self.under, np.uint8).reshape(FIELD, FIELD).copy()


def most_confusing(entries: Sequence[Entry]) -> int | None:
    """Which drawing the networks doubt most; the first of equals, None without drawings."""
    return max(range(len(entries)), key=lambda k: entries[k].doubt, default=None)


def to_json(entries: Sequence[Entry]) -> str:
    """The drawings as text that `from_json` reads."""
    drawings = [packed(entry) for entry in entries]
    return json.dumps({"format": FORMAT, "version": 1, "drawings": drawings}, indent=1)


def packed(entry: Entry) -> dict[str, Any]:
    """A drawing as JSON has it."""
    return {
        "strokes": to_text(entry.strokes),
        "under": base64.b64encode(entry.under).decode(),
        "label": entry.label,
        "answers": [
            {
                "network": told.network,
                "mean": [round(p, 6) for p in told.mean],
                "aleatoric": round(told.aleatoric, 6),
                "epistemic": round(told.epistemic, 6),
            }
            for told in entry.answers
        ],
    }


def from_json(content: str | bytes) -> list[Entry]:
    """The drawings that `to_json` wrote; of more than `KEPT`, the last ones.

    Raises BnnlibError with one sentence for anything else.
    """
    if len(content) > MAX_BYTES:
        raise BnnlibError(
            f"The file has {len(content) / 1e6:.1f} MB: expected drawings saved here, "
            f"which have at most {MAX_BYTES // 1_000_000} MB."
        )
    try:
        found = json.loads(content)
        if found["format"] != FORMAT or found["version"] != 1:
            raise ValueError
        drawings = found["drawings"]
        if not isinstance(drawings, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BnnlibError(
            "The file holds no drawings saved here: choose a JSON file that this page saved."
        ) from None
    return unpacked(drawings)


def unpacked(drawings: Sequence[Any]) -> list[Entry]:
    """The drawings that `packed` packed; of more than `KEPT`, the last ones.

    Raises BnnlibError where one is damaged.
    """
    entries = []
    for number, one in enumerate(drawings[-KEPT:], max(1, len(drawings) - KEPT + 1)):
        try:
            entries.append(_entry(one))
        except (ValueError, KeyError, TypeError, OverflowError, binascii.Error, BnnlibError):
            raise BnnlibError(
                f"Drawing {number} of the file is damaged: save the drawings again, "
                "or take it out of the file."
            ) from None
    return entries


def _entry(one: Any) -> Entry:
    label = one["label"]
    if label is not None and (type(label) is not int or not NO_DIGIT <= label < CLASSES):
        raise ValueError
    under = base64.b64decode(one["under"], validate=True)
    if len(under) not in (0, FIELD * FIELD) or len(one["answers"]) > 10:
        raise ValueError
    if not isinstance(one["strokes"], str):
        raise TypeError
    answers = tuple(_told(told) for told in one["answers"])
    return Entry(tuple(from_text(one["strokes"])), answers, under, label)


def _told(told: Any) -> Told:
    mean = tuple(float(p) for p in told["mean"])
    doubts = float(told["aleatoric"]), float(told["epistemic"])
    fair = len(mean) == CLASSES and all(0 <= p <= 1 for p in mean) and abs(sum(mean) - 1) < 1e-3
    if not fair or not all(-1e-4 <= d <= math.log(CLASSES) + 1e-3 for d in doubts):
        raise ValueError
    return Told(str(told["network"])[:80], mean, *doubts)
