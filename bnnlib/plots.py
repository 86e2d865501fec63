"""The figure of the Draw screen: every sampled probability of every digit, one colour a network, over the split uncertainty.

Figures take arrays and return plotly figures; colours are Okabe & Ito's, told apart with any colour vision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

LEFT, LEFT_TEXT = "#E69F00", "#8F5E00"  # the second for letters on white, which the first is too bright for
RIGHT, RIGHT_DARK = "#0072B2", "#56B4E9"
BASELINE = "#7f8c99"
TEXT, TEXT_DARK = "#16202C", "#E8EDF3"
GRID, GRID_DARK = "rgba(22, 32, 44, 0.13)", "rgba(232, 237, 243, 0.16)"
BAND, BAND_DARK = "rgba(22, 32, 44, 0.045)", "rgba(232, 237, 243, 0.05)"
HEIGHT = 400
STRIP = 0.42  # of the way from digit to digit that one network's strip of dots takes
BINS, SLOTS = 100, 14  # cells of a strip up and across: dots in one cell cover each other and are drawn once
MAX_ENTROPY = float(np.log(10))


@dataclass(frozen=True)
class Series:
    """One network in the figure: `samples` `[S, C]`, what they sum up to (`[C]` each, entropies in nats), and its place, 0 or 1.

    baseline: `[C]`, the answer without sampling, or None.
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


def network_colours(dark: bool) -> tuple[str, str]:
    """The colours of the left and the right network."""
    return LEFT, RIGHT_DARK if dark else RIGHT


def text_colours(dark: bool) -> tuple[str, str]:
    """The same for letters, with a contrast of at least 4.5 : 1 to the background."""
    return (LEFT, RIGHT_DARK) if dark else (LEFT_TEXT, RIGHT)


def answers_figure(series: Sequence[Series], threshold: float, dark: bool) -> go.Figure:
    """The answers to one image, side by side on the same axes; `threshold` is drawn as a line."""
    figure = go.Figure()
    for one in series:
        colour = network_colours(dark)[one.place]
        centres = np.arange(one.mean.size) + (one.place - 0.5) * STRIP
        figure.add_traces([*_strip(one, centres, colour, dark), *_split_bar(one, colour, dark)])
        _add_votes(figure, one, text_colours(dark)[one.place])
    _lay_out(figure, threshold, dark)
    return figure


