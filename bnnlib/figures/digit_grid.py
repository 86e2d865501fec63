"""The figure of the page Uncertain digits: a grid of digits that can be clicked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from bnnlib.evaluation.survey import Opinions, vote_shares
from bnnlib.figures import theme
from bnnlib.figures.mosaic import FRAME, SCALE, data_uri
from bnnlib.figures.theme import ink

SIDE = 28 * SCALE + 2 * FRAME  # pixels of a digit with its frame
ROW = SIDE + 60  # pixels of a row: a digit and three lines of caption


@dataclass(frozen=True)
class Cell:
    """One digit of the grid: the text below it and in its tooltip, and whether it is a mistake."""

    caption: str
    hover: str
    mistake: bool


def votes_caption(votes: Tensor, separator: str = "<br>") -> str:
    """The vote shares as in the article, "3: 0.60, 5: 0.40", two a line; `votes` `[C]`.

    Of more than four classes only the three largest shares are given.
    """
    shares = vote_shares(votes)
    if len(shares) > 4:
        shown = sorted(sorted(shares, key=lambda share: -share[1])[:3])
        parts = [f"{digit}: {share:.2f}" for digit, share in shown] + [f"+{len(shares) - 3} more"]
    else:
        parts = [f"{digit}: {share:.2f}" for digit, share in shares]
    return separator.join(", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2))


def describe(opinions: Opinions, position: int) -> str:
    """One image in words: its label, the prediction, the votes and the uncertainties."""
    votes = ", ".join(
        f"{digit}: {share:.2f}" for digit, share in vote_shares(opinions.votes[position])
    )
    total, epistemic = (
        float(opinions.measures[name][position])
        for name in ("predictive_entropy", "mutual_information")
    )
    label, predicted = int(opinions.labels[position]), int(opinions.predicted[position])
    verdict = "right" if label == predicted else "wrong"
    probability = float(opinions.mean[position, predicted])
    return (
        f"a {label}, predicted {predicted} ({verdict}) with mean probability {probability:.2f}; "
        f"votes {votes}; predictive entropy {total:.2f} nats, "
        f"of which mutual information {epistemic:.2f}"
    )


def cells(opinions: Opinions, positions: Tensor, first_rank: int, index: Tensor) -> list[Cell]:
    """The grid's cells for the images at `positions`, ranked from `first_rank` on.

    index: each image's place in the test split, `[B]`.
    """
    return [
        Cell(
            caption=votes_caption(opinions.votes[i])
            + (f"<br><b>✗ is {int(opinions.labels[i])}</b>" if opinions.wrong[i] else ""),
            hover=f"<b>No. {first_rank + k}</b>, test image {int(index[i])}<br>"
            + describe(opinions, i).replace("; ", "<br>"),
            mistake=bool(opinions.wrong[i]),
        )
        for k, i in enumerate(positions.tolist())
    ]


def grid(
    images: np.ndarray, cells: Sequence[Cell], columns: int, dark: bool, chosen: int | None = None
) -> go.Figure:
    """A grid of digits that can be clicked, uint8 `[K, 28, 28]`, in reading order.

    Plotly cannot select images, so an invisible square lies over each. Only the square of the
    `chosen` digit is visible, as a frame.
    """
    rows = -(-len(images) // columns)
    x = np.arange(len(images)) % columns + 0.5
    top = -(np.arange(len(images)) // columns).astype(float)
    figure = go.Figure()
    # All at once: plotly looks at every picture again when it is given one more.
    figure.update_layout(
        images=[
            {
                "source": data_uri(image, cell.mistake),
                "x": left,
                "y": high,
                "sizex": 0.98,
                "sizey": SIDE / ROW,
                "sizing": "contain",
                "xref": "x",
                "yref": "y",
                "xanchor": "center",
                "yanchor": "top",
                "layer": "below",
            }
            for image, cell, left, high in zip(images, cells, x, top, strict=True)
        ]
    )
    figure.add_scatter(
        x=x,
        y=top - (SIDE + 5) / ROW,
        mode="text",
        text=[cell.caption for cell in cells],
        textposition="bottom center",
        textfont={"color": ink(dark), "size": 11.5},
        unselected={"textfont": {"color": ink(dark)}},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=x,
        y=top - SIDE / 2 / ROW,
        mode="markers",
        marker={
            "symbol": "square-open",
            "size": SIDE,
            "opacity": 0,
            "color": theme.chosen(dark),
            "line": {"width": 4},
        },
        selectedpoints=[] if chosen is None else [chosen],
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0}},
        text=[cell.hover for cell in cells],
        hovertemplate="%{text}<extra></extra>",
    )
    figure.update_xaxes(range=[0, columns], visible=False, fixedrange=True)
    figure.update_yaxes(range=[-rows, 0.02], visible=False, fixedrange=True)
    return figure.update_layout(
        height=rows * ROW + 4,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        dragmode=False,
        hovermode="closest",
        showlegend=False,
        paper_bgcolor=theme.CLEAR,
        plot_bgcolor=theme.CLEAR,
        font={"color": ink(dark)},
        hoverlabel={  # the other theme's colours, to stand out
            "bgcolor": theme.paper(not dark),
            "font": {"color": ink(not dark), "size": 12},
            "align": "left",
        },
    )
