"""The figure of the Draw screen: sampled probabilities of every digit, and the uncertainties.

Above: every sampled probability, one colour a network. Below: aleatoric and epistemic uncertainty.
At the bottom, where it is known: how far the image is from the training images. It is no entropy,
so it has an axis of its own.
Figures take arrays and return plotly figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bnnlib.figures.swarm import swarm
from bnnlib.figures.theme import (
    BAND,
    BAND_DARK,
    BASELINE,
    CLEAR,
    grid_lines,
    ink,
    network_colours,
    paper,
    text_colours,
)
from bnnlib.metrics.answer import Answer

HEIGHT = 314  # with the strip below, all is above the fold of a laptop
STRIP_HEIGHT = 62  # more, where the distance is shown
STRIP = 0.42  # width of one network's strip of dots; 1 is the distance from digit to digit
DASH = 0.036  # width of a dot, in the same unit
VOTES_LABEL = {
    "text": "votes",
    "xref": "paper",
    "x": -0.004,
    "y": 1.11,
    "xanchor": "right",
    "showarrow": False,
}
MAX_ENTROPY = float(np.log(10))


@dataclass(frozen=True)
class Series:
    """One network in the figure, at `place` 0 (left) or 1 (right).

    samples: `[S, C]`. mean, low, high, votes: their summary, `[C]` each. aleatoric, epistemic: in
    nats. baseline: `[C]`, the answer without sampling, or None. as_far: the share of held-out
    digits at least as far from the training images, or None.
    """

    name: str
    place: int
    samples: NDArray[np.float32]
    mean: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    votes: NDArray[np.int64]
    aleatoric: float
    epistemic: float
    baseline: NDArray[np.float32] | None = None
    as_far: float | None = None


def series_of(name: str, place: int, answer: Answer) -> Series:
    """An answer as the figure wants it."""
    return Series(
        name=name,
        place=place,
        samples=answer.samples,
        mean=answer.mean,
        low=answer.low,
        high=answer.high,
        votes=answer.votes,
        aleatoric=answer.aleatoric,
        epistemic=answer.epistemic,
        baseline=answer.deterministic,
        as_far=answer.as_far,
    )


def answers_figure(
    series: Sequence[Series], threshold: float | Sequence[float], dark: bool
) -> go.Figure:
    """The answers to one image, side by side on the same axes.

    threshold: one for all networks, or one each; drawn as a line.
    """
    # Few traces: the browser draws all of them anew while the pen moves, and each takes its time.
    data = [
        *_means(series, dark),
        *_baselines(series),
        _votes(series, dark),
        *_split_bars(series, dark),
        *_needles(series, dark),
    ]
    thresholds = [threshold] * len(series) if isinstance(threshold, (int, float)) else threshold
    shapes = [_bands(dark), *_limits(series, thresholds, dark)]
    shapes += [_dots(one, network_colours(dark)[one.place]) for one in series]
    layout = _layout(dark)
    if any(one.as_far is not None for one in series):
        layout |= _distance_layout(layout)
    layout = {**layout, "shapes": shapes, "annotations": [VOTES_LABEL]}
    # Plotly's check of every property takes 20 of 30 ms, and this is made while the pen moves. The
    # tests check it.
    return go.Figure(data, layout, _validate=False)


def _dots(one: Series, colour: str) -> dict[str, Any]:
    """All dots as one shape.

    As markers they would be thousands of elements, and the chart would be four times as slow.
    """
    offset, column, value = swarm(one.samples, STRIP * 0.86)
    x = _centres(one)[column] + offset
    path = "".join(
        f"M{a:.3f},{y:.3f}H{b:.3f}"
        for a, b, y in zip(x - DASH / 2, x + DASH / 2, value, strict=True)
    )
    return {
        "type": "path",
        "path": path,
        "line": {"color": colour, "width": 3.2},
        "opacity": 0.85,
        "layer": "between",
        "name": one.name,
    }


def _centres(one: Series) -> NDArray[np.floating]:
    """Where the network's strips are, `[C]`: beside each digit."""
    return np.arange(one.mean.size) + (one.place - 0.5) * STRIP


