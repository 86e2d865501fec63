"""Pictures of what still fails, for docs/drawings.md: `python -m benchmarks.failures [NAME]`.

Each row is a kind of drawing that the network named with more than 0.9: digits that it got wrong,
letters and doodles that it never met. Below a picture stand the answer and its probability, and
before it what was drawn.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from benchmarks import ink_data
from benchmarks.drawings import SURE, Set, asker, read_sets
from benchmarks.measure import ROOT
from bnnlib import load_checkpoint
from bnnlib.datasets.mnist import data_folders
from bnnlib.datasets.not_digits import learnt_of

SIDE, TEXT, GAP, COLUMNS = 84, 18, 8, 10  # pixels, and pictures in a row
ROWS = {"pen digits": "digits named wrongly", "letters": "letters", "doodles": "doodles"}


def failures(part: Set, probs: Tensor) -> list[tuple[float, Tensor, str]]:
    """The drawings that were named with more than `SURE` and are not that digit.

    probs: `[S, B, C]`. Returns the probability, the image and the words of each, the surest first.
    """
    sure, digit = probs.mean(0).max(-1)
    labels = torch.tensor(part.labels) if part.labels else torch.full_like(digit, -1)
    chosen = ((sure > SURE) & (digit != labels)).nonzero()[:, 0].tolist()
    chosen.sort(key=lambda k: -float(sure[k]))
    return [
        (float(sure[k]), part.images[k], f"{part.kinds[k][:9]}: {int(digit[k])}") for k in chosen
    ]


def picture(rows: dict[str, list[tuple[float, Tensor, str]]]) -> Image.Image:
    """A row of at most `COLUMNS` pictures of each kind, on white."""
    font, high = ImageFont.load_default(13), SIDE + 2 * TEXT + GAP
    sheet = Image.new("L", (COLUMNS * (SIDE + GAP) + GAP, len(rows) * (high + TEXT) + GAP), 255)
    draw = ImageDraw.Draw(sheet)
    for row, (title, found) in enumerate(rows.items()):
        top = GAP + row * (high + TEXT)
        draw.text((GAP, top), f"{title}: {len(found)}", fill=0, font=font)
        for column, (sure, image, words) in enumerate(found[:COLUMNS]):
            left = GAP + column * (SIDE + GAP)
            pixels = Image.fromarray((255 * (1 - image)).byte().numpy())
            sheet.paste(pixels.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top + TEXT))
            draw.text((left, top + TEXT + SIDE), f"{words}\n{sure:.2f}", fill=0, font=font)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="bayesian-pen")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "failures.png")
    options = parser.parse_args()
    network = load_checkpoint(options.name)
    learnt = learnt_of(network.card).categories
    data = options.data or data_folders()[0]
    sets = read_sets(data, ("letters", "doodles"), ink_data.REPORTING, 0, learnt)
    ask = asker(network, options.samples, 0)
    rows = {title: failures(sets[name], ask(sets[name].images)) for name, title in ROWS.items()}
    picture(rows).save(options.out, optimize=True)
    print(f"{options.out}: " + ", ".join(f"{len(v)} {title}" for title, v in rows.items()))


if __name__ == "__main__":
    main()
