"""What is no digit, made of parts of digits and other drawings, to learn doubt from."""

from collections.abc import Callable, Sequence

import numpy as np

from bnnlib.drawing.warp import Strokes, Warp, warped

TURNED = "234567"  # digits that are none when mirrored or on their side


def of_digits(digits: Sequence[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """Digits in one picture, exchanged parts of two, a digit crossed out or turned."""
    kinds: list[Callable[[], Strokes]] = [
        lambda: _side_by_side(digits, random),
        lambda: _exchanged(digits, random),
        lambda: _crossed(digits, random),
        lambda: _turned(digits, random),
    ]
    return kinds[random.integers(len(kinds))]()


def mixture(kinds: Sequence[Sequence[Strokes]], random: np.random.Generator) -> Strokes:
    """A part of one drawing with a part of another, each turned and moved.

    kinds: drawings by their kind, each kind as likely; the first drawing is not of the last kind.
    """

    def one(among: Sequence[Sequence[Strokes]]) -> Strokes:
        kind = among[int(random.integers(len(among)))]
        return _some_of(kind[int(random.integers(len(kind)))], random)

    first, second = one(kinds[:-1]), one(kinds)
    size, place = np.exp(random.uniform(-0.7, 0.3)), random.uniform(-0.7, 0.7, 2)
    return first + [size * stroke + place for stroke in second]


def _some_of(strokes: Strokes, random: np.random.Generator) -> Strokes:
    """Some of the strokes, or a piece of a single one; now and then all. The extent is about 1."""
    if random.random() < 0.6:
        if len(strokes) > 1:
            count = max(1, round(len(strokes) * random.uniform(0.3, 0.9)))
            strokes = [strokes[k] for k in sorted(random.permutation(len(strokes))[:count])]
        else:
            start = random.uniform(0, 0.5)
            strokes = _part(strokes, start, start + random.uniform(0.3, 0.6))
    rotation = 180 if random.random() < 0.3 else 20
    how = Warp(rotation=rotation, shear=0.3, aspect=0.5, bend=0.03, mirror=0.5)
    return warped(strokes, how, random)


def _some(
    digits: Sequence[tuple[int, Strokes]], random: np.random.Generator, among: str = "0123456789"
) -> Strokes:
    """A digit at random, scaled to an extent of 1, its upper left corner at 0."""
    while True:
        label, strokes = digits[int(random.integers(len(digits)))]
        if str(label) in among:
            points = np.concatenate(strokes)
            extent = max(float(np.ptp(points, axis=0).max()), 1e-9)
            return [(stroke - points.min(0)) / extent for stroke in strokes]


def _side_by_side(digits: Sequence[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """Two or three digits in a row or one above the other, some of them touching."""
    strokes: Strokes = []
    place, axis = 0.0, int(random.random() < 0.15)
    for _ in range(random.integers(2, 4)):
        one = _some(digits, random)
        shift = np.zeros(2)
        shift[axis], shift[1 - axis] = place, random.normal(0, 0.1)
        strokes += [stroke + shift for stroke in one]
        place += float(np.concatenate(one)[:, axis].max()) + random.uniform(-0.05, 0.4)
    return strokes


def _exchanged(digits: Sequence[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """The start of one digit, and the end of another one laid over it or beside it, moved."""
    first = _part(_some(digits, random), 0, random.uniform(0.4, 0.8))
    second = _part(_some(digits, random), random.uniform(0.2, 0.6), 1)
    shift = random.uniform(-0.6, 0.6, 2)
    turned = warped(second, Warp(rotation=180, mirror=0.5), random)
    return first + [stroke + shift for stroke in turned]


def _part(strokes: Strokes, start: float, end: float) -> Strokes:
    """The part of the ink between these shares of its points."""
    total = sum(map(len, strokes))
    kept, seen = [], 0
    for stroke in strokes:
        low, high = round(start * total) - seen, round(end * total) - seen
        part = stroke[max(0, low) : max(0, high)]
        seen += len(stroke)
        if len(part):
            kept.append(part)
    return kept or strokes


def _crossed(digits: Sequence[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """A digit with two to four long lines through it."""
    return _some(digits, random) + [
        random.uniform(-0.3, 1.3, (2, 2)) for _ in range(random.integers(2, 5))
    ]


def _turned(digits: Sequence[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """A digit mirrored, or lying on its side."""
    strokes = _some(digits, random, TURNED)
    if random.random() < 0.5:
        return [stroke * (-1, 1) for stroke in strokes]
    return [stroke[:, ::-1] * random.choice([(1, -1), (-1, 1)]) for stroke in strokes]
