"""The parts below the answers: closed at first, and nothing is computed until one is opened."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.draw.state import DrawState


def closed_part(state: DrawState, title: str, name: str, icon: str) -> DeltaGenerator | None:
    """The part `name` if it is open, and None while it is closed; the state notes which."""
    part = st.expander(title, key=name, icon=icon, on_change="rerun")
    state.open_below(name, bool(part.open))
    return part if part.open else None
