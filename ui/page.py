"""The first call of every page: its title, style, navigation, and the networks in the address."""

import functools
import html
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

# Streamlit and plotly import pandas when a page first needs it. If two visitors open a cold server
# at once, one of them then meets it half imported; here, it is whole before any page goes on.
import pandas  # noqa: F401
import plotly.graph_objects as go
import streamlit as st

from bnnlib.errors import BnnlibError, is_memory
from bnnlib.figures.enlarged import enlarged
from ui.address import EVERYWHERE, not_understood, shared_parameters
from ui.admission import wait_for_a_place
from ui.loaders import (
    DEFAULT_NETWORKS,
    HOME,
    checkpoint_names,
    choose_networks,
    networks_of_address,
)
from ui.memory import give_back_memory, keep_little_memory, spare_the_collector
from ui.stage.mode import ENLARGED, enter, presenting, read_stage, stage
from ui.stage.tour import STEPS, go_to_step, read_tour, tour
from ui.stage.visitor import ask, empty

keep_little_memory()

P = ParamSpec("P")
NO_MEMORY = (
    "The server has not enough memory for this: ask for fewer samples or images, or try again "
    "when fewer people are here."
)
ROOT = Path(__file__).resolve().parent.parent
NAME = "Digits & doubt"
DARK_STYLE = """<style>
button[kind^=primary] p, button[kind^=primary] span { color: #0F151D }
.st-key-gallery { --chosen: #56B4E9 !important }
</style>"""  # white letters on the dark theme's primary colour are too pale

# Streamlit does not run a page again when its theme changes, so charts would keep the other theme's
# colours. The script sends the event that the browser's Back sends, and the page runs again.
FOLLOW_THEME = """<script>
(() => {
  const app = '[data-testid=stApp]';
  const shade = () => getComputedStyle(document.querySelector(app)).backgroundColor;
  let told = shade(), seen = told;
  clearInterval(window.followTheme);
  window.followTheme = setInterval(() => {
    const now = shade();
    if (now === seen && now !== told) {
      told = now;
      window.dispatchEvent(new PopStateEvent('popstate'));
    }
    seen = now;
  }, 250);
})();
</script>"""
WRITTEN = "shared_written"  # in the session: the shared part of the address, as last seen
SIDEBAR_WIDTH = 216  # pixels; on a phone the sidebar starts collapsed
PAGES = (
    ("dashboard.py", "Draw", ":material/draw:"),
    ("pages/1_Uncertain_digits.py", "Uncertain digits", ":material/apps:"),
    ("pages/2_Train.py", "Train", ":material/model_training:"),
    ("pages/3_Evaluate.py", "Evaluate", ":material/monitoring:"),
    ("pages/4_Posterior.py", "Posterior", ":material/ssid_chart:"),
    ("pages/5_Method.py", "Method", ":material/menu_book:"),
)


def page_setup(title: str) -> None:
    """Configure the page, apply the style, fill the sidebar, use the networks in the address.

    Presenter's mode and the tour are shown where they are on. `st.session_state["arrived"]` then
    says whether the page was just entered: from another page or at the start of a session.
    """
    spare_the_collector()
    favicon = str(ROOT / "ui" / "favicon.png")  # a named icon would be loaded from another host
    st.set_page_config(
        page_title=f"{title} · {NAME}",
        page_icon=favicon,
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
    )
    st.html(ROOT / "ui" / "style.css")
    wait_for_a_place()
    # One element in both themes, so that all that follows keeps its place.
    st.html(DARK_STYLE if is_dark() else "<style></style>")
    page = next(path for path, label, _ in PAGES if label == title)
    st.session_state["arrived"] = st.session_state.get("page") != title
    problem = shared_from_address(page)
    sidebar()
    empty(HOME)
    st.session_state["page"] = title
    if st.session_state["arrived"]:
        give_back_memory()  # the memory that the page before took
    networks_from_address()
    if problem:
        st.warning(problem, icon=":material/link_off:")
    with st.container(key="everywhere"):
        if stage([(path, label) for path, label, _ in known_pages()]) and page != HOME:
            st.switch_page(HOME, query_params=shared_parameters())
    tour(page)


def known_pages() -> list[tuple[str, str, str]]:
    """The pages that there are: file, name, symbol."""
    return [page for page in PAGES if (ROOT / page[0]).is_file()]


