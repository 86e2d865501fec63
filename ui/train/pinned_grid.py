"""The pinned images and what the network says of each: picture, winner, sampled probabilities."""

import html

import numpy as np
from torch import Tensor

from bnnlib.figures.embed import embed
from bnnlib.figures.mosaic import data_uri
from bnnlib.figures.theme import ink as ink_colour
from bnnlib.metrics import uncertainty

STYLE = """<style>
.pinned { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: .6rem; }
.pinned { margin: 0 !important; padding: 0 !important; list-style: none; }
.pinned > li { margin: 0; padding: .5rem .6rem .3rem; border-radius: 8px; }
.pinned > li { border: 1px solid color-mix(in srgb, currentColor 16%, transparent); }
.pinned .top { display: flex; gap: .6rem; align-items: center; }
.pinned img { width: 52px; height: 52px; border-radius: 4px; flex: none; }
.pinned img { image-rendering: pixelated; }
.pinned b { font-size: 1.7rem; line-height: 1; font-variant-numeric: tabular-nums; }
.pinned .word { font-size: .76rem; line-height: 1.25; opacity: .85; }
.pinned img.columns { width: 100%; height: auto; border-radius: 0; image-rendering: auto; }
.pinned img.columns { display: block; margin-top: .35rem; }
.pinned .digits { display: grid; grid-template-columns: repeat(10, 1fr); text-align: center; }
.pinned .digits { font-size: .68rem; opacity: .7; }
</style>"""
WIDTH, HEIGHT = 200, 64  # of a picture of columns, in its own units
SHOWN = 30  # dots a column


def pinned_grid(
    images: Tensor, captions: tuple[str, ...], probs: Tensor, colour: str, dark: bool
) -> str:
    """The grid in HTML. images: uint8 `[P, 28, 28]`. probs: of sampled networks, `[S, P, C]`."""
    mean, doubt = probs.mean(0).numpy(), uncertainty.mutual_information(probs).tolist()
    names = [*captions, *[""] * (len(images) - len(captions))]
    cells = [
        _cell(
            images[k].numpy(),
            names[k],
            probs[:, k].numpy(),
            mean[k],
            doubt[k],
            (colour, ink_colour(dark)),
        )
        for k in range(len(images))
    ]  # one block of HTML: an update replaces it at once, nothing flickers
    return f'{STYLE}<ul class="pinned">{"".join(cells)}</ul>'


def _cell(
    image: np.ndarray,
    caption: str,
    probs: np.ndarray,
    mean: np.ndarray,
    doubt: float,
    colours: tuple[str, str],
) -> str:
    digit = int(mean.argmax())
    said = f"{digit} with {mean[digit]:.0%}"
    alt = (
        f"{caption or 'a pinned image'}: the network says {said}, epistemic doubt {doubt:.2f} nats"
    )
    picture = f'<img src="{data_uri(image)}" alt="{html.escape(caption, quote=True)}">'
    digits = "".join(f"<span>{c}</span>" for c in range(10))
    return (
        f'<li><div class="top">{picture}<div>'
        f'<b>{digit}</b> <span class="word">{mean[digit]:.0%}</span>'
        f'<div class="word">{html.escape(caption)}<br>doubt {doubt:.2f}</div>'
        f"</div></div>{_columns(probs, mean, colours, alt)}"
        f'<div class="digits" aria-hidden="true">{digits}</div></li>'
    )


def _columns(probs: np.ndarray, mean: np.ndarray, colours: tuple[str, str], alt: str) -> str:
    """Ten columns: a bar to the mean, a dot for each sampled network."""
    step = WIDTH / 10
    bars = "".join(
        f'<rect x="{c * step + 2:.1f}" y="{HEIGHT * (1 - p):.1f}" width="{step - 4:.1f}" '
        f'height="{max(HEIGHT * p, 0.6):.1f}" rx="1.5"/>'
        for c, p in enumerate(mean)
    )
    spread = np.linspace(-0.3, 0.3, min(len(probs), SHOWN)) * step
    dots = "".join(
        f'<circle cx="{(c + 0.5) * step + dx:.1f}" cy="{HEIGHT * (1 - probs[s, c]):.1f}" r="1.6"/>'
        for c in range(10)
        for s, dx in enumerate(spread)
        if probs[s, c] > 0.01 or mean[c] > 0.01
    )
    colour, ink = colours
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -2 {WIDTH} {HEIGHT + 4}">'
        f'<path d="M0 {HEIGHT}H{WIDTH}" stroke="{ink}" stroke-opacity=".35"/>'
        f'<g fill="{colour}" fill-opacity=".5">{bars}</g>'
        f'<g fill="{ink}" fill-opacity=".5">{dots}</g></svg>'
    )
    address = embed(svg.encode(), "image/svg+xml")
    return f'<img class="columns" src="{address}" alt="{html.escape(alt, quote=True)}">'
