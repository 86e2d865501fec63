"""The answers' figure while the pen is down, painted over Plotly's chart by live_chart.js.

Streamlit makes a Plotly chart anew for each change, which takes a browser longer than the rest. So
while the pen is down Plotly's chart stays as it was, and the canvas covers what would change.
"""

from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from bnnlib.figures.theme import paper

HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "digits_live",
    html='<canvas hidden aria-hidden="true"></canvas>',
    css="canvas { display: block; width: 100% }\ncanvas[hidden] { display: none }",
    js=(HERE / "live_chart.js").read_text(encoding="utf-8"),
)


def show(figure: go.Figure | None, moves: int, dark: bool) -> None:
    """Paint the figure over the chart before it; None gives way to that chart.

    It waits until the chart's own `meta` says that it knows so many `moves` of the pen.
    """
    drawn = None
    if figure is not None:
        traces = [trace.to_plotly_json() for trace in figure.data]
        drawn = plain({"data": traces, "layout": figure.layout.to_plotly_json()})
    with st.container(key="live-chart"):
        _mount(key="live", data={"figure": drawn, "moves": moves, "paper": paper(dark)})


def plain(value: Any) -> Any:
    """The same without arrays."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
