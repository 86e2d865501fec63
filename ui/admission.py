"""A place for every visitor, and a waiting page beyond that: `BNNLIB_VISITORS` (default 60).

Who comes first is let in first. A place is free again a little after its visitor has left.
"""

import os
import threading
import time
from collections.abc import Callable

import streamlit as st
from streamlit.runtime import Runtime, exists
from streamlit.runtime.scriptrunner import get_script_run_ctx

USUAL, MOST = 60, 10_000
PATIENCE = 15.0  # seconds that a lost connection may take to come back
EVERY = 3  # seconds between two looks of those who wait


class Room:
    """Visitors in the order in which they came: the first `places` of them are in.

    connected: whether a visitor's browser is there. now: a clock in seconds.
    """

    def __init__(
        self,
        places: int,
        connected: Callable[[str], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.places, self._connected, self._now = places, connected, now
        self._seen: dict[str, float] = {}  # visitor -> when his browser was last there
        self._lock = threading.Lock()

    def enter(self, visitor: str) -> int:
        """0 if the visitor is in, else his place in the line, from 1."""
        with self._lock:
            now = self._now()
            for other in list(self._seen):
                if other != visitor and self._connected(other):
                    self._seen[other] = now
                elif other != visitor and now - self._seen[other] > PATIENCE:
                    del self._seen[other]
            self._seen[visitor] = now
            return max(0, list(self._seen).index(visitor) + 1 - self.places)


def places() -> int:
    """How many visitors there is room for."""
    try:
        return min(MOST, max(1, int(os.environ.get("BNNLIB_VISITORS", USUAL))))
    except ValueError:
        return USUAL


@st.cache_resource(max_entries=1, show_spinner=False)
def _room(places: int) -> Room:
    return Room(places, lambda visitor: Runtime.instance().is_active_session(visitor))


def wait_for_a_place() -> None:
    """Go on if there is a place; else show a page that lets the visitor in by itself."""
    if (line := _place_in_line()) == 0:
        return
    st.title("One moment, please")
    st.markdown(
        f"All {places()} places of this server are taken. You are let in as soon as one is free: "
        "leave this page open."
    )
    _watch(line)
    st.stop()


@st.fragment(run_every=EVERY)
def _watch(line: int) -> None:
    """The place in the line, looked at again every few seconds."""
    now = _place_in_line()
    if now == 0:
        st.rerun()
    st.markdown(
        f":material/hourglass_top: **Your place in the line: {now}.** "
        + ("You are next." if now == 1 else f"{now - 1} before you.")
    )


def _place_in_line() -> int:
    context = get_script_run_ctx()
    if context is None or not exists():
        return 0  # a test or a script, not a server
    return _room(places()).enter(context.session_id)
