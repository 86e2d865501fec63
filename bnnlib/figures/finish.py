"""What the figures of the Posterior and the Method page share: axes, margins, legend, letters."""

import plotly.graph_objects as go

from bnnlib.figures.theme import CLEAR, grid_lines, ink


def finish(figure: go.Figure, height: int, dark: bool) -> go.Figure:
    """The figure `height` pixels high, in the colours of the theme, with nothing to drag."""
    axis = {
        "gridcolor": grid_lines(dark),
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure.update_layout(
        template="none",
        height=height,
        margin={"l": 8, "r": 12, "t": 30, "b": 8},
        font={"color": ink(dark), "size": 13},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        dragmode=False,
        hovermode="closest",
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )
