"""The live canvas: it sends the drawing while the pen is down. The browser's part is pad.js."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from bnnlib.drawing.strokes import SHEET, Stroke, make_stroke
from bnnlib.errors import BnnlibError
from ui.draw.pace import pause

HERE = Path(__file__).parent
NAME = "Drawing canvas: draw a digit with mouse, pen or finger, or choose an example below"
SEEN = "pad_seen"  # in the session: the number of the last message, of whichever canvas
MAX_STROKES, MAX_POINTS = 1_000, 4_000  # of a drawing, and of a stroke; more are left out
FAR = 10 * SHEET  # a point farther away is no point

_mount = st.components.v2.component(
    "digits_pad",
    html=f'<canvas class="pad" role="img" aria-label="{NAME}"></canvas>',
    css=(HERE / "pad.css").read_text(encoding="utf-8"),
    js=(HERE / "pad.js").read_text(encoding="utf-8"),
)


def show(
    strokes: Sequence[Stroke],
    pen: int,
    key: str,
    under: np.ndarray | None,
    on_change: Callable[[], None],
    idle_drawings: Sequence[Sequence[Stroke]] = (),
) -> None:
    """The canvas. A new `key` makes a fresh one with `strokes` on it.

    It draws the `idle_drawings` in turn while `window.idling` is set, and until it hears `awake`.
    """

    def changed() -> None:
        st.session_state[SEEN] = number(st.session_state.get(key))
        on_change()

    with st.container(key="sheet"):
        _mount(
            key=key,
            data={
                "strokes": [pack(stroke) for stroke in strokes],
                "pen": pen,
                "under": None if under is None else under.reshape(-1).tolist(),
                "seen": st.session_state.get(SEEN, 0),
                "pause": pause(),
                "idle": [[pack(stroke) for stroke in drawing] for drawing in idle_drawings],
            },
            on_drawing_change=changed,
        )


def pack(stroke: Stroke) -> list[int]:
    """A stroke as the canvas has it: its width, then x and y of its points in turn."""
    return [stroke.width, *(value for point in stroke.points for value in point)]


def strokes_of(value: Any) -> tuple[Stroke, ...] | None:
    """The strokes in what the canvas sent; None if it sent nothing that is a drawing.

    The value comes from a browser, so it may hold anything: what is no stroke is left out, and a
    stroke of too many points is thinned.
    """
    drawing = _drawing(value)
    if drawing is None:
        return None
    packed = drawing.get("strokes")
    found = (unpack(one) for one in packed[:MAX_STROKES]) if isinstance(packed, list) else ()
    return tuple(stroke for stroke in found if stroke)


def unpack(numbers: Any) -> Stroke | None:
    """The stroke that `pack` packed, or None if it is none."""
    if not isinstance(numbers, list | tuple) or len(numbers) < 3:
        return None
    try:
        return _stroke(tuple(numbers))
    except (BnnlibError, TypeError, ValueError, OverflowError):
        return None


@lru_cache(maxsize=2_000)  # while one draws, the finished strokes come again and again
def _stroke(numbers: tuple[Any, ...]) -> Stroke | None:
    width, *rest = numbers
    points = np.array(rest[: len(rest) // 2 * 2], dtype=np.float64).reshape(-1, 2)
    with np.errstate(invalid="ignore"):
        points = points[(np.abs(points) <= FAR).all(1)]
    if not len(points) or not np.isfinite(width):
        return None
    return make_stroke(points[:: -(-len(points) // MAX_POINTS)], width)


def pen_down(value: Any) -> bool:
    """Whether the pen was on the canvas when it sent this."""
    return bool((_drawing(value) or {}).get("down"))


def number(value: Any) -> int:
    """The number of the message, which tells the canvas that it was answered."""
    count = (_drawing(value) or {}).get("number", 0)
    return count if isinstance(count, int) else 0


def moves(value: Any) -> int:
    """How many moves of the pen the drawing knows."""
    count = (_drawing(value) or {}).get("moves", 0)
    return count if isinstance(count, int) else 0


def _drawing(value: Any) -> dict[str, Any] | None:
    drawing = value.get("drawing") if hasattr(value, "get") else None
    return drawing if isinstance(drawing, dict) and "strokes" in drawing else None
