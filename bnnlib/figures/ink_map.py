"""The figure of an ink map: the image, and on it the pixels that would move the answer."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bnnlib.figures.mosaic import data_uri
from bnnlib.figures.theme import CLEAR, LEFT, RIGHT_DARK, ink


def ink_map_figure(
    image: NDArray[np.uint8], change: NDArray[np.floating], winner: int, rival: int, dark: bool
) -> go.Figure:
    """The image with the pixels whose change would move the lead of `winner` over `rival`.

    change: `[28, 28]`, in nats. Blue keeps the winner, orange takes its lead away.
    """
    limit = float(np.abs(change).max()) or 1.0
    strength = np.abs(change) / limit
    figure = go.Figure(
        go.Heatmap(
            z=np.where(strength > 0.08, change, np.nan),
            zmin=-limit,
            zmax=limit,
            colorscale=[[0, LEFT], [0.5, "rgba(127,140,153,0.35)"], [1, RIGHT_DARK]],
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "nats", "side": "top"}, "thickness": 10, "len": 0.9},
            hovertemplate=f"changing this pixel moves the lead of {winner} over {rival} "
            "by %{z:.2f} nats<extra></extra>",
        )
    )
    picture = {
        "source": data_uri(image),
        "xref": "x",
        "yref": "y",
        "x": -0.5,
        "y": -0.5,
        "sizex": 28,
        "sizey": 28,
        "xanchor": "left",
        "yanchor": "top",
        "layer": "below",
    }
    side = {"visible": False, "fixedrange": True}
    figure.update_layout(
        template="none",
        height=320,
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": ink(dark), "size": 12},
        images=[picture],
        xaxis={**side, "range": [-0.5, 27.5], "constrain": "domain"},
        yaxis={**side, "range": [27.5, -0.5], "scaleanchor": "x", "constrain": "domain"},
    )
    return figure
