"""What the Evaluate page remembers in a session, and how the address holds it.

So a view can be shared.

Widgets are not bound to the address by Streamlit, because `st.switch_page` fails on a page that has
such widgets.
"""

import streamlit as st

from bnnlib.metrics import WORDS
from ui.loaders import checkpoint_names, chosen_networks, named_networks

MOST = 5  # networks that can be told apart in one figure
LIMIT = 20.0  # per cent of the digits that the slider can refuse
STEP = 0.5
NETWORKS, REFUSED, RANKING = (
    "evaluate_networks",
    "evaluate_refused",
    "evaluate_ranking",
)  # keys of the widgets
DEFAULTS = {REFUSED: 5.0, RANKING: "predictive_entropy"}
KNOWN = ("networks", "refused", "by", "left", "right")


def read_address() -> str | None:
    """At the start of a session take over what the address says.

    Returns a sentence if part of it means nothing.
    """
    state = st.session_state
    if NETWORKS in state:
        return None
    given, wrong, names = st.query_params.to_dict(), [], checkpoint_names()
    state[NETWORKS] = [name for name in dict.fromkeys(chosen_networks()) if name in names]
    state.update(DEFAULTS)
    if "networks" in given:
        wanted = list(dict.fromkeys(given["networks"].split(",")))
        state[NETWORKS] = [name for name in wanted if name in names][:MOST] or state[NETWORKS]
        wrong += [f"there is no network {name[:40]!r}" for name in wanted if name not in names][:4]
    if "refused" in given:
        try:
            share = float(given["refused"])
            if not 0 <= share <= LIMIT:
                raise ValueError
            state[REFUSED] = round(share / STEP) * STEP
        except ValueError:
            wrong.append(f"refused is {given['refused'][:40]!r}, not a number from 0 to {LIMIT:g}")
    if "by" in given:
        if given["by"] in WORDS:
            state[RANKING] = given["by"]
        else:
            wrong.append(f"there is no measure {given['by'][:40]!r}")
    if odd := [name for name in given if name not in KNOWN]:
        wrong.append(f"{', '.join(repr(name[:40]) for name in odd[:4])} means nothing here")
    return (
        f"Part of the address was not understood and is left out: {'; '.join(wrong)}."
        if wrong
        else None
    )


def write_address() -> None:
    """Bring the address up to date; what is at its default is left out."""
    state, used = st.session_state, chosen_networks()
    address: dict[str, str] = {}
    if tuple(state[NETWORKS]) != used and state[NETWORKS]:
        address["networks"] = ",".join(state[NETWORKS])
    if state.get(REFUSED, DEFAULTS[REFUSED]) != DEFAULTS[REFUSED]:
        address["refused"] = f"{state[REFUSED]:g}"
    if state.get(RANKING, DEFAULTS[RANKING]) != DEFAULTS[RANKING]:
        address["by"] = state[RANKING]
    address = named_networks(used, bool(address)) | address
    if st.query_params.to_dict() != address:
        st.query_params.from_dict(address)
