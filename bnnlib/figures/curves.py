"""Figures of training runs: curves that grow epoch by epoch, on axes that stay where they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

INK = {False: "#16202C", True: "#E8EDF3"}
LINES = {False: "rgba(22, 32, 44, 0.12)", True: "rgba(232, 237, 243, 0.14)"}
PALETTE = {  # Okabe-Ito, for runs side by side
    False: ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#7f8c99"),
    True: ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#F0E442"),
}

Point = dict[
    str, Any
]  # one epoch of a card's history, the fields of `bnnlib.training.trainer.EpochReport`


@dataclass(frozen=True)
class Curve:
    """One quantity of one run: (epoch, value) for the epochs that have it."""

    name: str
    colour: str
    points: Sequence[tuple[int, float]]
    dash: str = "solid"


def epoch_curves(
    curves: Sequence[Curve],
    title: str,
    epochs: int,
    dark: bool,
    percent: bool = False,
    legend: bool = False,
) -> go.Figure:
    """Curves over the epochs 0 to `epochs`, the end of training, so that they grow into a frame that stands still.

    A dot marks the last epoch of each. The axis is logarithmic where that shows more.
    """
    figure = go.Figure()
    form = ".2%" if percent else ".4g"
    for curve in curves:
        if not curve.points:
            continue
        x, y = zip(*curve.points, strict=True)
        figure.add_scatter(
            x=x, y=y, name=curve.name, mode="lines+markers", line={"color": curve.colour, "width": 2.5, "dash": curve.dash},
            marker={"color": curve.colour, "size": [0] * (len(x) - 1) + [8], "opacity": 1, "line": {"width": 0}},
            hovertemplate=f"{curve.name}, epoch %{{x}}: %{{y:{form}}}<extra></extra>",
        )  # fmt: skip
    values = [value for curve in curves for _, value in curve.points]
    logarithmic = bool(values) and min(values) > 0 and max(values) > 10 * min(values)
    axis = {"gridcolor": LINES[dark], "zeroline": False, "automargin": True, "fixedrange": True}
    figure.update_xaxes(
        range=[0, epochs * 1.04], title={"text": "epoch", "standoff": 4}, nticks=6, **axis
    )
    ticks = {"type": "log", "dtick": "D2"} if logarithmic else {"type": "linear", "nticks": 5}
    figure.update_yaxes(
        tickformat="~%" if percent else "~g",
        rangemode="tozero" if percent else "normal",
        **ticks,
        **axis,
    )
    return figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.98, "yanchor": "top"},
        height=230, margin={"l": 8, "r": 8, "t": 34, "b": 8}, font={"color": INK[dark]},
        showlegend=legend,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "font": {"size": 11}, "itemclick": False},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", dragmode=False, hovermode="closest", uirevision="fixed",
    )  # fmt: skip


def usable_history(card: dict[str, Any]) -> list[Point]:
    """The epochs in a card, without whatever in them is no finite number: anyone may have written the card."""
    history = card.get("history")
    points = (
        [point for point in history if isinstance(point, dict)] if isinstance(history, list) else []
    )
    numbers = [
        {name: value for name, value in point.items() if _is_number(value)} for point in points
    ]
    return [point for point in numbers if "epoch" in point]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def learning_curve(
    histories: Sequence[tuple[str, str, Sequence[Point], int]],
    field: str,
    title: str,
    dark: bool,
    percent: bool = False,
) -> go.Figure:
    """One quantity epoch by epoch. histories: (name, colour, epochs, best epoch) for each network; its best epoch gets a dot.

    Epochs without the quantity (a dropout network has no KL) are left out; the axis is logarithmic where that shows more.
    """
    figure = go.Figure()
    values: list[float] = []
    for name, colour, history, best in histories:
        points = [
            (point["epoch"], point[field]) for point in history if point.get(field) is not None
        ]
        if not points:
            continue
        x, y = zip(*points, strict=True)
        values += y
        dots = [11 if epoch == best else 5 if len(points) == 1 else 0 for epoch in x]
        form = "%{y:.2%}" if percent else "%{y:.4g}"
        figure.add_scatter(
            x=x, y=y, name=name, mode="lines+markers", line={"color": colour, "width": 2.5},
            marker={"color": colour, "size": dots, "opacity": 1, "line": {"width": 0}},
            hovertemplate=f"{name}, epoch %{{x}}: {form}<extra></extra>",
        )  # fmt: skip
    axis = {"gridcolor": LINES[dark], "zeroline": False, "automargin": True, "fixedrange": True}
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, rangemode="tozero", **axis)
    figure.update_yaxes(
        type="log" if values and min(values) > 0 and max(values) > 10 * min(values) else "linear",
        **axis,
    )
    figure.update_yaxes(tickformat=".1%" if percent else None, nticks=6)
    return figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.98, "yanchor": "top"},
        height=250, margin={"l": 8, "r": 8, "t": 34, "b": 8}, showlegend=False, font={"color": INK[dark]},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", dragmode=False, hovermode="closest",
    )  # fmt: skip