def _means(series: Sequence[Series], dark: bool) -> list[dict[str, Any]]:
    """Mean and interval of every digit, of all networks."""
    if not series:
        return []
    colour = ink(dark)
    mean, low, high = (
        np.concatenate([getattr(one, name) for one in series]) for name in ("mean", "low", "high")
    )
    means = {
        "type": "scatter",
        "name": "mean and interval",
        "x": np.concatenate([_centres(one) for one in series]),
        "y": mean,
        "mode": "markers",
        "marker": {
            "color": colour,
            "size": 14,
            "symbol": "line-ew-open",
            "line": {"width": 2.5, "color": colour},
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": high - mean,
            "arrayminus": mean - low,
            "color": colour,
            "thickness": 1.6,
            "width": 0,
        },
        "text": [one.name for one in series for _ in one.mean],
        "customdata": np.stack(
            [
                np.concatenate([np.arange(one.mean.size) for one in series]),
                low,
                high,
                np.concatenate([one.votes for one in series]),
            ],
            1,
        ),
        "hovertemplate": "<b>%{customdata[0]:.0f}</b> (%{text})<br>mean %{y:.3f}"
        "<br>5 to 95 %: %{customdata[1]:.3f} to %{customdata[2]:.3f}"
        "<br>votes %{customdata[3]:.0f}<extra></extra>",
    }
    return [means]


def _baselines(series: Sequence[Series]) -> list[dict[str, Any]]:
    """The answers without sampling."""
    return [
        {
            "type": "scatter",
            "name": f"{one.name}: without sampling",
            "x": _centres(one),
            "y": one.baseline,
            "mode": "markers",
            "marker": {
                "color": BASELINE,
                "size": 9,
                "symbol": "diamond-open",
                "line": {"width": 2, "color": BASELINE},
            },
            "hovertemplate": "without sampling %{y:.3f}<extra></extra>",
        }
        for one in series
        if one.baseline is not None
    ]


def _split_bars(series: Sequence[Series], dark: bool) -> list[dict[str, Any]]:
    """Aleatoric (plain) and epistemic (hatched) as one bar for each network, in nats."""
    names = [one.name for one in series]
    colours = [network_colours(dark)[one.place] for one in series]
    shared = {"type": "bar", "y": names, "orientation": "h", "xaxis": "x2", "yaxis": "y2"}
    return [
        {
            **shared,
            "name": "aleatoric",
            "x": [one.aleatoric for one in series],
            "marker": {"color": colours, "line": {"width": 0}},
            "hovertemplate": "aleatoric %{x:.3f} nats: "
            "the uncertainty within each sampled network<extra></extra>",
        },
        {
            **shared,
            "name": "epistemic",
            "x": [one.epistemic for one in series],
            "marker": {
                "color": colours,
                "line": {"width": 1, "color": colours},
                "pattern": {
                    "shape": "/",
                    "bgcolor": paper(dark),
                    "fgcolor": colours,
                    "size": 6,
                    "solidity": 0.45,
                },
            },
            "text": [
                f" <b>{one.aleatoric + one.epistemic:.2f}</b> "
                f"= {one.aleatoric:.2f} + {one.epistemic:.2f}"
                for one in series
            ],
            "textfont": {"size": 12},
            "textposition": "outside",
            "constraintext": "none",  # the bars are lower than a line of text
            "cliponaxis": False,
            "hovertemplate": "epistemic %{x:.3f} nats: "
            "the disagreement between sampled networks<extra></extra>",
        },
    ]


def _needles(series: Sequence[Series], dark: bool) -> list[dict[str, Any]]:
    """The distances from the training images, on the scale of held-out digits."""
    known = [(one, one.as_far) for one in series if one.as_far is not None]
    if not known:
        return []
    colours = [network_colours(dark)[one.place] for one, _ in known]
    needles = {
        "type": "scatter",
        "name": "distance",
        "x": [-np.log10(as_far) for _, as_far in known],
        "y": [one.name for one, _ in known],
        "xaxis": "x3",
        "yaxis": "y3",
        "mode": "markers",
        "cliponaxis": False,
        "marker": {
            "color": colours,
            "size": 14,
            "symbol": "line-ns-open",
            "line": {"width": 5, "color": colours},
        },
        "customdata": [as_far for _, as_far in known],
        "hovertemplate": "%{y}: %{customdata:.2%} of held-out digits are at least as far "
        "from the training images<extra></extra>",
    }
    return [needles]


