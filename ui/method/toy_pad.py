"""The sheet on which the toy's points are moved. The browser's part is toy_pad.js."""

from pathlib import Path
from typing import Any

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.toy.points import MOST, Points

HERE = Path(__file__).parent
NAME = (
    "Sheet of points: tap to add a point, drag to move one, drag it off the sheet to remove it. "
    "The table of points below does the same by keyboard."
)

_mount = st.components.v2.component(
    "toy_pad",
    html=f'<svg viewBox="-34 -8 450 432" role="img" aria-label="{NAME}"></svg>',
    css=(HERE / "toy_pad.css").read_text(encoding="utf-8"),
    js=(HERE / "toy_pad.js").read_text(encoding="utf-8"),
)


def show(points: Points, key: str) -> None:
    """The sheet. A new `key` makes a fresh one with `points` on it; `moved(key)` gives the rest."""
    _mount(
        key=key,
        data={"points": [list(pair) for pair in points.pairs], "most": MOST},
        on_points_change=lambda: None,  # it makes `points` a part of the value
    )


def moved(key: str) -> Points | None:
    """The points on the sheet `key`; None if it sent nothing that are points."""
    value: Any = st.session_state.get(key)
    pairs = value.get("points") if hasattr(value, "get") else None
    try:
        return None if pairs is None else Points.of(pairs)
    except (BnnlibError, TypeError, ValueError):
        return None
