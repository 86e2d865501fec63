"""The drawing on the Draw page, for the pages that have no canvas."""

import streamlit as st
from torch import Tensor

STATE = "draw"  # in the session: the Draw page's state


def last_drawing() -> Tensor | None:
    """What the networks see of it, float `[28, 28]`; None where nothing is drawn."""
    drawing = st.session_state.get(STATE)
    if drawing is None:
        return None
    image: Tensor = drawing.image
    return image if image.any() else None