def swarm(samples: NDArray[np.float32], width: float) -> tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating]]:
    """Where the dots of a strip go: samples `[S, C]` -> (offset across, class, probability), each `[K]`, K <= S * C.

    Dots of about the same probability spread out from the middle, the more the wider, until they fill the `width`; those that
    would cover each other are drawn once.
    """
    count, classes = samples.shape
    column = np.tile(np.arange(classes), count)
    value = samples.ravel().astype(np.float64)
    level = np.rint(value * BINS).astype(np.int64)
    cell = column * (BINS + 1) + level
    order = np.argsort(cell, kind="stable")
    cell, column, value = cell[order], column[order], value[order]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    sizes = np.diff(starts, append=len(cell))
    rank, size = np.arange(len(cell)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)
    slot = np.where(size <= SLOTS, rank, rank * SLOTS // size)  # a crowd fills the strip
    _, first = np.unique(cell * SLOTS + slot, return_index=True)
    across = slot - (np.minimum(size, SLOTS) - 1) / 2
    return (across * width / SLOTS)[first], column[first], value[first]


def _strip(one: Series, centres: NDArray[np.floating], colour: str, dark: bool) -> list[go.Scatter]:
    offset, column, value = swarm(one.samples, STRIP * 0.86)
    ink = TEXT_DARK if dark else TEXT
    hover = np.stack([one.low, one.high, one.votes], 1)
    traces = [
        go.Scatter(
            x=(centres[column] + offset).astype(np.float32),
            y=value.astype(np.float32),
            mode="markers",
            marker={"color": colour, "size": 3.6, "opacity": 0.6},
            hoverinfo="skip",
        ),
        go.Scatter(
            x=centres,
            y=one.mean,
            mode="markers",
            marker={"color": ink, "size": 14, "symbol": "line-ew-open", "line": {"width": 2.5, "color": ink}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": one.high - one.mean,
                "arrayminus": one.mean - one.low,
                "color": ink,
                "thickness": 1.6,
                "width": 0,
            },
            customdata=hover,
            hovertemplate=f"<b>%{{x:.0f}}</b> · {one.name}<br>mean %{{y:.3f}}<br>5-95 % %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}}"
            "<br>votes %{customdata[2]:.0f}<extra></extra>",
        ),
    ]
    if one.baseline is not None:
        traces.append(
            go.Scatter(
                x=centres,
                y=one.baseline,
                mode="markers",
                marker={"color": BASELINE, "size": 9, "symbol": "diamond-open", "line": {"width": 2, "color": BASELINE}},
                hovertemplate="without sampling %{y:.3f}<extra></extra>",
            )
        )
    return traces


def _split_bar(one: Series, colour: str, dark: bool) -> list[go.Bar]:
    """Aleatoric (plain) and epistemic (hatched) as one bar, labelled in nats."""
    paper = "#0F151D" if dark else "#FFFFFF"
    shared: dict[str, Any] = {"y": [one.name], "orientation": "h", "xaxis": "x2", "yaxis": "y2"}
    total = one.aleatoric + one.epistemic
    return [
        go.Bar(
            x=[one.aleatoric],
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="aleatoric %{x:.3f} nats: what every sampled network leaves open<extra></extra>",
            **shared,
        ),
        go.Bar(
            x=[one.epistemic],
            marker={
                "color": colour,
                "line": {"width": 1, "color": colour},
                "pattern": {"shape": "/", "bgcolor": paper, "fgcolor": colour, "size": 6, "solidity": 0.45},
            },
            text=[f" <b>{total:.2f}</b> = {one.aleatoric:.2f} + {one.epistemic:.2f}"],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="epistemic %{x:.3f} nats: what the sampled networks disagree about<extra></extra>",
            **shared,
        ),
    ]


def _add_votes(figure: go.Figure, one: Series, colour: str) -> None:
    """A row of vote counts over the strips, one row a network, so that three figures fit a phone."""
    for digit in np.flatnonzero(one.votes):
        figure.add_annotation(
            x=int(digit),
            y=1.155 - 0.085 * one.place,
            text=f"<b>{one.votes[digit]}</b>",
            font={"color": colour, "size": 13},
            showarrow=False,
        )


def _lay_out(figure: go.Figure, threshold: float, dark: bool) -> None:
    text, grid, band = (TEXT_DARK, GRID_DARK, BAND_DARK) if dark else (TEXT, GRID, BAND)
    for digit in range(0, 10, 2):
        figure.add_shape(type="rect", x0=digit - 0.5, x1=digit + 0.5, y0=-0.04, y1=1.2, fillcolor=band, line={"width": 0}, layer="below")
    if threshold > 0:
        figure.add_shape(type="line", x0=-0.5, x1=9.5, y0=threshold, y1=threshold, line={"color": text, "width": 1.2, "dash": "dot"})
    axis = {"zeroline": False, "fixedrange": True, "gridcolor": grid, "color": text}
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 52, "r": 8, "t": 6, "b": 38},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": text, "size": 13},
        barmode="stack",
        bargap=0.35,
        dragmode=False,
        hoverlabel={"bgcolor": "#19222E" if dark else "#FFFFFF", "font": {"color": text}},
        showlegend=False,
        xaxis={
            **axis,
            "range": [-0.5, 9.5],
            "domain": [0, 1],
            "anchor": "y",
            "tickvals": list(range(10)),
            "tickfont": {"size": 17},
            "showgrid": False,
        },
        yaxis={
            **axis,
            "range": [-0.04, 1.2],
            "domain": [0.27, 1],
            "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "ticktext": ["0", "¼", "½", "¾", "1"],
            "title": {"text": "probability", "standoff": 6, "font": {"size": 13}},
        },
        xaxis2={
            **axis,
            "range": [0, MAX_ENTROPY * 1.02],
            "domain": [0, 1],
            "anchor": "y2",
            "title": {"text": "uncertainty in nats", "standoff": 4, "font": {"size": 13}},
            "tickvals": [0, 0.5, 1, 1.5, 2],
        },
        yaxis2={**axis, "domain": [0, 0.13], "anchor": "x2", "autorange": "reversed", "showgrid": False, "showticklabels": False},
    )
