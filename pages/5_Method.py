"""Method: how these networks come to doubt, one claim after the other."""

from collections.abc import Callable

import streamlit as st

from bnnlib.errors import BnnlibError
from ui.data_notice import data_notice
from ui.loaders import load_digits
from ui.memory import give_back_memory
from ui.method import dropout, graph, noise, sign, temperature, terms, toy, weights
from ui.method.parts import choose_digit
from ui.method.state import read_address, write_address
from ui.page import explained, page_setup, show_error

SECTIONS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("1. Dropout is multiplication by a mask", dropout.section),
    ("2. Every weight is a distribution", weights.section),
    ("3. Where to draw the noise", noise.section),
    ("4. The ELBO, taken apart", terms.section),
    ("5. What a wrong sign does", sign.section),
    ("6. Temperature", temperature.section),
    ("7. Noise, and doubt about the curve", toy.section),
    ("8. The model's graph", graph.section),
)


def main() -> None:
    page_setup("Method")
    st.title("How does a network come to doubt?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    st.markdown(
        "Each part makes a claim, gives you something to move, and says what you should have seen."
    )
    try:
        digits = load_digits()
        choose_digit()
    except BnnlibError as error:
        show_error(error)
        return
    for title, section in SECTIONS:
        st.header(title)
        try:
            section()
        except BnnlibError as error:
            show_error(error)
    data_notice(digits)
    write_address()
    give_back_memory()  # that of the weights looked at


explained(main)()
