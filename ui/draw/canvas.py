"""The one place that knows streamlit-drawable-canvas: strokes in, strokes out, so that another canvas could take its place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from bnnlib.drawing.strokes import SHEET, Stroke, make_stroke

INK, PAPER = "#ffffff", "#000000"  # in both themes, as the networks know digits
CURVE_STEPS = np.linspace(0.25, 1, 4)[:, None]

# The canvas's own toolbar lies, invisible, over the top right corner and swallows strokes that start there; Undo and Clear are ours.
# The canvas lives in a shadow root, which only a script reaches. Where scripts are barred the toolbar stays, and works.
FRAME_SCRIPT = """<script>
(() => {
  const dress = root => {
    if (root.querySelector('style[data-pad]')) return;
    const style = document.createElement('style');
    style.dataset.pad = '';
    style.textContent = '.dc-toolbar { display: none !important }';
    root.append(style);
  };
  const name = root => root.querySelectorAll('canvas.upper-canvas:not([role])').forEach(canvas => {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', 'Drawing canvas: draw a digit with mouse, pen or finger; without one, pick an example below');
  });
  const sheet = document.getElementsByClassName('st-key-sheet');  // watched alone: a look at every change of the page slows the charts
  const scan = () => sheet[0].querySelectorAll('*').forEach(node => {
    if (node.shadowRoot) { dress(node.shadowRoot); name(node.shadowRoot); }
  });
  const observer = new MutationObserver(scan);
  let watched;
  const watch = () => {
    if (!sheet[0]) return;
    if (sheet[0] !== watched) observer.observe(watched = sheet[0], { childList: true, subtree: true });
    scan();
  };
  clearInterval(window.watchSheet);
  window.watchSheet = setInterval(watch, 500);
  watch();
})();
</script>"""


def digit_canvas(
    start: Sequence[Stroke], pen: int, key: str, under: np.ndarray | None = None
) -> None:
    """A square canvas, white on black, that begins with the strokes `start`; `drawn(key)` tells what is on it.

    Only a new `key` puts another `start` on it: what is drawn is never fed back, for that would run in circles and lose strokes.
    `under`: an image uint8 `[28, 28]` shown beneath the strokes.
    """
    from streamlit_drawable_canvas import (
        st_canvas,  # here, not above: it can only be imported in a running app
    )

    with st.container(key="sheet"):
        st_canvas(
            stroke_width=pen,
            stroke_color=INK,
            background_color=PAPER,
            background_image=None
            if under is None
            else Image.fromarray(np.kron(under, np.ones((10, 10), np.uint8))),
            width=SHEET,
            height=SHEET,
            initial_drawing={"objects": [to_fabric(stroke) for stroke in start]},
            key=key,
        )
    st.html(FRAME_SCRIPT, unsafe_allow_javascript=True)


def drawn(key: str) -> tuple[Stroke, ...] | None:
    """What is on the canvas `key`, before it is shown again; None if it was never shown.

    So an answer need not wait for the canvas, which loads pandas when it is first shown.
    """
    value = st.session_state.get(key) or {}
    if not (drawing := value.get("drawing")):
        return None
    return tuple(
        stroke for thing in drawing["raw"].get("objects", []) if (stroke := from_fabric(thing))
    )


def to_fabric(stroke: Stroke) -> dict[str, Any]:
    """A stroke as the canvas's JSON has it."""
    (x, y), *rest = stroke.points
    path = [["M", x, y], *(["L", *point] for point in rest or [(x + 0.01, y)])]
    style = {
        "stroke": INK,
        "strokeWidth": stroke.width,
        "strokeLineCap": "round",
        "strokeLineJoin": "round",
        "fill": None,
    }
    return {"type": "Path", "path": path, **style}


def from_fabric(thing: dict[str, Any]) -> Stroke | None:
    """A stroke from the canvas's JSON: a path of lines and quadratic curves; None for anything else."""
    points: list[Any] = []
    for command, *numbers in thing.get("path") or []:
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
    return make_stroke(points, thing.get("strokeWidth", 20)) if points else None
