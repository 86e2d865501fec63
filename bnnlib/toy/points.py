"""The points of the toy: a few pairs (x, y), their text for an address, and some to start with."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor, tensor

from bnnlib.errors import BnnlibError

EDGE = 2.0  # x and y are in [-2, 2]
MOST = 200  # points that are used
PAIR = re.compile(r"(-?\d{1,3})_(-?\d{1,3})")


@dataclass(frozen=True)
class Points:
    """At most 200 points in [-2, 2] x [-2, 2], rounded to hundredths; `Points.of` makes them."""

    pairs: tuple[tuple[float, float], ...] = ()

    @staticmethod
    def of(pairs: Iterable[tuple[float, float]]) -> "Points":
        """The first 200 of these pairs; a coordinate outside is moved to the edge.

        Raises BnnlibError for what is no finite number.
        """
        found = np.array([tuple(pair) for pair in pairs], dtype=float).reshape(-1, 2)
        if not np.isfinite(found).all():
            raise BnnlibError("A point has no finite x and y: give two numbers from -2 to 2.")
        kept = np.round(found[:MOST].clip(-EDGE, EDGE), 2) + 0.0  # no -0.0
        return Points(tuple((float(x), float(y)) for x, y in kept))

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def x(self) -> Tensor:
        """Float64 `[N]`, read-only."""
        return tensor([x for x, _ in self.pairs]).double()

    @cached_property
    def y(self) -> Tensor:
        """Float64 `[N]`, read-only."""
        return tensor([y for _, y in self.pairs]).double()


def to_text(points: Points) -> str:
    """The points as an address holds them: the name of a preset, or hundredths as `-120_53.80_-7`.

    No points are `none`.
    """
    for name, preset in PRESETS.items():
        if points == preset:
            return name
    return ".".join(f"{round(100 * x)}_{round(100 * y)}" for x, y in points.pairs) or "none"


def from_text(text: str) -> Points:
    """The points of `to_text`; of more than 200 the first 200.

    Raises BnnlibError, with the form that is expected, for any other text.
    """
    if text in PRESETS:
        return PRESETS[text]
    matches = [PAIR.fullmatch(pair) for pair in text.split(".")] if text != "none" else []
    values = [(int(m[1]) / 100, int(m[2]) / 100) for m in matches if m]
    if len(values) < len(matches) or any(max(map(abs, pair)) > EDGE for pair in values):
        names = ", ".join([*PRESETS, "none"])
        raise BnnlibError(
            f"{text[:40]!r} names no points: expected one of {names}, or pairs of hundredths "
            "from -200 to 200 such as -120_53.80_-7."
        )
    return Points.of(values)


def _sine(generator: np.random.Generator) -> Points:
    x = np.sort(np.r_[generator.uniform(-1.8, -0.7, 12), generator.uniform(0.7, 1.8, 12)])
    return Points.of(zip(x, np.sin(2 * x) + generator.normal(0, 0.15, x.size), strict=True))


def _line(generator: np.random.Generator) -> Points:
    x = np.sort(generator.uniform(-1.2, 1.2, 16))
    return Points.of(zip(x, 0.8 * x + generator.normal(0, 0.2, x.size), strict=True))


def _clusters(generator: np.random.Generator) -> Points:
    centres = np.repeat([[-1.5, -0.9], [0.1, 1.0], [1.4, -0.5]], 7, axis=0)
    return Points.of((centres + generator.normal(0, 0.12, centres.shape)).tolist())


def _fan(generator: np.random.Generator) -> Points:
    x = np.sort(generator.uniform(-1.8, 1.8, 60))
    noise = 0.08 * np.exp(0.55 * (x + 1.8))
    return Points.of(zip(x, 0.5 * x + noise * generator.normal(size=x.size), strict=True))


PRESETS = {
    name: make(np.random.default_rng(seed))
    for name, make, seed in (
        ("gap", _sine, 0),
        ("line", _line, 1),
        ("clusters", _clusters, 2),
        ("fan", _fan, 3),
    )
}
