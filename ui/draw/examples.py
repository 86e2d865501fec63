"""Example drawings: for those who do not draw, and for cases that are worth seeing.

A stroke is a list of points on the 280 x 280 sheet. `smooth` lays a smooth line through them;
`corner` joins them by straight lines.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from bnnlib.drawing.strokes import Stroke, ink, make_stroke
from bnnlib.figures.embed import embed, to_png

Points = list[tuple[float, float]]
THUMBNAIL = 56


@dataclass(frozen=True)
class Example:
    """A drawing with its `slug` for an address, its `name` for the button, and what it `shows`."""

    slug: str
    name: str
    shows: str
    strokes: tuple[Stroke, ...]

    @property
    def thumbnail(self) -> str:
        """The drawing as a small PNG, a data URI."""
        sheet = Image.fromarray((ink(self.strokes) * 255).astype(np.uint8))
        return embed(to_png(sheet.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)))


def smooth(points: Points, steps: int = 8) -> Stroke:
    """A Catmull-Rom line through the points."""
    p = np.array([points[0], *points, points[-1]], dtype=float)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return make_stroke(np.concatenate([*pieces, p[-1:]]))


def corner(points: Points) -> Stroke:
    """Straight lines from point to point."""
    return make_stroke(points)


def ring(x: float, y: float, a: float, b: float, start: float = -90, turn: float = 360) -> Stroke:
    """An arc of the ellipse around (x, y) with half axes a and b; angles in degrees, clockwise."""
    angle = np.radians(start + np.linspace(0, turn, 40))
    return make_stroke(np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], 1))


EXAMPLES = (
    Example(
        "4-or-9",
        "4 or 9",
        "a four whose top is nearly closed",
        (
            smooth([(138, 62), (112, 98), (90, 136), (130, 142), (180, 132)]),
            smooth([(172, 66), (174, 130), (166, 232)]),
        ),
    ),
    Example(
        "clear-3",
        "A clear 3",
        "an ordinary digit: all sampled networks should agree",
        (
            smooth(
                [
                    (92, 78),
                    (128, 52),
                    (176, 66),
                    (180, 106),
                    (132, 132),
                    (186, 160),
                    (190, 208),
                    (142, 236),
                    (88, 212),
                ]
            ),
        ),
    ),
    Example(
        "1-or-7",
        "1 or 7",
        "a one with a long upstroke, or a seven with a short bar",
        (
            smooth([(106, 92), (134, 76), (160, 58)]),
            smooth([(160, 58), (152, 130), (138, 232)]),
        ),
    ),
    Example(
        "3-or-8",
        "3 or 8",
        "a three that is nearly an eight",
        (
            smooth(
                [
                    (104, 96),
                    (140, 52),
                    (184, 80),
                    (140, 134),
                    (190, 178),
                    (142, 234),
                    (94, 192),
                    (108, 156),
                ]
            ),
        ),
    ),
    Example(
        "crossed-7",
        "Crossed 7",
        "a seven with a cross bar, as many Europeans write it",
        (corner([(84, 64), (196, 62), (128, 232)]), corner([(104, 146), (188, 140)])),
    ),
    Example(
        "5-or-6",
        "5 or 6",
        "a five whose lower loop is nearly closed",
        (
            smooth([(180, 52), (128, 70), (104, 120), (98, 170)]),
            smooth([(104, 150), (142, 128), (182, 152), (184, 200), (146, 234), (102, 212)]),
        ),
    ),
    Example(
        "sideways-2",
        "Lying 2",
        "a two turned on its side: the training images hold nothing like it",
        (
            make_stroke(  # in one stroke, as a two is written: a line of its own may be a one
                [
                    *smooth(
                        [(84, 176), (56, 132), (88, 88), (134, 108), (168, 152), (222, 190)]
                    ).points,
                    (222, 92),
                ]
            ),
        ),
    ),
    Example(
        "letter-a",
        "Letter A",
        "not a digit: is the network uncertain about it?",
        (corner([(72, 230), (138, 50), (206, 230)]), corner([(98, 164), (180, 164)])),
    ),
    Example(
        "smiley",
        "Smiley",
        "not a digit, but round like a zero",
        (
            ring(140, 140, 92, 92),
            ring(140, 150, 50, 44, 20, 140),
            make_stroke([(110, 112)], 24),
            make_stroke([(170, 112)], 24),
        ),
    ),
    Example(
        "two-digits",
        "Two digits",
        "42: two digits in place of one",
        (
            corner([(80, 70), (44, 160), (124, 160)]),
            corner([(100, 116), (96, 220)]),
            smooth([(162, 104), (194, 74), (224, 104), (196, 158), (160, 216)]),
            corner([(160, 216), (236, 212)]),
        ),
    ),
    Example(
        "scribble",
        "Scribble",
        "lines without a meaning",
        (
            corner(
                [
                    (60, 90),
                    (210, 60),
                    (80, 140),
                    (226, 120),
                    (60, 196),
                    (220, 176),
                    (96, 240),
                    (206, 226),
                ]
            ),
        ),
    ),
    Example("blank", "Blank", "no ink at all", ()),
)
BY_SLUG = {example.slug: example for example in EXAMPLES}
