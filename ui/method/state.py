"""What the Method page keeps in a session, and how the address holds it."""

from dataclasses import dataclass

import streamlit as st

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
from ui.method import toy_state

Value = str | int | float
DIGITS: tuple[Value, ...] = ("mine", *range(10))


@dataclass(frozen=True)
class Parameter:
    """A widget's value in the address: its default and all its values; without values, a seed."""

    default: Value
    values: tuple[Value, ...] = ()


LARGEST = 9_999  # seed
PARAMETERS = {
    "digit": Parameter(3, DIGITS),
    "rate": Parameter(0.5, (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),
    "mask": Parameter(0),
    "width": Parameter(1.0, (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)),
    "batch": Parameter(64, (1, 4, 16, 64, 256)),
    "epoch": Parameter(20, tuple(range(1, 21))),
    "run": Parameter("0.1", ("1", "0.1", "0.01")),
    "sign": Parameter("ours", ("ours", "article")),
    "show": Parameter("sigma", ("sigma", "loss", "kl", "validation_error")),
    "temperature": Parameter("0.01", ("1", "0.1", "0.01")),
}
ELSEWHERE = (toy_state.PARAMETER,)  # in the address, for a section that reads it by itself


def key(name: str) -> str:
    """The key under which the session holds the parameter `name`."""
    return f"method_{name}"


def value(name: str) -> Value:
    """The parameter as it is."""
    found: Value = st.session_state[key(name)]
    return found


def read_address() -> str | None:
    """At the start of a session, and after a link to a state, take over what the address says.

    Returns a sentence if part of it means nothing.
    """
    state = st.session_state
    toy_state.read_address()
    if not names_a_state(key("digit") in state):
        return None
    given, wrong = own_parameters(), []
    for name, parameter in PARAMETERS.items():
        state[key(name)] = parameter.default
        if (text := given.get(name)) is None:
            continue
        known = {
            f"{one:g}" if isinstance(one, float) else str(one): one for one in parameter.values
        }
        if not parameter.values and (number := whole_number(text, 0, LARGEST)) is not None:
            known = {text: number}
        if text in known:
            state[key(name)] = known[text]
        elif parameter.values:
            wrong.append(f"{name} is {text[:40]!r}, not one of {', '.join(known)}")
        else:
            wrong.append(f"{name} is {text[:40]!r}, not a whole number up to {LARGEST:,}")
    wrong += means_nothing(given, (*PARAMETERS, *ELSEWHERE, *SIDES))
    return not_understood(wrong)


def write_address() -> None:
    """Write the address anew, without what is at its default."""
    state, address = st.session_state, {}
    for name, parameter in PARAMETERS.items():
        now = state.get(key(name), parameter.default)
        if now != parameter.default:
            address[name] = f"{now:g}" if isinstance(now, float) else str(now)
    address |= toy_state.parameters()
    write_parameters(named_networks(chosen_networks(), bool(address)) | address)
