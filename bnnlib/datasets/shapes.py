"""Shapes made at random of lines and arcs that are no digit, to learn doubt from."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bnnlib.drawing.warp import Strokes


def free_shape(random: np.random.Generator) -> Strokes:
    """A shape made at random of lines and arcs alone."""
    return KINDS[random.integers(len(KINDS))](random)


def _glyph(random: np.random.Generator) -> Strokes:
    """Lines and arcs between the points of a grid, as a letter of some alphabet has them."""
    grid = np.array([(x, y) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0)])
    grid = grid * random.uniform(0.4, 1, 2) + random.normal(0, 0.05, grid.shape)
    strokes = []
    here = random.integers(9)
    for _ in range(random.integers(3, 6)):
        there = (here + random.integers(1, 9)) % 9
        strokes.append(_arc(grid[here], grid[there], random.choice([0, 0, 0.3, 0.6, -0.3, -0.6])))
        here = there if random.random() < 0.6 else random.integers(9)
    return strokes


def _arc(start: NDArray, end: NDArray, bulge: float) -> NDArray[np.float64]:
    t = np.linspace(0, 1, 12)[:, None]
    across = np.array([end[1] - start[1], start[0] - end[0]])
    return start + t * (end - start) + 4 * t * (1 - t) * bulge * across


def _figures(random: np.random.Generator) -> Strokes:
    """Two to five polygons, boxes, ellipses and lines."""
    strokes = []
    for _ in range(random.integers(2, 6)):
        kind, size = random.integers(4), random.uniform(0.15, 0.6)
        centre = random.uniform(-0.6, 0.6, 2)
        if kind == 0:
            line = random.uniform(-1, 1, (random.integers(3, 7), 2))
            line = np.concatenate([line, line[:1]])
        elif kind == 1:
            line = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) * random.uniform(
                0.4, 1, 2
            )
        elif kind == 2:
            angles = random.uniform(0, 6) + np.linspace(0, random.uniform(3, 6.5), 24)
            line = np.stack([np.cos(angles), np.sin(angles)], 1) * random.uniform(0.3, 1, 2)
        else:
            line = random.uniform(-1.5, 1.5, (2, 2))
        strokes.append(centre + size * line)
    return strokes


def _scribble(random: np.random.Generator) -> Strokes:
    """A zigzag, a spiral or a wandering line."""
    kind = random.integers(3)
    if kind == 0:
        n = random.integers(5, 13)
        heights = random.uniform(0.2, 1) * (-1.0) ** np.arange(n) + random.normal(0, 0.1, n)
        return [np.stack([np.linspace(-1, 1, n), heights], 1)]
    if kind == 1:
        angles = np.linspace(0, random.uniform(11, 25), 80)
        line = np.stack([np.cos(angles), np.sin(angles)], 1)
        return [line * (random.uniform(0.1, 0.3) + angles[:, None] / 15)]
    knots = np.cumsum(random.normal(0, 0.5, (random.integers(8, 14), 2)), axis=0)
    places = np.linspace(0, len(knots) - 1, 80)
    line = np.stack([np.interp(places, range(len(knots)), knots[:, k]) for k in (0, 1)], 1)
    smooth = np.ones(7) / 7
    return [np.stack([np.convolve(line[:, k], smooth, "valid") for k in (0, 1)], 1)]


def _outline(random: np.random.Generator) -> Strokes:
    """A closed curve that is no 0: with lobes or corners, or with lines outside and marks inside.

    Clouds, leaves, pans, lamps, faces and keys are of this kind.
    """
    angles = np.linspace(0, 2 * np.pi, 100)
    plain = random.random() < 0.5
    if random.random() < 0.7:
        radius = _lobes(angles, 0.05 if plain else random.uniform(0.1, 0.4), random)
    else:  # between an ellipse and a box
        power = 2 * (1 if plain else random.uniform(2, 6))
        radius = (np.abs(np.cos(angles)) ** power + np.abs(np.sin(angles)) ** power) ** (-1 / power)
    stretch = np.exp(random.uniform(-0.6, 0.6) * np.array([0.5, -0.5]))
    curve = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1) * stretch
    strokes = [curve]
    # A plain curve alone would be a 0: it gets at least two things, or one that no digit has.
    for _ in range(random.integers(2, 5) if plain else random.integers(0, 4)):
        strokes += _attached(curve, random)
    return strokes


def _lobes(angles: NDArray, depth: float, random: np.random.Generator) -> NDArray[np.float64]:
    """The radius of a wavy curve: a cloud's bows, a star's points, or waves of any form."""
    kind, count, phase = random.integers(3), random.integers(3, 10), random.uniform(0, 6.3)
    if kind == 0:
        return 1 - depth + 2 * depth * np.abs(np.sin(count * angles / 2 + phase))
    if kind == 1:
        saw = np.abs((count * angles / (2 * np.pi) + phase) % 1 - 0.5)
        return 1 - depth + 4 * depth * saw
    waves = np.arange(2, 7)
    sizes = depth * random.normal(0, 1, 5) / waves**0.5
    return 1 + (sizes * np.cos(angles[:, None] * waves + random.uniform(0, 6.3, 5))).sum(1)


def _attached(curve: NDArray, random: np.random.Generator) -> Strokes:
    """One thing at a closed curve: a handle, legs, a second outline, a line across, or marks."""
    kind, place = random.integers(6), random.uniform(0, 6.3)
    out = np.array([np.cos(place), np.sin(place)])
    edge = curve[int(place / (2 * np.pi) * (len(curve) - 1)) % len(curve)]
    across = np.array([-out[1], out[0]])
    if kind == 0:  # straight out from the curve, one line or two
        width, length = random.uniform(0.05, 0.25), random.uniform(0.3, 1.8)
        sides = [0.0] if random.random() < 0.5 else [-width, width]
        return [np.stack([edge + s * across, edge + s * across + length * out]) for s in sides]
    if kind == 1:
        return _legs(curve, random)
    if kind == 2:
        return [curve * random.uniform(0.3, 0.8)]
    if kind == 3:  # across
        return [np.stack([edge, curve[random.integers(len(curve))]])]
    if kind == 4:  # a smaller ring at the edge
        size = random.uniform(0.15, 0.5)
        return [edge + size * (out + _ring(1.0))]
    size = random.uniform(0.04, 0.2)
    return [random.uniform(-0.5, 0.5, 2) + size * _ring(1.0) for _ in range(random.integers(1, 4))]


def _legs(curve: NDArray, random: np.random.Generator) -> Strokes:
    low, length = curve[:, 1].max(), random.uniform(0.2, 1.0)
    places = np.linspace(-0.6, 0.6, random.integers(2, 6)) * random.uniform(0.4, 1)
    splay = random.uniform(-0.3, 0.6)
    return [np.array([(x, 0.8 * low), (x * (1 + splay), 0.8 * low + length)]) for x in places]


def _ring(radius: float) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, 24)
    return radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def _rows(random: np.random.Generator) -> Strokes:
    """One motif again and again along a line: stairs, teeth, battlements, waves, coils, a fence."""
    count = random.integers(2, 7)
    motif = [
        np.array([(0, 0), (0, 1), (1, 1)]),
        np.array([(0, 0), (0.5, 1), (1, 0)]),
        np.array([(0, 0), (0, 1), (0.5, 1), (0.5, 0), (1, 0)]),
        np.stack([np.linspace(0, 1, 9), np.sin(np.linspace(0, 2 * np.pi, 9))], 1),
        np.stack([np.linspace(0, 1, 13), np.zeros(13)], 1) + 0.7 * _ring(1.0)[:13],
        np.array([(0.5, -0.5), (0.5, 1.5)]),
    ]
    one = motif[random.integers(len(motif))] * (1, random.uniform(0.8, 3))
    rise = random.choice([0.0, -1.0, 1.0]) * random.uniform(0.3, 1)
    steps = [one + np.array([k, k * rise]) for k in range(count)]
    strokes = steps if one[0, 1] < 0 else [np.concatenate(steps)]
    if random.random() < 0.4:  # a line below, beside or through
        start = random.normal(0, 0.7, 2)
        strokes = [*strokes, np.stack([start, start + np.array([count, count * rise])])]
    turn = random.choice([0, 0, np.pi / 2])
    cos, sin = np.cos(turn), np.sin(turn)
    return [stroke @ np.array([[cos, -sin], [sin, cos]]) for stroke in strokes]


def _rays(random: np.random.Generator) -> Strokes:
    """Lines out of one point or along a trunk: stars, suns, trees, combs, arrows."""
    count = random.integers(3, 11)
    if random.random() < 0.5:
        angles = random.uniform(0, 6.3) + np.linspace(0, random.uniform(2, 6.3), count)
        inner = random.choice([0.0, 0.0, 0.4])
        lengths = random.uniform(0.6, 1.1, count)
        out = np.stack([np.cos(angles), np.sin(angles)], 1)
        strokes = [np.stack([inner * d, n * d]) for d, n in zip(out, lengths, strict=True)]
        return [*strokes, _ring(inner)] if inner else strokes
    trunk = np.array([(0, -1), (random.normal(0, 0.1), 1)])
    places, slope = np.sort(random.uniform(-1, 1, count)), random.uniform(-0.6, 0.6)
    sides = random.choice([-1, 1], count) if random.random() < 0.6 else np.ones(count)
    width = random.uniform(0.3, 0.9)
    return [trunk] + [
        np.array([(0, y), (side * width, y + slope)]) for y, side in zip(places, sides, strict=True)
    ]


KINDS: tuple[Callable[[np.random.Generator], Strokes], ...] = (
    _glyph,
    _glyph,
    _figures,
    _scribble,
    _outline,
    _outline,
    _rows,
    _rays,
)
