"""Drawings changed at random: other slants, proportions and bends of the lines themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Strokes = list[NDArray[np.float64]]
STEP = 0.05  # of the drawing's extent: where a line bends it needs a point about so often


@dataclass(frozen=True)
class Warp:
    """How far a drawing is changed; each amount is uniform between minus and plus its value.

    rotation: degrees. shear: sideways per height. aspect: of the logarithm of width / height, half
    on each axis. bend: standard deviation of a smooth displacement, of the drawing's extent.
    mirror: the probability of a mirror image.
    """

    rotation: float = 0.0
    shear: float = 0.0
    aspect: float = 0.0
    bend: float = 0.0
    mirror: float = 0.0


def warped(strokes: Sequence[NDArray], how: Warp, random: np.random.Generator) -> Strokes:
    """The strokes, each `[n, 2]`, changed at random; the largest extent becomes about 1."""
    points = np.concatenate(list(strokes)).astype(np.float64)
    extent = max(float(np.ptp(points, axis=0).max()), 1e-9)
    middle = (points.min(0) + points.max(0)) / 2
    angle = np.radians(random.uniform(-how.rotation, how.rotation))
    aspect = np.exp(random.uniform(-how.aspect, how.aspect) / 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    map_ = turn @ np.array([[aspect, random.uniform(-how.shear, how.shear)], [0, 1 / aspect]])
    if random.random() < how.mirror:
        map_ = map_ @ np.diag([-1.0, 1.0])
    waves = random.normal(0, how.bend, (2, 2)), random.uniform(-5, 5, (2, 2))
    phases = random.uniform(0, 2 * np.pi, 2)
    changed = []
    for stroke in strokes:
        line = _with_points((np.asarray(stroke, np.float64) - middle) / extent) @ map_.T
        changed.append(line + np.sin(line @ waves[1] + phases) @ waves[0])
    return changed


def _with_points(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same line with a point at every `STEP` of its length, and its two ends."""
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    if along[-1] == 0:
        return line[:1]
    # The line's own corners lie between these points by less than STEP / 2.
    places = np.linspace(0, along[-1], max(2, 1 + round(along[-1] / STEP)))
    return np.stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)], axis=1)
