"""The first call of every page: its title, style, navigation, and the networks in the address."""

from pathlib import Path

import streamlit as st

from bnnlib.errors import BnnlibError
from ui.loaders import (
    DEFAULT_NETWORKS,
    checkpoint_names,
    choose_networks,
    networks_of_address,
)
from ui.memory import give_back_memory, spare_the_collector

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
SIDEBAR_WIDTH = 216  # pixels; on a phone the sidebar starts collapsed
PAGES = (
    ("dashboard.py", "Draw", ":material/draw:"),
    ("pages/1_Uncertain_digits.py", "Uncertain digits", ":material/apps:"),
    ("pages/2_Train.py", "Train", ":material/model_training:"),
    ("pages/3_Evaluate.py", "Evaluate", ":material/monitoring:"),
)


def page_setup(title: str) -> None:
    """Configure the page, apply the style, fill the sidebar, use the networks in the address.

    `st.session_state["arrived"]` then says whether the page was just entered: from another page or
    at the start of a session.
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
    # One element in both themes, so that all that follows keeps its place.
    st.html(DARK_STYLE if is_dark() else "<style></style>")
    with st.sidebar:
        st.markdown(f"**{NAME}**  \nHow sure are neural networks, and are they right?")
        for path, label, symbol in PAGES:
            if (ROOT / path).is_file():
                st.page_link(path, label=label, icon=symbol)
        st.html(FOLLOW_THEME, unsafe_allow_javascript=True)
    st.session_state["arrived"] = st.session_state.get("page") != title
    st.session_state["page"] = title
    if st.session_state["arrived"]:
        give_back_memory()  # the memory that the page before took
    networks_from_address()


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


def show_error(error: BnnlibError) -> None:
    """Say in the page what went wrong; the rest of the page goes on."""
    st.error(str(error), icon=":material/error:")
