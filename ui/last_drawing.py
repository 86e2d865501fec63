"""The image of the visitor's last drawing, for the pages that have no canvas."""

import streamlit as st
import torch
from torch import Tensor

KEY = "last_drawing"


def remember(image: Tensor) -> None:
    """Keep the image `[28, 28]` that the networks on the Draw page saw; a blank one is not kept."""
    if float(image.max()) > 0:
        st.session_state[KEY] = image.detach().clone()


def last_drawing() -> Tensor | None:
    """It, float `[28, 28]`; None where nothing was drawn in this session."""
    found = st.session_state.get(KEY)
    return found if isinstance(found, torch.Tensor) else None
