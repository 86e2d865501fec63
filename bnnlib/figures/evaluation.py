"""The figures of the Evaluate page: calibration, refusal, doubt, shifts, confusions.

Figures take arrays and return plotly figures. Each network keeps its colour, symbol and dash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnnlib.figures.mosaic import data_uri
from bnnlib.figures.theme import (
    BASELINE,
    GRID,
    GRID_DARK,
    TEXT,
    TEXT_DARK,
    network_colours,
    paper,
)

EXTRA = (
    "#009E73",
    "#CC79A7",
    "#D55E00",
)  # Okabe & Ito's green, purple and vermilion, for a third network and more
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
PATTERNS = ("", "/", ".", "x", "-")
FAINT = 0.06  # opacity of a confusion that never happened
Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class Curve:
    """One network's line: its name, its place among those shown (0 to 4), points `x`, `y` `[K]`."""

    name: str
    place: int
    x: Numbers
    y: Numbers


def colours(dark: bool) -> tuple[str, ...]:
    """The colours of up to five networks."""
    return (*network_colours(dark), *EXTRA)


def reliability_figure(
    tables: Sequence[tuple[str, int, NDArray[np.floating]]], dark: bool
) -> go.Figure:
    """How often a network is right (y) when it is that sure (x).

    Each table `[3, bins]`: count, confidence, accuracy. A marker grows with the number of its
    images. Whiskers are Wilson's 95 % intervals: those of a bin with three images are wide.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="as sure as right",
        line={"color": BASELINE, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    for name, place, (count, confidence, accuracy) in tables:
        full = count > 0
        n, x, y = count[full], confidence[full], accuracy[full]
        low, high = wilson(y, n)
        colour = colours(dark)[place]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=name,
            customdata=np.stack([n, low, high], -1),
            line={"color": colour, "width": 1.5, "dash": DASHES[place]},
            marker={
                "color": colour,
                "symbol": SYMBOLS[place],
                "size": 6 + 4 * np.log10(n),
                "line": {"width": 1, "color": paper(dark)},
            },
            error_y={
                "array": high - y,
                "arrayminus": y - low,
                "color": colour,
                "thickness": 1,
                "width": 3,
            },
            hovertemplate="says %{x:.1%}, is right %{y:.1%}<br>"
            "(%{customdata[1]:.0%} to %{customdata[2]:.0%}) in %{customdata[0]:,.0f} "
            "images<extra>" + name + "</extra>",
        )
    _axes(figure, dark, "How sure it says it is", "How often it is right")
    figure.update_xaxes(range=[0.15, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[-0.02, 1.04], tickformat=".0%")
    return _finish(figure, dark, 380)


def wilson(share: Numbers, n: Numbers, z: float = 1.96) -> tuple[Numbers, Numbers]:
    """The 95 % interval of a share of `n` images (Wilson 1927), `[K]` each.

    It is sensible at shares of 0 and 1 too.
    """
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.minimum(middle - half, share), np.maximum(middle + half, share)


def refusal_figure(curves: Sequence[Curve], refused: float, dark: bool, limit: float) -> go.Figure:
    """The error of what is answered (y) against the share refused (x, up to `limit`).

    With a line at `refused`.
    """
    figure = go.Figure()
    for curve in curves:
        colour = colours(dark)[curve.place]
        keep = curve.x <= limit + 1e-9
        figure.add_scatter(
            x=curve.x[keep],
            y=curve.y[keep],
            mode="lines",
            name=curve.name,
            line={"color": colour, "width": 2.5, "dash": DASHES[curve.place]},
            hovertemplate="refusing %{x:.1%}: %{y:.2%} of the rest wrong"
            f"<extra>{curve.name}</extra>",
        )
        figure.add_scatter(
            x=[refused],
            y=[np.interp(refused, curve.x, curve.y)],
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={
                "color": colour,
                "size": 11,
                "symbol": SYMBOLS[curve.place],
                "line": {"width": 1.5, "color": paper(dark)},
            },
        )
    figure.add_vline(x=refused, line={"color": BASELINE, "width": 1.5, "dash": "dot"})
    _axes(figure, dark, "Share refused, the most uncertain first", "Wrong among the answered")
    figure.update_xaxes(range=[0, limit], tickformat=".0%")
    figure.update_yaxes(rangemode="tozero", tickformat=".1%")
    return _finish(figure, dark, 340)


def doubt_figure(
    edges: Numbers,
    digits: Numbers,
    others: Numbers,
    others_name: str,
    place: int,
    threshold: float,
    dark: bool,
) -> go.Figure:
    """How many digits and how many others are in how much doubt, on a log axis.

    Counts `[bins]` between `edges` `[bins + 1]` nats. All below the first positive edge are in the
    first bin; where that is much higher than the others it is cut and its height written.
    threshold: the doubt above which 5 % of the validation digits lie.
    """
    figure = go.Figure()
    colour = colours(dark)[place]
    ink = TEXT_DARK if dark else TEXT
    x = np.concatenate([[edges[1] * edges[1] / edges[2]], edges[1:]])
    for name, counts, style in (
        (
            "digits",
            digits,
            {"line": {"color": colour, "width": 2}, "fillcolor": _see_through(colour, 0.4)},
        ),
        (
            others_name,
            others,
            {
                "line": {"color": ink, "width": 1.5, "dash": "dash"},
                "fillcolor": _see_through(BASELINE, 0.35),
            },
        ),
    ):
        share = counts / counts.sum()
        figure.add_scatter(
            x=x,
            y=np.append(share, share[-1]),
            mode="lines",
            name=name,
            fill="tozeroy",
            **style,
            hovertemplate="%{y:.1%} of " + name + " near %{x:.2g} nats<extra></extra>",
        )
        figure.data[-1].line.shape = "hv"
    figure.add_vline(x=max(threshold, x[0]), line={"color": BASELINE, "width": 1.5, "dash": "dot"})
    _axes(figure, dark, "nats", "Share")
    figure.update_xaxes(
        type="log",
        range=[np.log10(x[0]), np.log10(x[-1])],
        tickvals=[1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1],
        ticktext=["≤ 10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"],
    )
    shares = np.stack([digits / digits.sum(), others / others.sum()])
    top = 1.15 * shares[:, 1:].max()
    if shares[:, 0].max() > top > 0:
        first = " and ".join(
            f"{share:.0%} of {name}"
            for share, name in zip(shares[:, 0], ("digits", others_name), strict=True)
            if share > top
        )
        figure.add_annotation(
            x=np.log10(x[1]),
            y=top,
            text=f"↑ {first}",
            showarrow=False,
            xanchor="left",
            yanchor="top",
            font={"color": ink, "size": 12},
        )
        figure.update_yaxes(range=[0, top])
    figure.update_yaxes(rangemode="tozero", tickformat=".0%", nticks=4)
    return _finish(figure, dark, 230)


def shift_figure(
    strengths: Sequence[float],
    panels: Mapping[str, Sequence[Curve]],
    unit: str,
    images: NDArray[np.uint8],
    dark: bool,
) -> go.Figure:
    """Panels one above another over the strength of a shift; `panels`: title -> curves.

    Below them one digit at each strength, `images` `[K, 28, 28]`.
    """
    titles = list(panels)
    figure = make_subplots(
        rows=len(titles), cols=1, shared_xaxes=True, vertical_spacing=0.09, subplot_titles=titles
    )
    for row, curves in enumerate(panels.values(), start=1):
        form = ".1%" if row == 1 else ".3f"
        for curve in curves:
            colour = colours(dark)[curve.place]
            figure.add_scatter(
                x=curve.x,
                y=curve.y,
                mode="lines+markers",
                name=curve.name,
                showlegend=row == 1,
                legendgroup=curve.name,
                line={"color": colour, "width": 2, "dash": DASHES[curve.place]},
                marker={"color": colour, "size": 7, "symbol": SYMBOLS[curve.place]},
                hovertemplate="%{x:g}: %{y:" + form + "}<extra>" + curve.name + "</extra>",
                row=row,
                col=1,
            )
        figure.update_yaxes(
            rangemode="tozero", tickformat=".0%" if row == 1 else None, nticks=5, row=row, col=1
        )
    step = min(np.diff(strengths)) if len(strengths) > 1 else 1.0
    last = "" if len(titles) == 1 else str(len(titles))
    for strength, image in zip(strengths, images, strict=True):
        figure.add_layout_image(
            source=data_uri(image),
            x=strength,
            y=-0.42,
            xref=f"x{last}",
            yref=f"y{last} domain",
            sizex=step * 0.94,
            sizey=0.9,
            xanchor="center",
            yanchor="top",
            sizing="contain",
        )
    _axes(figure, dark, "", "")
    margin = step * 0.6
    figure.update_xaxes(
        range=[strengths[0] - margin, strengths[-1] + margin], tickvals=list(strengths)
    )
    figure.update_xaxes(
        ticktext=[f"{strength:g}" if k % 2 == 0 else "" for k, strength in enumerate(strengths)]
    )
    figure.update_xaxes(title={"text": unit, "standoff": 4}, row=len(titles), col=1)
    for note in figure.layout.annotations:
        note.update(x=0, xanchor="left", font={"size": 13}, text=f"<b>{note.text}</b>")
    figure = _finish(figure, dark, 200 * len(titles) + 80)
    return figure.update_layout(margin={"l": 52, "r": 8, "t": 58, "b": 132}, legend={"y": 1.055})


def confusion_figure(matrix: NDArray[np.integer], place: int, dark: bool) -> go.Figure:
    """Which digit (row) was taken for which (column), `[C, C]`.

    Mistakes are coloured by their number, right answers are only counted.
    """
    mistakes = matrix.astype(float) - np.diag(np.diagonal(matrix))
    digits = [str(digit) for digit in range(len(matrix))]
    text = [
        [f"{count:,}" if i == j else str(count or "") for j, count in enumerate(row)]
        for i, row in enumerate(matrix)
    ]
    figure = go.Figure(
        go.Heatmap(
            z=mistakes,
            x=digits,
            y=digits,
            colorscale=[[0, _see_through(BASELINE, FAINT)], [1, colours(dark)[place]]],
            showscale=False,
            xgap=2,
            ygap=2,
            customdata=matrix,
            hovertemplate="%{y} taken for %{x}: %{customdata:,} images<extra></extra>",
        )
    )
    most, colour = max(mistakes.max(), 1), colours(dark)[place]
    # All at once: plotly looks at every annotation again when it is given one more.
    figure.update_layout(
        annotations=[
            {
                "x": j,
                "y": i,
                "text": label,
                "showarrow": False,
                "font": {
                    "size": 10 if i == j else 12,
                    "color": _ink(mistakes[i, j] / most, colour, dark),
                },
            }
            for i, row in enumerate(text)
            for j, label in enumerate(row)
        ]
    )
    _axes(figure, dark, "Taken for", "Is")
    figure.update_xaxes(type="category", showgrid=False, side="bottom", tickfont={"size": 13})
    figure.update_yaxes(
        type="category", showgrid=False, autorange="reversed", tickfont={"size": 13}
    )
    return _finish(figure, dark, 380)


def class_error_figure(
    errors: Sequence[tuple[str, int, Sequence[float | None]]], dark: bool
) -> go.Figure:
    """Share of each digit's images that are wrong, a bar a network.

    None where a digit has no images.
    """
    figure = go.Figure()
    pattern = {
        "size": 5,
        "solidity": 0.25,
        "fillmode": "overlay",
        "fgcolor": paper(dark),
        "fgopacity": 0.75,
    }
    for name, place, values in errors:
        figure.add_bar(
            x=[str(digit) for digit in range(len(values))],
            y=list(values),
            name=name,
            marker={
                "color": colours(dark)[place],
                "pattern": {"shape": PATTERNS[place], **pattern},
            },
            hovertemplate="%{x}: %{y:.2%} wrong<extra>" + name + "</extra>",
        )
    _axes(figure, dark, "Digit", "Wrong")
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(rangemode="tozero", tickformat=".1%", nticks=5)
    return _finish(figure, dark, 260).update_layout(bargap=0.25, bargroupgap=0.08)


def _axes(figure: go.Figure, dark: bool, x: str, y: str) -> None:
    grid = GRID_DARK if dark else GRID
    common: dict[str, Any] = {
        "gridcolor": grid,
        "zeroline": False,
        "fixedrange": True,
        "linecolor": grid,
    }
    figure.update_xaxes(title_text=x, title_standoff=8, automargin=False, **common)
    figure.update_yaxes(title_text=y, title_standoff=6, automargin=False, **common)


def _finish(figure: go.Figure, dark: bool, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 58, "r": 8, "t": 30, "b": 44},
        dragmode=False,
        hovermode="closest",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": TEXT_DARK if dark else TEXT, "size": 12},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "xanchor": "left",
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
        },
        hoverlabel={"bgcolor": paper(dark), "font": {"color": TEXT_DARK if dark else TEXT}},
    )


def _ink(share: float, colour: str, dark: bool) -> str:
    """Black or white, whichever reads better on a cell; the contrast is 4.5 : 1 or more.

    The cell is `share` of the way from faint grey to `colour`.
    """
    opacity = FAINT + (1 - FAINT) * share
    mixed = share * _rgb(colour) + (1 - share) * _rgb(BASELINE)
    seen = (opacity * mixed + (1 - opacity) * _rgb(paper(dark))) / 255
    linear = np.where(seen <= 0.03928, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4)
    return (
        "#000000" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "#FFFFFF"
    )  # WCAG's relative luminance


def _rgb(colour: str) -> Numbers:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], dtype=float)


def _see_through(colour: str, opacity: float) -> str:
    red, green, blue = _rgb(colour)
    return f"rgba({red:g}, {green:g}, {blue:g}, {opacity})"