def sidebar() -> None:
    """The pages, and what is for visitors."""
    with st.sidebar:
        st.markdown(f"**{NAME}**  \nHow sure are neural networks, and are they right?")
        for path, label, symbol in known_pages():
            st.page_link(path, label=label, icon=symbol, query_params=shared_parameters())
        with st.container(key="visitors"):
            if st.button(
                "Take the tour",
                icon=":material/tour:",
                type="tertiary",
                key="take-tour",
                help=f"{len(STEPS)} steps through the pages, in three minutes",
            ):
                go_to_step(1)
            if not presenting():
                st.button(
                    "Presenter's mode",
                    icon=":material/co_present:",
                    type="tertiary",
                    key="enter-stage",
                    on_click=enter,
                    help="Large type, no menus, and the keyboard: ? shows the keys, Esc leaves",
                )
            if st.button(
                "Next visitor",
                icon=":material/restart_alt:",
                type="tertiary",
                key="next-visitor",
                help="Empty the drawings, the history and the settings of this visit",
            ):
                ask()
        st.html(FOLLOW_THEME, unsafe_allow_javascript=True)


def shared_from_address(page: str) -> str | None:
    """Take over the part of the address that all pages share, and write it as it is understood.

    It is read at the start of a session, and when the browser has gone to another address. A
    sentence is returned if it means nothing. page: the file of this page.
    """
    given = {name: st.query_params[name] for name in EVERYWHERE if name in st.query_params}
    known, problem = st.session_state.get(WRITTEN), None
    arrived = st.session_state["arrived"]
    if known is None or (given != known and (given or not arrived)):
        st.session_state[WRITTEN] = given
        problem = not_understood(read_stage(given))
        read_tour(given.get("tour"), page)
    st.session_state[WRITTEN] = wanted = shared_parameters()
    for name in EVERYWHERE:
        if name not in wanted and name in st.query_params:
            del st.query_params[name]
        elif name in wanted and st.query_params.get(name) != wanted[name]:
            st.query_params[name] = wanted[name]
    return problem


def networks_from_address() -> None:
    """At the start of a session, use the networks that the address names.

    An unknown name gives a warning of one sentence.
    """
    if "networks" not in st.session_state:
        wanted = networks_of_address(st.query_params)
        known = checkpoint_names()
        found = tuple(
            name if name in known else default
            for name, default in zip(wanted, DEFAULT_NETWORKS, strict=True)
        )
        if odd := [name for name, used in zip(wanted, found, strict=True) if name != used]:
            st.warning(
                f"The address names {' and '.join(map(repr, odd))}, which is no checkpoint here: "
                f"showing {found[0]} and {found[1]} instead "
                f"(there are {', '.join(known) or 'none'}).",
                icon=":material/link_off:",
            )
        choose_networks(*found)


def is_dark() -> bool:
    """Whether this session sees the dark theme."""
    return st.context.theme.type == "dark"


def explained(show: Callable[P, None]) -> Callable[P, None]:
    """`show`, which says in its own place what went wrong; the rest of the page goes on.

    For whole pages and for every fragment: at an error that leaves a fragment, Streamlit shows a
    traceback and ends the page, whoever would catch it outside.
    """

    @functools.wraps(show)
    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            show(*args, **kwargs)
        except BnnlibError as error:
            show_error(error)
        except Exception as error:
            if not is_memory(error):
                raise
            give_back_memory()
            show_error(BnnlibError(NO_MEMORY))

    return shown


def show_error(error: BnnlibError) -> None:
    """Say in the page what went wrong; the rest of the page goes on."""
    st.error(str(error), icon=":material/error:")


def show_chart(figure: go.Figure, key: str, alt: str, title: str = "", **more: Any) -> None:
    """A figure as wide as its place, without the mode bar; enlarged in presenter's mode.

    alt: what it shows and its finding, in words. title: a line above it, for a figure that has
    none. more: for `st.plotly_chart`.
    """
    if title:
        st.html(f'<p class="figure-title">{html.escape(title)}</p>')
    st.plotly_chart(
        for_the_room(figure),
        width="stretch",
        theme=None,
        key=key,
        config={"displayModeBar": False, "responsive": True},
        alt=alt.replace("**", ""),
        **more,
    )


def for_the_room(figure: go.Figure) -> go.Figure:
    """The figure, enlarged in presenter's mode."""
    return enlarged(figure, ENLARGED) if presenting() else figure


def show_finding(figure: go.Figure, key: str, title: str, finding: str) -> None:
    """A figure below its title. finding: as the page's own sentence has it, in Markdown."""
    words = f"{title}. {finding}".replace("**", "").replace(" \n\n- ", " ").replace("\n- ", "; ")
    show_chart(figure, key, words, title)
