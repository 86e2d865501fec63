"""What the Evaluate page remembers in a session, and how the address holds it.

So a view can be shared.

Widgets are not bound to the address by Streamlit, because `st.switch_page` fails on a page that has
such widgets.
"""

import streamlit as st

from bnnlib.datasets.ood import SETS
from bnnlib.datasets.shifts import SHIFTS
from bnnlib.metrics import WORDS
from ui.address import (
    SIDES,
    means_nothing,
    names_a_state,
    not_understood,
    own_parameters,
    write_parameters,
)
from ui.loaders import checkpoint_names, chosen_networks, named_networks

MOST = 5  # networks that can be told apart in one figure
LIMIT = 20.0  # per cent of the digits that the slider can refuse
STEP = 0.5
# keys of the widgets
NETWORKS, REFUSED, RANKING = "evaluate_networks", "evaluate_refused", "evaluate_ranking"
OTHERS, SHIFT, DIGIT = "ood_set", "shift_kind", "shift_digit"
USUAL = "evaluate_usual"  # in the session: what a widget shows first, where results decide that
DEFAULTS = {REFUSED: 5.0, RANKING: "predictive_entropy", DIGIT: 2}
# name in the address -> the widget's key, all values, what such a value is called
CHOICES = {
    "by": (RANKING, tuple(WORDS), "measure"),
    "set": (OTHERS, tuple(SETS), "set"),
    "shift": (SHIFT, tuple(SHIFTS), "shift"),
    "digit": (DIGIT, tuple(range(10)), "digit"),
}
KNOWN = ("networks", "refused", *CHOICES, *SIDES)


def read_address() -> str | None:
    """At the start of a session, and after a link to a state, take over what the address says.

    Returns a sentence if part of it means nothing.
    """
    state = st.session_state
    if not names_a_state(NETWORKS in state):
        return None
    given, wrong, names = own_parameters(), [], checkpoint_names()
    state[NETWORKS] = [name for name in dict.fromkeys(chosen_networks()) if name in names]
    state.update(DEFAULTS)
    for key in (OTHERS, SHIFT):
        state.pop(key, None)
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
    for name, (key, values, called) in CHOICES.items():
        if name in given:
            known = {str(value): value for value in values}
            if given[name] in known:
                state[key] = known[given[name]]
            else:
                wrong.append(f"there is no {called} {given[name][:40]!r}")
    wrong += means_nothing(given, KNOWN)
    return not_understood(wrong)


def offer(key: str, values: list[str]) -> None:
    """The widget `key` offers these values, the first one at first; another in use is dropped."""
    st.session_state.setdefault(USUAL, {})[key] = values[0]
    if st.session_state.get(key) not in values:
        st.session_state[key] = values[0]


def write_address() -> None:
    """Bring the address up to date; what is at its default is left out."""
    state, used = st.session_state, chosen_networks()
    usual = {**DEFAULTS, **state.get(USUAL, {})}
    address: dict[str, str] = {}
    if tuple(state[NETWORKS]) != used and state[NETWORKS]:
        address["networks"] = ",".join(state[NETWORKS])
    if state.get(REFUSED, DEFAULTS[REFUSED]) != DEFAULTS[REFUSED]:
        address["refused"] = f"{state[REFUSED]:g}"
    for name, (key, values, _) in CHOICES.items():
        value = state.get(key, usual.get(key))
        if value != usual.get(key) and value in values:
            address[name] = str(value)
    write_parameters(named_networks(used, bool(address)) | address)
