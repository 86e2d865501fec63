"""A figure for the back row: the same with larger letters and marks."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

LETTERS = 12  # plotly's own size of letters, where a figure names none
# What is measured in pixels, by the part of a figure that it belongs to.
PIXELS = {
    "layout": {"height", "width"},
    "margin": {"l", "r", "t", "b"},
    "pad": {"l", "r", "t", "b"},
    "font": {"size"},
    "title": {"standoff"},
    "annotations": {"xshift", "yshift"},
    "marker": {"size"},
    "pattern": {"size"},
    "fillpattern": {"size"},
    "line": {"width"},
    "error_x": {"thickness", "width"},
    "error_y": {"thickness", "width"},
    "colorbar": {"thickness"},
}


def enlarged(figure: go.Figure, factor: float) -> go.Figure:
    """The figure with letters, marks, lines, margins and height `factor` times as large.

    What is measured in the units of an axis stays as it is, and so does the given figure.
    """
    layout = figure.layout.to_plotly_json()
    layout.setdefault("font", {}).setdefault("size", LETTERS)
    layout.setdefault("hoverlabel", {}).setdefault("font", {}).setdefault("size", LETTERS + 1)
    data = [_grown(trace.to_plotly_json(), "data", factor) for trace in figure.data]
    # Plotly has checked every property already.
    return go.Figure(data, _grown(layout, "layout", factor), figure.frames, _validate=False)


def _grown(value: Any, part: str, factor: float) -> Any:
    """A part of a figure, with what it measures in pixels multiplied."""
    if isinstance(value, dict):
        pixels = PIXELS.get("font" if part.endswith("font") else part, set())
        return {
            name: _times(one, factor) if name in pixels else _grown(one, name, factor)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_grown(one, part, factor) for one in value]
    return value


def _times(value: Any, factor: float) -> Any:
    """A number, or numbers, multiplied; anything else as it is."""
    if isinstance(value, list | tuple | np.ndarray):
        return np.asarray(value, dtype=float) * factor
    return value * factor if isinstance(value, int | float) else value
