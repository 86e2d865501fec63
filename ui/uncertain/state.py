"""What the page Uncertain digits keeps in a session, and how the address holds it.

Streamlit can bind widgets to the address, but `st.switch_page` fails on a page with such widgets.
"""

import streamlit as st

from bnnlib.evaluation.survey import MEASURES
from ui.address import (
    SIDES,
    means_nothing,
    names_a_state,
    not_understood,
    own_parameters,
    whole_number,
    write_parameters,
)
from ui.loaders import chosen_networks, named_networks

Value = str | int | bool
DIGITS: tuple[Value, ...] = ("any", *range(10))

# name in the address -> (default, all values); `place` in the ranking is any number from 1
PARAMETERS: dict[str, tuple[Value, tuple[Value, ...]]] = {
    "network": ("right", ("left", "right")),  # by default the right one is the Bayesian network
    "measure": ("variation_ratio", MEASURES),
    "true": ("any", DIGITS),
    "predicted": ("any", DIGITS),
    "samples": (30, (10, 30, 100)),  # the article asks 30
    "mistakes": (False, (False, True)),
    "place": (1, ()),
}


def key(name: str) -> str:
    """The key under which the session holds the parameter `name`."""
    return f"uncertain_{name}"


def choices(name: str) -> tuple[Value, ...]:
    """All values of the parameter `name`."""
    return PARAMETERS[name][1]


def read_address() -> str | None:
    """At the start of a session, and after a link to a state, use what the address says.

    Returns a sentence if part of the address was not understood.
    """
    state = st.session_state
    if not names_a_state(key("network") in state):
        return None
    given, wrong = own_parameters(), []
    for name, (default, values) in PARAMETERS.items():
        text = given.get(name)
        known = {_text(value): value for value in values}
        if name == "place" and (place := whole_number(text or "", 1, 99_999_999)):
            known = {str(text): place}
        if text is not None and text not in known:
            wrong.append(f"there is no {name} {text[:40]!r}")
        state[key(name)] = default if text is None else known.get(text, default)
    wrong += means_nothing(given, (*PARAMETERS, *SIDES))
    return not_understood(wrong)


def go_to(place: int, glide: bool = False) -> None:
    """Look closer at the image at this place in the ranking; `glide`: scroll it into view."""
    st.session_state[key("place")] = place
    st.session_state["glide"] = glide


def write_address() -> None:
    """Write the address anew, without what is at its default."""
    address: dict[str, str] = {}
    for name, (default, _) in PARAMETERS.items():
        if (value := st.session_state.get(key(name), default)) != default:
            address[name] = _text(value)
    address = named_networks(chosen_networks(), bool(address)) | address
    write_parameters(address)


def _text(value: Value) -> str:
    return str(value).lower()
