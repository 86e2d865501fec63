"""The figures of the Method page that show recorded trainings."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnnlib.figures.finish import finish
from bnnlib.figures.theme import MISTAKE, PALETTE, ink

Epochs = Sequence[Mapping[str, Any]]


def terms_figure(epochs: Epochs, temperature: float, at: int, dark: bool) -> go.Figure:
    """The two terms of the loss of one run, epoch by epoch, in nats an image; `at`: an epoch."""
    figure = go.Figure()
    number = [one["epoch"] for one in epochs]
    terms = (
        ("negative log-likelihood", [one["nll"] for one in epochs], PALETTE[dark][1], "solid"),
        ("T · KL / N", [temperature * one["kl"] for one in epochs], PALETTE[dark][0], "dash"),
    )
    for name, values, colour, dash in terms:
        figure.add_scatter(
            x=number,
            y=values,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2.5, "dash": dash},
            marker={"size": [12 if epoch == at else 5 for epoch in number]},
            hovertemplate=f"{name}, epoch %{{x}}: %{{y:.4g}} nats<extra></extra>",
        )
    figure.add_vline(x=at, line={"color": ink(dark), "width": 1, "dash": "dot"})
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, rangemode="tozero", nticks=8)
    figure.update_yaxes(
        title={"text": "nats an image", "standoff": 4}, type="log", dtick="D2", tickformat="~g"
    )
    return finish(figure, 300, dark)


def sides_figure(
    runs: Mapping[str, Epochs], field: str, title: str, percent: bool, dark: bool
) -> go.Figure:
    """One quantity of two runs, epoch by epoch."""
    figure = go.Figure()
    for k, (name, epochs) in enumerate(runs.items()):
        figure.add_scatter(
            x=[one["epoch"] for one in epochs],
            y=[one[field] for one in epochs],
            name=name,
            mode="lines+markers",
            line={
                "color": (PALETTE[dark][0], MISTAKE)[k],
                "width": 2.5,
                "dash": ("solid", "dash")[k],
            },
            marker={"size": 5},
            hovertemplate=f"{name}, epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": "epoch", "standoff": 4}, rangemode="tozero", nticks=8)
    figure.update_yaxes(
        title={"text": title, "standoff": 4},
        nticks=6,
        **({"tickformat": "~%", "rangemode": "tozero"} if percent else {}),
    )
    return finish(figure, 290, dark)


PANELS = (  # field of a run, title, whether a share
    ("error", "error", True),
    ("nll", "NLL, nats", False),
    ("sigma", "σ / prior", False),
    ("mi_letters", "doubt, nats", False),
)


def temperature_figure(runs: Mapping[str, Mapping[str, Any]], chosen: str, dark: bool) -> go.Figure:
    """What a few temperatures give: four quantities, a bar for each temperature."""
    figure = make_subplots(rows=2, cols=2, horizontal_spacing=0.12, vertical_spacing=0.24)
    for k, (field, title, share) in enumerate(PANELS):
        row, column = k // 2 + 1, k % 2 + 1
        figure.add_bar(
            x=list(runs),
            y=[run[field] for run in runs.values()],
            marker={
                "color": PALETTE[dark][0],
                "opacity": [1.0 if name == chosen else 0.4 for name in runs],
            },
            text=[f"{run[field]:.2%}" if share else f"{run[field]:.3g}" for run in runs.values()],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"T = %{{x}}: {title} %{{y:.3g}}<extra></extra>",
            row=row,
            col=column,
        )
        most = max(run[field] for run in runs.values())
        figure.update_yaxes(
            range=[0, 1.2 * most or 1],
            nticks=4,
            tickformat="~%" if share else "~g",
            row=row,
            col=column,
        )
        figure.update_xaxes(
            type="category", title={"text": f"{title}, by T", "standoff": 2}, row=row, col=column
        )
    return finish(figure, 440, dark).update_layout(showlegend=False, bargap=0.3)
