"""The figures of the Method page that are computed while one looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnnlib.figures.finish import finish
from bnnlib.figures.swarm import swarm
from bnnlib.figures.theme import BASELINE, PALETTE, ink

WIDTH = 0.8  # of a strip of dots; 1 is the distance from digit to digit


def answer_bars(answers: Mapping[str, NDArray[np.floating]], dark: bool) -> go.Figure:
    """Probabilities of the ten digits `[10]`, a bar for each of a few answers."""
    figure = go.Figure()
    colours = (BASELINE, PALETTE[dark][1], PALETTE[dark][0])
    patterns = ("", "/", "")
    for (name, probs), colour, pattern in zip(answers.items(), colours, patterns, strict=False):
        figure.add_bar(
            x=list(range(len(probs))),
            y=probs,
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern, "solidity": 0.4}},
            hovertemplate=f"{name}: %{{x}} with %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title={"text": "digit", "standoff": 4}, dtick=1)
    figure.update_yaxes(title={"text": "probability", "standoff": 4}, range=[0, 1])
    return finish(figure, 270, dark).update_layout(bargap=0.25)


def density_figure(
    weights: Sequence[tuple[str, float, float]], prior: float, dark: bool
) -> go.Figure:
    """Normal densities: (name, mean, standard deviation) for each weight, and the prior's.

    A density without width is a line.
    """
    figure = go.Figure()
    reach = max([3.2 * prior, *(abs(mean) + 3 * scale for _, mean, scale in weights)])
    x = np.linspace(-reach, reach, 481)
    shown = [*weights, ("prior", 0.0, prior)]
    top = max((_density(0.0, 0.0, scale) for _, _, scale in shown if scale), default=1.0)
    for k, (name, mean, scale) in enumerate(shown):
        last = k == len(shown) - 1
        line = {
            "color": ink(dark) if last else PALETTE[dark][k],
            "width": 1.5 if last else 2.5,
            "dash": "dot" if last else ("solid", "dash", "dashdot")[k % 3],
        }
        density = _density(x, mean, scale) if scale else None
        figure.add_scatter(
            x=x if scale else [mean, mean],
            y=density if scale else [0, top],
            name=name,
            mode="lines",
            line=line,
            hovertemplate=f"{name}: N({mean:.3f}, {scale:.3f}²)<extra></extra>",
        )
    figure.update_xaxes(title={"text": "value of the weight", "standoff": 4}, nticks=7)
    figure.update_yaxes(title={"text": "density", "standoff": 4}, rangemode="tozero", nticks=5)
    return finish(figure, 290, dark)


def _density(x: Any, mean: float, scale: float) -> Any:
    return np.exp(-(((x - mean) / scale) ** 2) / 2) / (scale * (2 * np.pi) ** 0.5)


def dots_figure(samples: NDArray[np.float32], dark: bool) -> go.Figure:
    """Sampled probabilities `[S, 10]`: a strip of dots for each digit, and the mean as a bar."""
    across, digit, probability = swarm(samples, WIDTH)
    figure = go.Figure()
    figure.add_scatter(
        x=digit + across,
        y=probability,
        mode="markers",
        name="a sampled network",
        marker={"size": 5, "color": PALETTE[dark][0], "opacity": 0.85},
        hovertemplate="a sampled network: %{y:.2f}<extra></extra>",
    )
    figure.add_scatter(
        x=list(range(samples.shape[1])),
        y=samples.mean(0),
        mode="markers",
        name="their mean",
        marker={
            "symbol": "line-ew-open",
            "size": 22,
            "color": ink(dark),
            "line": {"width": 3, "color": ink(dark)},
        },
        hovertemplate="mean of %{x}: %{y:.3f}<extra></extra>",
    )
    figure.update_xaxes(
        title={"text": "digit", "standoff": 4}, dtick=1, range=[-0.6, samples.shape[1] - 0.4]
    )
    figure.update_yaxes(title={"text": "probability", "standoff": 4}, range=[-0.03, 1.03])
    return finish(figure, 290, dark)


def noise_figure(
    batches: Sequence[int],
    variance: Mapping[str, Sequence[float]],
    seconds: Mapping[str, Sequence[float]],
    chosen: int,
    dark: bool,
) -> go.Figure:
    """The gradient's variance and the time of one draw by batch size, a line for each way."""
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.22)
    for column, (values, unit) in enumerate(
        ((variance, 1.0), ({name: list(s) for name, s in seconds.items()}, 1e3)), start=1
    ):
        for k, (name, row) in enumerate(values.items()):
            figure.add_scatter(
                x=list(batches),
                y=[unit * value for value in row],
                name=name,
                mode="lines+markers",
                legendgroup=name,
                showlegend=column == 1,
                line={
                    "color": PALETTE[dark][1 - k],
                    "width": 2.5,
                    "dash": ("dash", "solid")[k],
                },
                marker={"size": [12 if batch == chosen else 6 for batch in batches]},
                hovertemplate=f"{name}, batch %{{x}}: %{{y:.3g}}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(
        type="log",
        tickvals=list(batches),
        ticktext=[str(batch) for batch in batches],
        title={"text": "images in a batch", "standoff": 4},
    )
    figure.update_yaxes(
        type="log",
        title={"text": "variance of the gradient"},
        dtick=1,
        exponentformat="power",
        row=1,
        col=1,
    )
    figure.update_yaxes(
        title={"text": "milliseconds a draw"}, rangemode="tozero", nticks=5, row=1, col=2
    )
    return finish(figure, 300, dark)
