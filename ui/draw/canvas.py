"""The drawing canvas: strokes in, strokes out.

There are two: the live one of `ui.draw.pad`, which sends the drawing while the pen is down, and
streamlit-drawable-canvas, which sends it when the pen is lifted. The environment variable
BNNLIB_CANVAS chooses: `live`, the default, or `fabric`. The other screens' code sees no difference.
"""

import os
from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from bnnlib.drawing.strokes import Stroke
from ui.draw import fabric, pad

SETTING = "BNNLIB_CANVAS"


def canvas_kind() -> str:
    """`live` or `fabric`; a wrong value of the setting means `live`."""
    return "fabric" if os.environ.get(SETTING, "").strip().lower() == "fabric" else "live"


def digit_canvas(
    strokes: Sequence[Stroke],
    pen: int,
    key: str,
    under: np.ndarray | None = None,
    on_change: Callable[[], None] = lambda: None,
    idle_drawings: Sequence[Sequence[Stroke]] = (),
) -> None:
    """A square canvas, white on black; `drawn(key)` gives what is on it.

    strokes: what a fresh canvas starts with; a canvas is fresh when its `key` is new.
    under: an image uint8 `[28, 28]` shown below the strokes.
    on_change: called before the run that the canvas starts, also if another page is opened first.
    idle_drawings: what the live canvas draws by itself while nobody is there.
    """
    if canvas_kind() == "fabric":
        fabric.show(strokes, pen, key, under, on_change)
    else:
        pad.show(strokes, pen, key, under, on_change, idle_drawings)


def drawn(key: str) -> tuple[Stroke, ...] | None:
    """What is on the canvas `key`; None if nothing was drawn on it since it was made.

    It can be asked before the canvas is shown. So an answer does not wait for the canvas.
    """
    value = st.session_state.get(key)
    found = pad.strokes_of(value)
    return fabric.strokes_of(value) if found is None else found


def pen_down(key: str) -> bool:
    """Whether the pen is on the canvas `key`, so that the drawing will go on."""
    return pad.pen_down(st.session_state.get(key))


def moves(key: str) -> int:
    """How many moves of the pen on the canvas `key` the drawing knows, for a stopwatch."""
    return pad.moves(st.session_state.get(key))
