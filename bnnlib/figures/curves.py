"""Figures of training: one quantity epoch by epoch, while a run trains and after it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from bnnlib.figures.theme import CLEAR, grid_lines, ink

# One epoch of a card's history: the fields of `bnnlib.training.trainer.EpochReport`.
Point = dict[str, Any]


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
    """Curves of a running training, over the epochs 0 to `epochs`, its last.

    So the axis does not change while the curves grow. A dot marks the last epoch of each. The
    value axis is logarithmic if the values are positive and span more than a factor of 10.
    """
    figure = go.Figure()
    form = ".2%" if percent else ".4g"
    for curve in curves:
        if curve.points:
            dots = [0] * (len(curve.points) - 1) + [8]
            _add(figure, curve, dots, form)
    values = [value for curve in curves for _, value in curve.points]
    scale = {"type": "log", "dtick": "D2"} if _logarithmic(values) else {"type": "linear"}
    figure.update_xaxes(range=[0, epochs * 1.04], nticks=6)
    figure.update_yaxes(
        tickformat="~%" if percent else "~g",
        rangemode="tozero" if percent else "normal",
        nticks=5,
        **scale,
    )
    return _finish(figure, title, 230, dark).update_layout(
        showlegend=legend,
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1,
            "yanchor": "bottom",
            "font": {"size": 11},
            "itemclick": False,
        },
        uirevision="fixed",
    )


def usable_history(card: dict[str, Any]) -> list[Point]:
    """The epochs in a card, without values that are not finite numbers.

    A card is a text file that anyone may have changed, so it may hold anything.
    """
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
    """One quantity of finished trainings, epoch by epoch.

    histories: (name, colour, epochs, best epoch) for each network; its best epoch gets a dot.
    Epochs without the quantity are left out: a dropout network has no KL. The value axis is
    logarithmic if the values are positive and span more than a factor of 10.
    """
    figure = go.Figure()
    values: list[float] = []
    for name, colour, history, best in histories:
        points = [
            (point["epoch"], point[field]) for point in history if point.get(field) is not None
        ]
        if points:
            values += [value for _, value in points]
            dots = [11 if epoch == best else 5 if len(points) == 1 else 0 for epoch, _ in points]
            _add(figure, Curve(name, colour, points), dots, ".2%" if percent else ".4g")
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(
        type="log" if _logarithmic(values) else "linear",
        tickformat=".1%" if percent else None,
        nticks=6,
    )
    return _finish(figure, title, 250, dark).update_layout(showlegend=False)


def _add(figure: go.Figure, curve: Curve, dots: Sequence[int], form: str) -> None:
    """Add a curve with dots of these sizes; `form`: how its values are written."""
    x, y = zip(*curve.points, strict=True)
    figure.add_scatter(
        x=x,
        y=y,
        name=curve.name,
        mode="lines+markers",
        line={"color": curve.colour, "width": 2.5, "dash": curve.dash},
        marker={"color": curve.colour, "size": list(dots), "opacity": 1, "line": {"width": 0}},
        hovertemplate=f"{curve.name}, epoch %{{x}}: %{{y:{form}}}<extra></extra>",
    )


def _logarithmic(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) > 10 * min(values)


def _finish(figure: go.Figure, title: str, height: int, dark: bool) -> go.Figure:
    axis = {
        "gridcolor": grid_lines(dark),
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
    }
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, **axis)
    figure.update_yaxes(**axis)
    return figure.update_layout(
        title={
            "text": title,
            "font": {"size": 14},
            "x": 0,
            "xref": "container",
            "y": 0.98,
            "yanchor": "top",
        },
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        font={"color": ink(dark)},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        dragmode=False,
        hovermode="closest",
    )
