"""The figure of the page with the uncertain digits: a grid of digits of which any can be clicked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from bnnlib.evaluation.survey import Opinions, vote_shares
from bnnlib.figures.mosaic import FRAME, INK, SCALE, data_uri

SIDE = 28 * SCALE + 2 * FRAME  # pixels of a digit with its frame
ROW = SIDE + 60  # and its captions: three lines
CHOSEN = {False: "#0072B2", True: "#56B4E9"}


@dataclass(frozen=True)
class Cell:
    """One digit of the grid: what stands under it and in its tooltip."""

    caption: str
    hover: str
    mistake: bool


def votes_caption(votes: Tensor, separator: str = "<br>") -> str:
    """The vote shares as the article prints them, "3: 0.60, 5: 0.40", two a line; of more than four classes the three largest."""
    shares = vote_shares(votes)
    if len(shares) > 4:
        shown = sorted(sorted(shares, key=lambda share: -share[1])[:3])
        parts = [f"{digit}: {share:.2f}" for digit, share in shown] + [f"+{len(shares) - 3} more"]
    else:
        parts = [f"{digit}: {share:.2f}" for digit, share in shares]
    return separator.join(", ".join(parts[i : i + 2]) for i in range(0, len(parts), 2))


def describe(opinions: Opinions, position: int) -> str:
    """One image in words: what it is, what was predicted, how the votes fell and how unsure the networks were."""
    votes = ", ".join(
        f"{digit}: {share:.2f}" for digit, share in vote_shares(opinions.votes[position])
    )
    total, epistemic = (
        float(opinions.measures[name][position])
        for name in ("predictive_entropy", "mutual_information")
    )
    label, predicted = int(opinions.labels[position]), int(opinions.predicted[position])
    verdict = "right" if label == predicted else "wrong"
    return (
        f"a {label}, predicted {predicted} ({verdict}) with mean probability {float(opinions.mean[position, predicted]):.2f}; "
        f"votes {votes}; predictive entropy {total:.2f} nats, of which mutual information {epistemic:.2f}"
    )


def cells(opinions: Opinions, positions: Tensor, first_rank: int, index: Tensor) -> list[Cell]:
    """The grid's cells for the images at `positions`, ranked from `first_rank` on; `index` `[B]`: their place in the test split."""
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
    """Digits, uint8 `[K, 28, 28]`, in reading order; each is a point that can be clicked, and `chosen` one of them has a frame.

    The points are squares over the images, invisible but for the chosen one, because images cannot be selected.
    """
    ink, _ = INK[dark]
    rows = -(-len(images) // columns)
    x = np.arange(len(images)) % columns + 0.5
    top = -(np.arange(len(images)) // columns).astype(float)
    middle, below = top - SIDE / 2 / ROW, top - (SIDE + 5) / ROW
    figure = go.Figure()
    for image, cell, left, high in zip(images, cells, x, top, strict=True):
        figure.add_layout_image(
            source=data_uri(image, cell.mistake), x=left, y=high, sizex=0.98, sizey=SIDE / ROW, sizing="contain",
            xref="x", yref="y", xanchor="center", yanchor="top", layer="below",
        )  # fmt: skip
    figure.add_scatter(
        x=x, y=below, mode="text", text=[cell.caption for cell in cells], textposition="bottom center", hoverinfo="skip", showlegend=False,
        textfont={"color": ink, "size": 11.5}, unselected={"textfont": {"color": ink}},
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=middle, mode="markers", showlegend=False,
        selectedpoints=[] if chosen is None else [chosen],
        marker={"symbol": "square-open", "size": SIDE, "opacity": 0, "color": CHOSEN[dark], "line": {"width": 4}},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 0}},
        text=[cell.hover for cell in cells], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[0, columns], visible=False, fixedrange=True)
    figure.update_yaxes(range=[-rows, 0.02], visible=False, fixedrange=True)
    return figure.update_layout(
        height=rows * ROW + 4, margin={"l": 0, "r": 0, "t": 4, "b": 0}, dragmode=False, hovermode="closest",
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": ink},
        hoverlabel={"bgcolor": INK[not dark][1], "font": {"color": INK[not dark][0], "size": 12}, "align": "left"},
    )  # fmt: skip
