"""What the Posterior page keeps in a session, and how the address holds it."""

import streamlit as st

from bnnlib.evaluation.pruning import SHARES
from bnnlib.evaluation.weights import QUANTITIES
from ui.address import (
    SIDES,
    means_nothing,
    names_a_state,
    not_understood,
    own_parameters,
    whole_number,
    write_parameters,
)
from ui.loaders import checkpoint_names, chosen_networks, named_networks

# keys of the widgets
NETWORK, QUANTITY, UNIT = "posterior_network", "posterior_quantity", "posterior_unit"
SHARE, SEED = "posterior_share", "posterior_seed"
DEFAULTS: dict[str, str | int | float] = {  # unit 0: the clearest one
    NETWORK: "bayesian",
    QUANTITY: "signal_to_noise",
    UNIT: 0,
    SHARE: 0.95,
    SEED: 0,
}
NAMES = {"network": NETWORK, "show": QUANTITY, "unit": UNIT, "pruned": SHARE, "seed": SEED}
CLEAREST = "posterior_clearest"  # in the session: the unit that 0 stands for
LARGEST = 9_999  # unit or seed in an address


def read_address() -> str | None:
    """At the start of a session, and after a link to a state, take over what the address says.

    Returns a sentence if part of it means nothing.
    """
    state = st.session_state
    if not names_a_state(NETWORK in state):
        return None
    given, wrong = own_parameters(), []
    names = checkpoint_names()
    state.update(DEFAULTS)
    if state[NETWORK] not in names and names:
        state[NETWORK] = names[0]
    offered: dict[str, dict[str, str | float]] = {
        "network": {one: one for one in names},
        "show": {one: one for one in QUANTITIES},
        "pruned": {f"{100 * share:g}": share for share in SHARES},
    }
    for name, known in offered.items():
        if name in given:
            if given[name] in known:
                state[NAMES[name]] = known[given[name]]
            else:
                wrong.append(_unknown(name, given[name]))
    for name, least in {"unit": 1, "seed": 0}.items():
        if name in given:
            if (number := whole_number(given[name], least, LARGEST)) is not None:
                state[NAMES[name]] = number
            else:
                text = given[name][:40]
                wrong.append(f"{name} is {text!r}, not a whole number from {least} to {LARGEST:,}")
    wrong += means_nothing(given, (*NAMES, *SIDES))
    return not_understood(wrong)


def _unknown(name: str, text: str) -> str:
    if name == "pruned":
        offered = ", ".join(f"{100 * share:g}" for share in SHARES)
        return f"pruned is {text[:40]!r}, not one of the shares measured ({offered})"
    return f"there is no {'network' if name == 'network' else 'quantity'} {text[:40]!r}"


def write_address() -> None:
    """Write the address anew, without what is at its default."""
    state, address = st.session_state, {}
    usual = {**DEFAULTS, UNIT: state.get(CLEAREST, 0)}
    for name, key in NAMES.items():
        if (value := state.get(key, usual[key])) != usual[key]:
            address[name] = f"{100 * value:g}" if key == SHARE else str(value)
    write_parameters(named_networks(chosen_networks(), bool(address)) | address)
