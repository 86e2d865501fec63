"""Simulated photographs of digits on paper, to measure how pictures become images.

Every condition is a function of the digit's ink, `[H, W]` in [0, 1], and a generator; it returns
colours `[H, W, 3]` in [0, 1]. A seed gives the same photographs on every machine.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Random = np.random.Generator
Field = NDArray[np.floating]

HEIGHT, WIDTH = 800, 600
BLACK, BLUE, GRAPHITE = (0.1, 0.1, 0.13), (0.12, 0.18, 0.45), (0.45, 0.45, 0.46)
WHITE, BEIGE = (0.93, 0.93, 0.92), (0.87, 0.82, 0.72)
COLOURS = (
    (0.8, 0.15, 0.15),
    (0.95, 0.55, 0.1),
    (0.9, 0.78, 0.15),
    (0.2, 0.6, 0.3),
    (0.45, 0.2, 0.6),
)


def ink_of_strokes(strokes: Sequence[NDArray[np.float64]], random: Random, pen: float) -> Field:
    """Strokes, y down, drawn on a sheet at a random size and place by a pen of `pen` pixels."""
    points = np.concatenate(strokes)
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    size = random.uniform(0.3, 0.62) * WIDTH
    scaled = [(stroke - points.min(0)) * size / extent for stroke in strokes]
    box = np.ptp(np.concatenate(scaled), axis=0)
    corner = random.uniform(0.15, 0.85, 2) * (np.array([WIDTH, HEIGHT]) - box - 160) + 80
    twice = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    draw = ImageDraw.Draw(twice)
    for stroke in scaled:
        path = [tuple(2 * (point + corner)) for point in stroke]
        draw.line(path, fill=255, width=max(1, round(2 * pen)))
        for x, y in path:
            draw.ellipse((x - pen, y - pen, x + pen, y + pen), fill=255)
    return np.asarray(twice.reduce(2), dtype=np.float64) / 255


def ink_of_image(image: NDArray[np.uint8], random: Random) -> Field:
    """An MNIST image `[28, 28]` enlarged onto a sheet at a random size and place."""
    side = int(random.uniform(0.5, 0.95) * WIDTH)
    big = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    sharp = big.point(lambda value: min(255, max(0, 4 * (value - 96))))
    sheet = Image.new("L", (WIDTH, HEIGHT))
    sheet.paste(
        sharp, (int(random.integers(0, WIDTH - side)), int(random.integers(0, HEIGHT - side)))
    )
    return np.asarray(sheet, dtype=np.float64) / 255


def _cloud(random: Random, cells: int, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> Field:
    """Smooth noise, mean 0 and standard deviation about 1, with `cells` bumps across."""
    small = Image.fromarray(random.standard_normal((cells + 1, cells)).astype(np.float32))
    return np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC), dtype=np.float64)


def _sheet(
    ink: Field,
    random: Random,
    pen: Sequence[float] = BLACK,
    paper: Sequence[float] = WHITE,
    strength: float = 1.0,
    lines: Field | None = None,
    line_colour: Sequence[float] = (0.62, 0.72, 0.85),
) -> Field:
    """Colours of a written sheet in even light."""
    ground = np.array(paper) * (1 + 0.01 * _cloud(random, 12))[..., None]
    if lines is not None:
        ground = ground * (1 - lines[..., None]) + np.array(line_colour) * lines[..., None]
    cover = (strength * ink)[..., None]
    return ground * (1 - cover) + np.array(pen) * cover


def _exposed(colours: Field, random: Random, grain: float = 0.01) -> Field:
    """What a camera makes of it: a little blur, grain, and JPEG."""
    noisy = colours + grain * random.standard_normal(colours.shape)
    picture = Image.fromarray((np.clip(noisy, 0, 1) * 255).round().astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(float(random.uniform(0.3, 1.2))))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(random.integers(60, 95)))
    return np.asarray(Image.open(file), dtype=np.float64) / 255


def _along(random: Random) -> Field:
    """A coordinate in a random direction, from 0 to 1 over the sheet."""
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    place = np.cos(angle) * columns + np.sin(angle) * rows
    return (place - place.min()) / np.ptp(place)


def clean(ink: Field, random: Random) -> Field:
    return _exposed(_sheet(ink, random), random)


def gradient(ink: Field, random: Random) -> Field:
    light = 1.05 - random.uniform(0.45, 0.7) * _along(random) ** random.uniform(0.8, 2)
    return _exposed(_sheet(ink, random, paper=BEIGE) * light[..., None], random)


def shadow(ink: Field, random: Random) -> Field:
    edge, softness = random.uniform(0.3, 0.7), random.uniform(0.003, 0.06)
    dark = 1 / (1 + np.exp(-np.clip((_along(random) - edge) / softness, -50, 50)))
    light = 1 - random.uniform(0.3, 0.55) * dark
    return _exposed(_sheet(ink, random) * light[..., None], random)


def table(ink: Field, random: Random) -> Field:
    """The sheet lies askew on a darker table that shows on one or two sides."""
    colours = _sheet(ink, random)
    wood = np.array([0.36, 0.25, 0.17]) * random.uniform(0.7, 1.5)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    outside = np.zeros((HEIGHT, WIDTH), bool)
    for distance in random.permutation([columns, rows, WIDTH - 1 - columns, HEIGHT - 1 - rows])[
        : random.integers(1, 3)
    ]:
        slope = random.uniform(-0.05, 0.05) * (rows if np.ptp(distance[0]) else columns)
        outside |= distance + slope < random.uniform(20, 75)
    grain = wood * (1 + 0.12 * random.standard_normal((HEIGHT, WIDTH)))[..., None]
    return _exposed(np.where(outside[..., None] & (ink < 0.1)[..., None], grain, colours), random)


def pencil(ink: Field, random: Random) -> Field:
    grain = np.clip(0.75 + 0.35 * random.standard_normal(ink.shape), 0, 1)
    strength = random.uniform(0.45, 0.9)
    return _exposed(_sheet(ink * grain, random, GRAPHITE, strength=strength), random)


def _rules(random: Random, squared: bool) -> Field:
    """The lines of ruled or squared paper, a little askew."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    tilt, pitch = random.uniform(-0.025, 0.025), random.uniform(28, 45) * (1 if squared else 2)
    thick = random.uniform(1.2, 2.5)
    lines = (rows + tilt * columns) % pitch < thick
    if squared:
        lines |= (columns - tilt * rows) % pitch < thick
    return lines * random.uniform(0.5, 1.0)