def _distance_layout(layout: dict[str, Any]) -> dict[str, Any]:
    """Room for the distance below the rest, which keeps its size in pixels."""
    margins = layout["margin"]["t"] + layout["margin"]["b"]
    old = HEIGHT - margins
    new = old + STRIP_HEIGHT

    def moved(domain: list[float]) -> list[float]:
        return [1 - (1 - end) * old / new for end in domain]

    return {
        "height": HEIGHT + STRIP_HEIGHT,
        "yaxis": {**layout["yaxis"], "domain": moved(layout["yaxis"]["domain"])},
        "yaxis2": {**layout["yaxis2"], "domain": moved(layout["yaxis2"]["domain"])},
        "xaxis3": {
            **layout["xaxis2"],
            "anchor": "y3",
            "range": [0, 4.1],
            "tickvals": [0, 1, 2, 3, 4],
            "ticktext": ["all", "10 %", "1 %", "0.1 %", "0.01 %"],
            "title": {
                **layout["xaxis2"]["title"],
                "text": "digits at least as far from the training images",
            },
        },
        "yaxis3": {
            **layout["yaxis2"],
            "domain": [0, 24 / new],
            "anchor": "x3",
            "type": "category",
            "range": [1.5, -0.5],
            "autorange": False,
        },
    }


def _votes(series: Sequence[Series], dark: bool) -> dict[str, Any]:
    """Vote counts over the strips; each network has its own row, to fit on a phone.

    Annotations would look the same, but the browser would measure each of them.
    """
    voted = [(one, digit) for one in series for digit in np.flatnonzero(one.votes).tolist()]
    return {
        "type": "scatter",
        "name": "votes",
        "x": [digit for _, digit in voted],
        "y": [1.155 - 0.085 * one.place for one, _ in voted],
        "text": [str(one.votes[digit]) for one, digit in voted],
        "mode": "text",
        "textfont": {
            "color": [text_colours(dark)[one.place] for one, _ in voted],
            "size": 13,
            "weight": "bold",
        },
        "hoverinfo": "skip",
    }


def _bands(dark: bool) -> dict[str, Any]:
    """A tint behind every other digit, as one shape."""
    return {
        "type": "path",
        "path": "".join(
            f"M{digit - 0.5},-0.04V1.2H{digit + 0.5}V-0.04Z" for digit in range(0, 10, 2)
        ),
        "fillcolor": BAND_DARK if dark else BAND,
        "line": {"width": 0},
        "layer": "below",
    }


def _limits(
    series: Sequence[Series], thresholds: Sequence[float], dark: bool
) -> list[dict[str, Any]]:
    """Each network's threshold as a dotted line in its colour.

    Equal thresholds are one line; a threshold of 0 has none.
    """
    coloured = {
        least: text_colours(dark)[one.place]
        for one, least in zip(series, thresholds, strict=True)
        if least > 0
    }
    if len(set(thresholds)) == 1:
        coloured = dict.fromkeys(coloured, ink(dark))
    line = {"type": "line", "x0": -0.5, "x1": 9.5}
    return [
        {**line, "y0": y, "y1": y, "line": {"color": c, "width": 1.2, "dash": "dot"}}
        for y, c in coloured.items()
    ]


def _layout(dark: bool) -> dict[str, Any]:
    axis = {
        "zeroline": False,
        "fixedrange": True,
        "gridcolor": grid_lines(dark),
        "color": ink(dark),
        "ticklabeloverflow": "allow",  # no measuring of every label while the pen moves
    }
    small = {"size": 13}
    return {
        "template": {},  # plotly's default is large and would be sent at every stroke
        "hovermode": "closest",
        "height": HEIGHT,
        "margin": {"l": 46, "r": 8, "t": 6, "b": 38},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": ink(dark), "size": 13},
        "barmode": "stack",
        "bargap": 0.35,
        "dragmode": False,
        "showlegend": False,
        "hoverlabel": {"bgcolor": "#19222E" if dark else "#FFFFFF", "font": {"color": ink(dark)}},
        "xaxis": {
            **axis,
            "range": [-0.5, 9.5],
            "anchor": "y",
            "tickvals": list(range(10)),
            "tickfont": {"size": 17},
            "showgrid": False,
        },
        "yaxis": {
            **axis,
            "range": [-0.04, 1.2],
            "domain": [0.27, 1],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "ticktext": ["0", "¼", "½", "¾", "1"],
            "title": {"text": "probability", "standoff": 4, "font": small},
        },
        "xaxis2": {
            **axis,
            "range": [0, MAX_ENTROPY * 1.3],  # with room for the text after the longest bar
            "anchor": "y2",
            "tickvals": [0, 0.5, 1, 1.5, MAX_ENTROPY],
            "ticktext": ["0", "0.5", "1", "1.5", "most: 2.30"],
            "title": {"text": "uncertainty in nats", "standoff": 4, "font": small},
        },
        "yaxis2": {
            **axis,
            "domain": [0, 0.13],
            "anchor": "x2",
            "autorange": "reversed",
            "showgrid": False,
            "showticklabels": False,
        },
    }
