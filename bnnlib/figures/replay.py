"""The figure of a replay: probabilities and uncertainties along a change.

It plays in the browser alone: each frame moves a marker and shows its image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bnnlib.figures.mosaic import data_uri
from bnnlib.figures.theme import (
    BASELINE,
    CLEAR,
    PALETTE,
    grid_lines,
    ink,
    network_colours,
    paper,
)

HEIGHT = 520
SEEN = 0.15  # a digit whose mean probability never reaches this has a faint line without a name
NAMED = 6  # as many digits have a colour of their own
STEP = 180  # milliseconds a frame is shown
MAX_ENTROPY = float(np.log(10))


@dataclass(frozen=True)
class Track:
    """One network along the change, at `place` 0 (left) or 1 (right).

    mean: `[K, C]`. aleatoric, epistemic: `[K]`, in nats.
    """

    name: str
    place: int
    mean: NDArray[np.floating]
    aleatoric: NDArray[np.floating]
    epistemic: NDArray[np.floating]


def replay_figure(
    tracks: Sequence[Track],
    amounts: NDArray[np.floating],
    images: NDArray[np.uint8],
    present: float,
    label: str,
    dark: bool,
) -> go.Figure:
    """One column a network: class probabilities above, the two uncertainties below.

    amounts: `[K]`, the x axis, called `label`. images: uint8 `[K, 28, 28]`. present: the amount at
    which the marker starts. The play button and the slider move it.
    """
    first = int(np.abs(amounts - present).argmin())
    colours = _digit_colours(tracks, dark)
    data: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for k, track in enumerate(tracks):
        upper = {"xaxis": _axis("x", 2 * k + 1), "yaxis": _axis("y", 2 * k + 1)}
        data += _probabilities(track, amounts, colours, dark, upper)
        data += _uncertainties(
            track, amounts, dark, {"xaxis": _axis("x", 2 * k + 2), "yaxis": _axis("y", 2 * k + 2)}
        )
        annotations += [_title(track, k, dark), *_names(track, amounts, colours, k)]
    markers = [_marker(k, amounts[first], dark) for k in range(2 * len(tracks))]
    places = list(range(len(data), len(data) + len(markers)))
    frames = [
        {
            "name": str(step),
            "traces": places,
            "data": [{"x": [amount, amount]} for _ in markers],
            "layout": {"images": [_picture(images[step])]},
        }
        for step, amount in enumerate(amounts)
    ]
    layout = {
        **_layout(len(tracks), amounts, dark),
        "annotations": [*annotations, _below(label)],
        "images": [_picture(images[first])],
        "updatemenus": [_buttons(dark)],
        "sliders": [_slider(amounts, first, dark)],
    }
    return go.Figure([*data, *markers], layout, frames)


def _axis(letter: str, number: int) -> str:
    """How plotly names its axes: x, x2, x3 ..."""
    return f"{letter}{number if number > 1 else ''}"


def _digit_colours(tracks: Sequence[Track], dark: bool) -> dict[int, str]:
    """Colours of the digits that matter somewhere, the most probable first."""
    peaks = np.max([track.mean.max(0) for track in tracks], axis=0)
    order = [int(d) for d in np.argsort(-peaks, kind="stable")[:NAMED] if peaks[d] >= SEEN]
    return dict(zip(order, PALETTE[dark], strict=False))


def _probabilities(
    track: Track, amounts: NDArray[np.floating], colours: dict[int, str], dark: bool, axes: Any
) -> list[dict[str, Any]]:
    return [
        {
            **axes,
            "type": "scatter",
            "mode": "lines",
            "name": f"{digit}",
            "x": amounts,
            "y": track.mean[:, digit],
            "line": {
                "color": colours.get(digit, BASELINE),
                "width": 2.6 if digit in colours else 0.8,
            },
            "hovertemplate": f"<b>{digit}</b>: %{{y:.2f}} at %{{x:.4g}}<extra></extra>",
        }
        for digit in range(track.mean.shape[1])
    ]


def _uncertainties(
    track: Track, amounts: NDArray[np.floating], dark: bool, axes: Any
) -> list[dict[str, Any]]:
    """Aleatoric, with epistemic stacked on it and hatched, as in the figure of the answers."""
    colour = network_colours(dark)[track.place]
    shared = {
        **axes,
        "type": "scatter",
        "mode": "lines",
        "x": amounts,
        "stackgroup": f"{track.place}",
        "line": {"color": colour, "width": 1},
    }
    return [
        {
            **shared,
            "name": "aleatoric",
            "y": track.aleatoric,
            "fillcolor": colour,
            "hovertemplate": "aleatoric %{y:.2f} nats<extra></extra>",
        },
        {
            **shared,
            "name": "epistemic",
            "y": track.epistemic,
            "fillcolor": paper(dark),
            "fillpattern": {
                "shape": "/",
                "fgcolor": colour,
                "bgcolor": paper(dark),
                "size": 7,
                "solidity": 0.4,
            },
            "hovertemplate": "epistemic %{y:.2f} nats<extra></extra>",
        },
    ]


def _marker(k: int, amount: float, dark: bool) -> dict[str, Any]:
    """The upright line at the amount that is shown."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [amount, amount],
        "y": [0, 1.0 if k % 2 == 0 else MAX_ENTROPY],
        "xaxis": _axis("x", k + 1),
        "yaxis": _axis("y", k + 1),
        "line": {"color": ink(dark), "width": 1.6, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _names(
    track: Track, amounts: NDArray[np.floating], colours: dict[int, str], k: int
) -> list[dict[str, Any]]:
    """The digit at the peak of its line, so that colour is not all there is to tell them apart."""
    peaks = [(digit, int(track.mean[:, digit].argmax())) for digit in colours]
    return [
        {
            "text": f"<b>{digit}</b>",
            "x": float(amounts[at]),
            "y": float(track.mean[at, digit]),
            "xref": _axis("x", 2 * k + 1),
            "yref": _axis("y", 2 * k + 1),
            "yshift": 10,
            "showarrow": False,
            "font": {"color": colours[digit], "size": 15},
        }
        for digit, at in peaks
        if track.mean[at, digit] >= SEEN
    ]


def _title(track: Track, k: int, dark: bool) -> dict[str, Any]:
    return {
        "text": f"<b>{track.name}</b>",
        "xref": _axis("x", 2 * k + 1) + " domain",
        "yref": "paper",
        "x": 0,
        "y": 0.89,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": ink(dark), "size": 14},
    }


def _below(label: str) -> dict[str, Any]:
    """What the x axes show, once for both, so that it fits on a phone."""
    return {
        "text": label,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0,
        "yshift": -22,
        "yanchor": "top",
        "showarrow": False,
    }


def _picture(image: NDArray[np.uint8]) -> dict[str, Any]:
    """The image that is shown, above the curves on the right."""
    return {
        "source": data_uri(image),
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1.12,
        "sizex": 0.3,
        "sizey": 0.2,
        "xanchor": "right",
        "yanchor": "top",
        "layer": "above",
    }


def _buttons(dark: bool) -> dict[str, Any]:
    """Play and pause. Nothing moves before it is asked for."""
    play = {
        "frame": {"duration": STEP, "redraw": True},
        "transition": {"duration": 0},
        "fromcurrent": True,
        "mode": "immediate",
    }
    stop = {"frame": {"duration": 0}, "mode": "immediate", "transition": {"duration": 0}}
    return {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "x": 0,
        "y": 1.1,
        "xanchor": "left",
        "yanchor": "top",
        "bgcolor": paper(dark),
        "bordercolor": grid_lines(dark),
        "font": {"color": ink(dark), "size": 13},
        "buttons": [
            {"label": "Play", "method": "animate", "args": [None, play]},
            {"label": "Pause", "method": "animate", "args": [[None], stop]},
        ],
    }


def _slider(amounts: NDArray[np.floating], first: int, dark: bool) -> dict[str, Any]:
    show = {
        "frame": {"duration": 0, "redraw": True},
        "mode": "immediate",
        "transition": {"duration": 0},
    }
    return {
        "active": first,
        "pad": {"t": 34, "b": 0},
        "len": 1,
        "x": 0,
        "currentvalue": {"visible": False},
        "font": {"color": ink(dark), "size": 11},
        "bgcolor": grid_lines(dark),
        "bordercolor": grid_lines(dark),
        "tickcolor": CLEAR,
        "ticklen": 0,
        "steps": [
            {"label": "", "value": f"{amount:.4g}", "method": "animate", "args": [[str(k)], show]}
            for k, amount in enumerate(amounts)
        ],
    }


def _layout(columns: int, amounts: NDArray[np.floating], dark: bool) -> dict[str, Any]:
    axis = {
        "zeroline": False,
        "fixedrange": True,
        "gridcolor": grid_lines(dark),
        "color": ink(dark),
    }
    layout: dict[str, Any] = {
        "template": "none",
        "height": HEIGHT,
        "margin": {"l": 44, "r": 10, "t": 54, "b": 78},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": ink(dark), "size": 13},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        "hoverlabel": {"bgcolor": "#19222E" if dark else "#FFFFFF", "font": {"color": ink(dark)}},
    }
    gap = 0.06
    width = (1 - gap * (columns - 1)) / columns
    for k in range(columns):
        domain = [k * (width + gap), k * (width + gap) + width]
        for row, (top, low, most, title) in enumerate(
            ((0.88, 0.38, 1.09, "probability"), (0.3, 0.0, MAX_ENTROPY * 1.02, "nats"))
        ):
            n = 2 * k + row + 1
            layout[_axis("xaxis", n)] = {
                **axis,
                "domain": domain,
                "anchor": _axis("y", n),
                "range": [float(amounts[0]), float(amounts[-1])],
                "showticklabels": row == 1,
                "showgrid": False,
            }
            layout[_axis("yaxis", n)] = {
                **axis,
                "domain": [low, top],
                "anchor": _axis("x", n),
                "range": [0, most],
                "showticklabels": k == 0,
                "nticks": 5,
                "title": {"text": title if k == 0 else "", "standoff": 4, "font": {"size": 13}},
            }
    return layout