def squared(ink: Field, random: Random) -> Field:
    return _exposed(_sheet(ink, random, BLUE, lines=_rules(random, True)), random)


def ruled(ink: Field, random: Random) -> Field:
    return _exposed(_sheet(ink, random, BLUE, lines=_rules(random, False)), random)


def squared_pencil(ink: Field, random: Random) -> Field:
    colours = _sheet(ink, random, GRAPHITE, strength=0.9, lines=_rules(random, True))
    return _exposed(colours, random)


def coloured(ink: Field, random: Random) -> Field:
    pen = COLOURS[random.integers(len(COLOURS))]
    return _exposed(_sheet(ink, random, pen, BEIGE, strength=0.9), random)


def ballpoint(ink: Field, random: Random) -> Field:
    """A blue ballpoint on beige paper with the light from one side."""
    light = 1.05 - random.uniform(0.3, 0.6) * _along(random)
    return _exposed(_sheet(ink, random, BLUE, BEIGE, 0.85) * light[..., None], random)


def chalk(ink: Field, random: Random) -> Field:
    board = np.array([0.13, 0.22, 0.19]) * (1 + 0.15 * _cloud(random, 6))[..., None]
    grain = np.clip(0.75 + 0.3 * random.standard_normal(ink.shape), 0, 1)
    cover = (ink * grain)[..., None]
    return _exposed(board * (1 - cover) + np.array([0.88, 0.88, 0.85]) * cover, random)


def dust(ink: Field, random: Random) -> Field:
    spots = np.zeros_like(ink)
    for _ in range(random.integers(2, 9)):
        row, column = random.integers(8, HEIGHT - 8), random.integers(8, WIDTH - 8)
        radius = int(random.integers(1, 6))
        spots[row - radius : row + radius, column - radius : column + radius] = 1
    return _exposed(_sheet(np.maximum(ink, spots), random), random)


def thin(ink: Field, random: Random) -> Field:
    """Drawn by a paint program's pen of one pixel: no camera in between."""
    return np.repeat(1 - np.where(ink > 0, 1.0, 0.0)[..., None], 3, axis=2)


def creased(ink: Field, random: Random) -> Field:
    """A sheet that was folded: lines of light and shade across it."""
    light = np.ones_like(ink)
    for _ in range(random.integers(1, 4)):
        distance = (_along(random) - random.uniform(0.1, 0.9)) * HEIGHT
        light += random.uniform(-0.12, 0.12) * np.exp(-(np.clip(distance / 4, -20, 20) ** 2))
        light += random.uniform(-0.12, 0.12) * (distance > 0)
    return _exposed(_sheet(ink, random) * light[..., None], random)


def dim(ink: Field, random: Random) -> Field:
    """Little light: dark, yellow and grainy."""
    colours = _sheet(ink, random) * np.array([0.42, 0.36, 0.26]) * random.uniform(0.7, 1.2)
    return _exposed(colours, random, grain=0.045)


def whiteboard(ink: Field, random: Random) -> Field:
    """A marker on a whiteboard with the lamp's reflection."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    place = random.uniform(0.1, 0.9, 2) * (HEIGHT, WIDTH)
    glare = np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (2 * 90.0**2))
    colours = _sheet(ink, random, COLOURS[random.choice([0, 3, 4])], (0.78, 0.8, 0.82))
    return _exposed(colours + 0.2 * glare[..., None], random)


CONDITIONS: dict[str, Callable[[Field, Random], Field]] = {
    function.__name__: function
    for function in (
        clean,
        gradient,
        shadow,
        table,
        pencil,
        squared,
        ruled,
        squared_pencil,
        coloured,
        ballpoint,
        chalk,
        dust,
        thin,
        creased,
        dim,
        whiteboard,
    )
}
PENS = {"thin": (0.5, 0.5), "ballpoint": (2.5, 5), "pencil": (3, 6), "squared_pencil": (3, 6)}


def photograph(
    condition: str, source: Sequence[NDArray[np.float64]] | NDArray[np.uint8], seed: int
) -> NDArray[np.float32]:
    """One simulated photograph, colours `[H, W, 3]` in [0, 1].

    source: a digit's strokes, each `[n, 2]` with y down, or an MNIST image uint8 `[28, 28]`.
    """
    random = np.random.default_rng(seed)
    if isinstance(source, np.ndarray):
        ink = ink_of_image(source, random)
    else:
        ink = ink_of_strokes(source, random, float(random.uniform(*PENS.get(condition, (4, 14)))))
    return np.clip(CONDITIONS[condition](ink, random), 0, 1).astype(np.float32)
