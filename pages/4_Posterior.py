"""Posterior: what training did to every weight, and what that is worth."""

import streamlit as st

from bnnlib.errors import BnnlibError
from ui.data_notice import data_notice
from ui.loaders import checkpoint_names, load_digits
from ui.memory import give_back_memory
from ui.page import explained, page_setup, show_error
from ui.posterior.draws import draws
from ui.posterior.pruning import pruning
from ui.posterior.state import NETWORK, UNIT, read_address, write_address
from ui.posterior.unit import unit
from ui.posterior.weights import weights

SECTIONS = (
    ("Every weight is a distribution", weights),
    ("One unit, seen from the input", unit),
    ("Which weights can go?", pruning),
    ("Ten networks, the same images", draws),
)


def main() -> None:
    page_setup("Posterior")
    st.title("What does the network know about its own weights?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    names = checkpoint_names()
    if not names:
        show_error(BnnlibError("There is no checkpoint here: train a network first."))
        return
    if st.session_state[NETWORK] not in names:  # deleted in another tab
        st.session_state[NETWORK] = names[0]
    name = st.selectbox(
        "Network",
        names,
        key=NETWORK,
        width=260,
        persist_state="session",
        on_change=to_its_clearest_unit,
        help="Bayesian networks have a mean and a standard deviation for every weight. Of the "
        "others the page shows what they have.",
    )
    for title, section in SECTIONS:
        st.header(title)
        try:
            section(name)
        except BnnlibError as error:
            show_error(error)
    try:
        data_notice(load_digits())
    except BnnlibError as error:
        show_error(error)
    write_address()
    give_back_memory()  # that of the weights looked at


def to_its_clearest_unit() -> None:
    """Another network has other units."""
    st.session_state[UNIT] = 0


explained(main)()
