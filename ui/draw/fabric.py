"""The canvas of streamlit-drawable-canvas, made with fabric.js: it sends when the pen is lifted.

No other file uses that package.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from bnnlib.drawing.strokes import SHEET, Stroke, make_stroke
from bnnlib.errors import BnnlibError

INK, PAPER = "#ffffff", "#000000"  # in both themes: white on black, as in MNIST
CURVE_STEPS = np.linspace(0.25, 1, 4)[:, None]

# The component's own toolbar is invisible and covers the top right corner: strokes that start there
# are lost. So it is hidden, and the page has its own Undo and Clear. The canvas is in a shadow
# root, which only a script can reach. Where scripts are forbidden, the toolbar stays and works. The
# script watches the canvas's container alone: to watch the whole page would slow the charts.
FRAME_SCRIPT = """<script>
(() => {
  const dress = root => {
    if (root.querySelector('style[data-pad]')) return;
    const style = document.createElement('style');
    style.dataset.pad = '';
    style.textContent = '.dc-toolbar { display: none !important }';
    root.append(style);
  };
  const unnamed = 'canvas.upper-canvas:not([role])';
  const name = root => root.querySelectorAll(unnamed).forEach(canvas => {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', 'Drawing canvas: draw a digit with mouse, pen or finger, ' +
      'or choose an example below');
  });
  const sheet = document.getElementsByClassName('st-key-fabric');
  const scan = () => sheet[0].querySelectorAll('*').forEach(node => {
    if (node.shadowRoot) { dress(node.shadowRoot); name(node.shadowRoot); }
  });
  const observer = new MutationObserver(scan);
  let watched;
  const watch = () => {
    if (!sheet[0]) return;
    if (sheet[0] !== watched) {
      watched = sheet[0];
      observer.observe(watched, { childList: true, subtree: true });
    }
    scan();
  };
  clearInterval(window.watchSheet);
  window.watchSheet = setInterval(watch, 500);
  watch();
})();
</script>"""


def show(
    start: Sequence[Stroke],
    pen: int,
    key: str,
    under: np.ndarray | None,
    on_change: Callable[[], None],
) -> None:
    """The canvas with the strokes `start`, which are used only when `key` is new.

    under: an image uint8 `[28, 28]` shown below the strokes.
    """
    # Not at the top: it can only be imported in a running app.
    from streamlit_drawable_canvas import st_canvas

    background = None
    if under is not None:
        background = Image.fromarray(np.kron(under, np.ones((10, 10), np.uint8)))
    with st.container(key="fabric"):
        st_canvas(
            stroke_width=pen,
            stroke_color=INK,
            background_color=PAPER,
            background_image=background,
            width=SHEET,
            height=SHEET,
            initial_drawing=_frozen(start, key),
            key=key,
            on_change=on_change,
        )
    st.html(FRAME_SCRIPT, unsafe_allow_javascript=True)


def _frozen(start: Sequence[Stroke], key: str) -> dict[str, Any]:
    """The drawing the canvas `key` was made with.

    What is drawn must never be passed back as the start: the page would run again without end and
    lose strokes.
    """
    kept: tuple[str, dict[str, Any]] | None = st.session_state.get("fabric_start")
    if kept is None or kept[0] != key:
        kept = key, {"objects": [to_fabric(stroke) for stroke in start]}
        st.session_state["fabric_start"] = kept
    return kept[1]


def strokes_of(value: Any) -> tuple[Stroke, ...] | None:
    """The strokes in what the canvas sent; None if it has sent nothing."""
    drawing = value.get("drawing") if hasattr(value, "get") else None
    if not isinstance(drawing, dict) or not isinstance(drawing.get("raw"), dict):
        return None
    things = drawing["raw"].get("objects", [])
    if not isinstance(things, list):
        return None
    return tuple(stroke for thing in things if (stroke := from_fabric(thing)))


def to_fabric(stroke: Stroke) -> dict[str, Any]:
    """A stroke as the canvas's JSON has it."""
    (x, y), *rest = stroke.points
    lines: list[tuple[float, float]] = [*rest] or [(x + 0.01, y)]  # a dot is a very short line
    path = [["M", x, y], *(["L", *point] for point in lines)]
    style = {
        "stroke": INK,
        "strokeWidth": stroke.width,
        "strokeLineCap": "round",
        "strokeLineJoin": "round",
        "fill": None,
    }
    return {"type": "Path", "path": path, **style}


def from_fabric(thing: Any) -> Stroke | None:
    """A stroke from the canvas's JSON, a path of lines and quadratic curves; else None.

    A browser may send anything, so what is no such path is None too.
    """
    try:
        points: list[Any] = []
        for command, *numbers in thing.get("path") or []:
            if not all(math.isfinite(number) for number in numbers):
                return None
            end = np.array(numbers[-2:], dtype=float)
            if command == "Q" and points:
                begin, bend = points[-1], np.array(numbers[:2], dtype=float)
                points += list(
                    (1 - CURVE_STEPS) ** 2 * begin
                    + 2 * CURVE_STEPS * (1 - CURVE_STEPS) * bend
                    + CURVE_STEPS**2 * end
                )
            elif len(numbers) >= 2:
                points.append(end)
        return make_stroke(points, float(thing.get("strokeWidth", 20))) if points else None
    except (AttributeError, TypeError, ValueError, OverflowError, BnnlibError):
        return None
