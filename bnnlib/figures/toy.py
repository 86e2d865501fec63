"""One panel of the toy: the points, a method's mean, and its epistemic and total band."""

import numpy as np
import plotly.graph_objects as go

from bnnlib.figures.theme import CLEAR, PALETTE, grid_lines, ink
from bnnlib.toy.model import GRID, Prediction
from bnnlib.toy.points import Points

NAMES = ("reference", "mean-field", "dropout", "ensemble")
TALL = 3.0  # the panels show y from -3 to 3
DEVIATIONS = 2  # a band is the mean plus and minus two standard deviations
TOTAL, EPISTEMIC = 0.16, 0.34  # opacities of the bands, which lie over one another


def colours(dark: bool) -> dict[str, str]:
    """The colour of every method."""
    blue, orange, green, pink, *_ = PALETTE[dark]
    return dict(zip(NAMES, (pink, blue, orange, green), strict=True))


def panel(
    found: Prediction,
    points: Points,
    colour: str,
    dark: bool,
    reference: Prediction | None = None,
) -> go.Figure:
    """The bands of `found`; of the reference, where it is given, the epistemic band in dashes."""
    figure = go.Figure()
    x, mean = GRID.numpy(), found.mean.numpy()
    for name, spread, opacity in (
        ("total", found.total, TOTAL),
        ("epistemic", found.epistemic, EPISTEMIC),
    ):
        low, high = mean - DEVIATIONS * spread.numpy(), mean + DEVIATIONS * spread.numpy()
        figure.add_scatter(
            x=np.r_[x, x[::-1]],
            y=np.r_[high, low[::-1]],
            fill="toself",
            fillcolor=colour,
            opacity=opacity,
            line={"width": 0, "color": CLEAR},
            name=name,
            hoverinfo="skip",
        )
    if reference is not None:
        for sign in (-1, 1):
            edge = reference.mean + sign * DEVIATIONS * reference.epistemic
            figure.add_scatter(
                x=x,
                y=edge.numpy(),
                mode="lines",
                line={"width": 1.5, "dash": "4px,3px", "color": ink(dark)},
                hoverinfo="skip",
                name="reference",
            )
    figure.add_scatter(
        x=x,
        y=mean,
        mode="lines",
        line={"width": 2.5, "color": colour},
        customdata=np.stack([found.epistemic.numpy(), found.aleatoric.numpy()], 1),
        hovertemplate="x %{x:.2f}: mean %{y:.2f}<br>standard deviation: epistemic "
        "%{customdata[0]:.2f}, aleatoric %{customdata[1]:.2f}<extra></extra>",
        name="mean",
    )
    figure.add_scatter(
        x=[x for x, _ in points.pairs],
        y=[y for _, y in points.pairs],
        mode="markers",
        marker={"size": 5, "color": ink(dark)},
        hoverinfo="skip",
        name="points",
    )
    axis = {
        "gridcolor": grid_lines(dark),
        "zeroline": False,
        "fixedrange": True,
        "dtick": 2,
        "tickfont": {"size": 12},
        "title": {"standoff": 4, "font": {"size": 13}},
    }
    figure.update_xaxes(range=[-2, 2], title_text="x", **axis)
    figure.update_yaxes(range=[-TALL, TALL], title_text="y", **axis)
    return figure.update_layout(
        height=236,
        margin={"l": 42, "r": 6, "t": 6, "b": 36},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": ink(dark)},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
    )
