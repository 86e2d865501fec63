"""The figures of the Posterior page: the spread of weights, pruning, and weights as pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image
from plotly.subplots import make_subplots

from bnnlib.evaluation.pruning import PruningCurve
from bnnlib.evaluation.weights import QUANTITIES, Spread
from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.finish import finish
from bnnlib.figures.theme import LEFT, PALETTE, RIGHT_DARK, chosen, ink

AXES = {
    "weight": "weight",
    "mean": "mean μ of a weight",
    "sigma": "standard deviation σ of a weight",
    "signal_to_noise": "signal-to-noise |μ| / σ of a weight",
    "alpha": "α = σ² / μ² of a weight",
}
LANDMARKS = {  # values worth a line
    "signal_to_noise": (1.0, "μ as large as σ"),
    "alpha": (1.0, "σ as large as μ"),
}
DASHES = ("solid", "dash", "dashdot", "longdash", "dot", "longdashdot")


def spread_figure(spread: Spread, dark: bool) -> go.Figure:
    """Shares of the weights by bin, a line for each layer; the prior as a thin one."""
    figure = go.Figure()
    edges = spread.edges.numpy()
    logarithmic = QUANTITIES.get(spread.quantity, False)
    middle = np.sqrt(edges[1:] * edges[:-1]) if logarithmic else (edges[1:] + edges[:-1]) / 2
    colours = PALETTE[dark]
    for k, (name, shares) in enumerate(zip(spread.names, spread.shares, strict=True)):
        figure.add_scatter(
            x=middle,
            y=shares.numpy(),
            name=name,
            mode="lines",
            line={
                "color": colours[k % len(colours)],
                "width": 2.5,
                "dash": DASHES[k % len(DASHES)],
                "shape": "hvh",
            },
            hovertemplate=f"{name}: %{{y:.2%}} of the weights near %{{x:.3g}}<extra></extra>",
        )
    for scale, expected in _priors(spread).items():
        figure.add_scatter(
            x=middle,
            y=expected,
            name=f"prior, σ = {scale:.3g}",
            mode="lines",
            line={"color": ink(dark), "width": 1.3, "dash": "dot"},
            hovertemplate="prior: %{y:.2%} near %{x:.3g}<extra></extra>",
        )
    if spread.quantity == "sigma":
        for scale in _apart(spread.prior_scales):
            _mark(figure, scale, f"prior {scale:.2g}", edges, dark)
    if spread.quantity in LANDMARKS:
        _mark(figure, *LANDMARKS[spread.quantity], edges, dark)
    figure.update_xaxes(
        title={"text": AXES[spread.quantity], "standoff": 6},
        type="log" if logarithmic else "linear",
        range=np.log10(edges[[0, -1]]) if logarithmic else edges[[0, -1]],
        **_ticks(logarithmic, edges[-1] / edges[0]),
    )
    figure.update_yaxes(
        title={"text": "share of its weights", "standoff": 6},
        tickformat="~%",
        rangemode="tozero",
        nticks=6,
    )
    return finish(figure, 330, dark)


def _priors(spread: Spread) -> dict[float, NDArray[np.float64]]:
    """What each different prior expects, by its standard deviation."""
    if spread.prior is None:
        return {}
    return {
        round(scale, 6): expected.numpy()
        for scale, expected in zip(spread.prior_scales, spread.prior, strict=True)
    }


def _ticks(logarithmic: bool, span: float) -> dict[str, Any]:
    """A few ticks on a linear axis; decades on a logarithmic one, and 2 and 5 if it is short."""
    if not logarithmic:
        return {"nticks": 7}
    if span < 100:
        return {"dtick": "D2", "tickformat": "~g"}
    return {"dtick": 1, "exponentformat": "power"}


def _apart(scales: Sequence[float]) -> list[float]:
    """The different scales; those within a tenth of the one before count as the same."""
    found: list[float] = []
    for scale in sorted(scales):
        if not found or scale > 1.1 * found[-1]:
            found.append(scale)
    return found


def _mark(figure: go.Figure, x: float, words: str, edges: NDArray[np.float64], dark: bool) -> None:
    """A line at `x` of a logarithmic axis, with words on the side where there is room."""
    figure.add_vline(x=x, line={"color": ink(dark), "width": 1.3, "dash": "dot"})
    right = np.log(x / edges[0]) > 0.6 * np.log(edges[-1] / edges[0])
    figure.add_annotation(
        x=np.log10(x),
        y=1,
        yref="paper",
        text=words,
        showarrow=False,
        xanchor="right" if right else "left",
        yanchor="top",
        xshift=-4 if right else 4,
        font={"size": 12, "color": ink(dark)},
    )


def pruning_figure(curve: PruningCurve, share: float, dark: bool) -> go.Figure:
    """Error, NLL and mutual information over the share of weights that is kept, logarithmic.

    The measured point nearest to `share` left out has a ring.
    """
    kept = [1 - cost.share for cost in curve.costs]
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    panels = (
        ("error", "error", "~%", ".2%", PALETTE[dark][4]),
        ("nll", "NLL, nats", "~g", ".4f", chosen(dark)),
        ("mutual_information", "mutual<br>inf., nats", "~g", ".4f", PALETTE[dark][2]),
    )
    for row, (field, title, ticks, form, colour) in enumerate(panels, start=1):
        values = [getattr(cost, field) for cost in curve.costs]
        figure.add_scatter(
            x=kept,
            y=values,
            mode="lines+markers",
            name=title.replace("<br>", " "),
            line={"color": colour, "width": 2.5},
            marker={"size": 6},
            customdata=[100 * cost.share for cost in curve.costs],
            hovertemplate=f"%{{customdata:g}} % left out: %{{y:{form}}}<extra></extra>",
            row=row,
            col=1,
        )
        at = curve.at(share)
        figure.add_scatter(
            x=[1 - at.share],
            y=[getattr(at, field)],
            mode="markers",
            marker={
                "size": 15,
                "symbol": "circle-open",
                "color": ink(dark),
                "line": {"width": 2.5},
            },
            hoverinfo="skip",
            row=row,
            col=1,
        )
        spanned = min(values) > 0 and max(values) > 6 * min(values)
        figure.update_yaxes(
            title={"text": title, "standoff": 4},
            tickformat=ticks,
            row=row,
            col=1,
            nticks=4,
            **(
                {"type": "log", "dtick": 1 if max(values) > 100 * min(values) else "D2"}
                if spanned
                else {"range": [0, 1.15 * max(values) or 1]}
            ),
        )
    figure.update_xaxes(
        type="log",
        autorange="reversed",
        tickvals=[1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005],
        ticktext=["0", "50", "75", "90", "95", "98", "99", "99.5"],
    )
    figure.update_xaxes(
        title={"text": "% of the weights left out", "standoff": 6},
        row=3,
        col=1,
    )
    return finish(figure, 470, dark).update_layout(showlegend=False)


def weight_picture(values: NDArray[np.floating], limit: float, signed: bool, side: int = 4) -> str:
    """Numbers as a picture, `[R, C]`, `side` screen pixels each: a data URI of a PNG.

    signed: blue above 0, orange below, black at 0, full colour at +-`limit`. Else from black (0) to
    white (`limit`).
    """
    strength = np.clip(np.abs(values) / (limit or 1.0), 0, 1)[..., None]
    if signed:
        above, below = (_rgb(colour) for colour in (RIGHT_DARK, LEFT))
        pixels = strength * np.where(values[..., None] >= 0, above, below)
    else:
        pixels = strength * np.array([255.0, 255.0, 255.0])
    picture = Image.fromarray(pixels.round().astype(np.uint8))
    size = (side * picture.width, side * picture.height)
    return embed(to_png(picture.resize(size, Image.Resampling.NEAREST)))


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
