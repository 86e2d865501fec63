"""Figures of training: how a network's error and likelihood changed, epoch by epoch."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

INK = {False: "#16202C", True: "#E8EDF3"}
LINES = {False: "rgba(22, 32, 44, 0.12)", True: "rgba(232, 237, 243, 0.14)"}


Point = dict[str, Any]  # one epoch of a card's history, the fields of `bnnlib.training.trainer.EpochReport`


def usable_history(card: dict[str, Any]) -> list[Point]:
    """The epochs in a card, without whatever in them is no finite number: anyone may have written the card."""
    history = card.get("history")
    points = [point for point in history if isinstance(point, dict)] if isinstance(history, list) else []
    numbers = [{name: value for name, value in point.items() if _is_number(value)} for point in points]
    return [point for point in numbers if "epoch" in point]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def learning_curve(
    histories: Sequence[tuple[str, str, Sequence[Point], int]], field: str, title: str, dark: bool, percent: bool = False
) -> go.Figure:
    """One quantity epoch by epoch. histories: (name, colour, epochs, best epoch) for each network; its best epoch gets a dot.

    Epochs without the quantity (a dropout network has no KL) are left out; the axis is logarithmic where that shows more.
    """
    figure = go.Figure()
    values: list[float] = []
    for name, colour, history, best in histories:
        points = [(point["epoch"], point[field]) for point in history if point.get(field) is not None]
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
    figure.update_yaxes(type="log" if values and min(values) > 0 and max(values) > 10 * min(values) else "linear", **axis)
    figure.update_yaxes(tickformat=".1%" if percent else None, nticks=6)
    return figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.98, "yanchor": "top"},
        height=250, margin={"l": 8, "r": 8, "t": 34, "b": 8}, showlegend=False, font={"color": INK[dark]},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", dragmode=False, hovermode="closest",
    )  # fmt: skip
