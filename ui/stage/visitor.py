"""The next visitor: everything of this visit is emptied, in the session and in the browser's tab.

Trained networks and runs stay. What is emptied is asked for once. The browser's part is empty.js.
"""

from pathlib import Path

import streamlit as st

from ui.address import SHARED, share, shared_parameters

# in the session: to be emptied; and emptied, so that what is left is the browser's tab
EMPTYING, EMPTIED = "emptying", "emptied"

_mount = st.components.v2.component(
    "empty_tab",
    html="<span></span>",
    js=(Path(__file__).parent / "empty.js").read_text(encoding="utf-8"),
)


@st.dialog("Ready for the next visitor?")
def ask() -> None:
    """Ask whether to empty everything."""
    st.markdown(
        "Drawings, pictures, history and settings of this visit are emptied, also in this tab of "
        "the browser. Trained networks and training runs stay."
    )
    with st.container(horizontal=True):
        if st.button(
            "Empty everything",
            icon=":material/delete_sweep:",
            type="primary",
            key="empty",
            on_click=lambda: st.session_state.update({EMPTYING: True}),
        ):
            st.rerun()
        if st.button("Keep everything", key="keep-everything"):
            st.rerun()


def empty(home: str) -> None:
    """Where it was said so, forget all of the visit and show the page `home`.

    A presenter goes on presenting. At first an empty page is shown: it makes the browser forget the
    drawings, and drop the values of the widgets, which it would send again.
    """
    if st.session_state.pop(EMPTIED, False):
        st.caption("Ready for the next visitor …")
        _mount(key="empty-tab", on_empty_change=lambda: None)
        st.stop()
    if not st.session_state.get(EMPTYING):
        return
    share(tour=None)
    kept = shared_parameters()
    st.session_state.clear()
    st.session_state.update({SHARED: kept, EMPTIED: True})
    st.switch_page(home, query_params=kept)
