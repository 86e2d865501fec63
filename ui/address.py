"""The address of every page: the page's own part, and the part that all pages share.

A page reads `own_parameters` and writes them with `write_parameters`, which adds the shared ones.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import streamlit as st

SIDES = ("left", "right")  # the two networks in use
EVERYWHERE = ("stage", "idle", "tour")  # see ui/stage
SHARED = "shared_parameters"  # in the session: the values of those
WRITTEN = "address_written"  # in the session: all parameters as last written


def own_parameters() -> dict[str, str]:
    """The parameters of this page, and the two networks."""
    return {
        name: value for name, value in st.query_params.to_dict().items() if name not in EVERYWHERE
    }


def names_a_state(known: bool) -> bool:
    """Whether the page is to be put into the state that its address names.

    It is where the session does not know the page yet, and where the page was just entered by a
    link that names a state. Else the session knows better.
    """
    return not known or (st.session_state["arrived"] and bool(set(own_parameters()) - set(SIDES)))


def means_nothing(given: Iterable[str], known: Collection[str]) -> list[str]:
    """What is wrong with parameters that no page knows: one entry, or none."""
    odd = [repr(name[:40]) for name in given if name not in known]
    return [f"{', '.join(odd[:4])} means nothing here"] if odd else []


def whole_number(text: str, least: int, most: int) -> int | None:
    """The number that an address writes, from `least` to `most`; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    return number if least <= (number := int(text)) <= most else None


def not_understood(wrong: Sequence[str]) -> str | None:
    """The sentence about what is wrong in an address; None where nothing is."""
    if not wrong:
        return None
    return f"Part of the address was not understood and is left out: {'; '.join(wrong)}."


def shared_parameters() -> dict[str, str]:
    """The parameters of all pages in this session; what is off is left out."""
    return dict(st.session_state.get(SHARED, {}))


def share(**values: str | None) -> None:
    """Set parameters of all pages; None takes one away."""
    kept = {**shared_parameters(), **values}
    st.session_state[SHARED] = {
        name: value for name in EVERYWHERE if (value := kept.get(name)) is not None
    }


def write_parameters(own: Mapping[str, str]) -> None:
    """Write the browser's address anew if it has changed: the page's own part and the shared.

    What the browser says of its address may be older than what was last written: a run may begin
    before that has arrived.
    """
    parameters = {**own, **shared_parameters()}
    if not st.query_params.to_dict() == parameters == st.session_state.get(WRITTEN):
        st.query_params.from_dict(parameters)
    st.session_state[WRITTEN] = parameters
