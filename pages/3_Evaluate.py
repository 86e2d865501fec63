"""Evaluate: can a network's doubt be trusted?

Networks side by side, on digits, on what is no digit, and on digits made harder.
"""

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.storage.evaluations import Results
from ui.data_notice import data_notice
from ui.evaluate.figures import calibration, figures
from ui.evaluate.mistakes import confusions, mistakes
from ui.evaluate.not_digits import others
from ui.evaluate.refusal import refusal
from ui.evaluate.results import SAMPLES, find_results, measure
from ui.evaluate.shifts import shifts
from ui.evaluate.state import MOST, NETWORKS, read_address, write_address
from ui.loaders import checkpoint_names, choose_networks, load_digits
from ui.page import explained, is_dark, page_setup, show_error

STYLE = """<style>
[data-testid="stMarkdownContainer"] table { width: 100%; }
/* many networks on a phone: the names of the rows stay */
.st-key-figures [data-testid="stMarkdownContainer"] { overflow-x: auto; }
.st-key-figures td:not(:first-child) { min-width: 8rem; }
.st-key-figures :is(th, td):first-child { position: sticky; left: 0; }
[data-testid="stCaptionContainer"] p {
    opacity: .95; color: color-mix(in srgb, currentColor, CanvasText 15%);
}
</style>"""
DARK_STYLE = (
    "<style>[data-testid=stMultiSelect] [data-tag] :is(span, button) { color: #0F151D }</style>"
)


def main() -> None:
    page_setup("Evaluate")
    st.html(STYLE)
    if is_dark():
        st.html(DARK_STYLE)  # white letters on the dark theme's primary colour are too pale
    st.title("Can their doubt be trusted?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    try:
        digits = load_digits()
    except BnnlibError as error:
        show_error(error)
        return
    results = {name: found for name in choose() if (found := results_of(name)) is not None}
    if results:
        for section in (figures, calibration, refusal, others, shifts, mistakes, confusions):
            section(results, digits)
    data_notice(digits)
    write_address()


def choose() -> list[str]:
    """The networks to compare, in the order of their colours."""
    chosen = st.multiselect(
        "Networks to compare",
        checkpoint_names(),
        key=NETWORKS,
        max_selections=MOST,
        persist_state="session",
        on_change=take_over,
        help="Any trained networks, up to five. The first two are the ones in use on the other "
        "pages too.",
    )
    if not chosen:
        st.info("Choose a network to see what its doubt is worth.", icon=":material/arrow_upward:")
    return chosen


def take_over() -> None:
    """The first two networks chosen here are used on all pages."""
    if len(chosen := st.session_state[NETWORKS]) >= 2:
        choose_networks(chosen[0], chosen[1])


def results_of(name: str) -> Results | None:
    """The network's results; if there are none yet, a button that measures them."""
    try:
        if (found := find_results(name)) is not None:
            return found
        problem = f"**{name}** has not been evaluated yet."
    except BnnlibError as error:
        problem = str(error)
    st.warning(problem, icon=":material/hourglass_empty:")
    clicked = st.button(
        f"Evaluate {name} now",
        key=f"measure_{name}",
        icon=":material/play_arrow:",
        help=f"Asks {SAMPLES} sampled networks about all images at hand; a minute or a few. "
        f"The command line does the same with 100: python -m bnnlib evaluate {name} --save",
    )
    if clicked:
        try:
            measure(name)
            st.rerun()
        except BnnlibError as error:
            show_error(error)
    return None


explained(main)()
