"""The drawings of the visit, kept in the browser's tab: a reload starts a new session.

The browser's part is tab.js. Nothing is stored on the server.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_mount = st.components.v2.component(
    "digits_tab",
    html="<span></span>",
    js=(Path(__file__).parent / "tab.js").read_text(encoding="utf-8"),
)


def keep_one(
    added: int, entry: Any, back: int, key: str, on_kept: Callable[[list[Any]], None]
) -> None:
    """Keep one drawing of the visit: the `back`-th from the last one, of `added` so far.

    entry: as JSON has it, or None where nothing changed. on_kept: is given what the tab still had,
    where the visit has no drawing yet.
    """

    def given() -> None:
        found = getattr(st.session_state.get(key), "kept", None)
        if isinstance(found, list):
            on_kept(found)

    data = {"added": added, "entry": entry, "back": back}
    _mount(key=key, data=data, on_kept_change=given)


def keep_all(added: int, entries: Sequence[Any], key: str) -> None:
    """Keep all drawings of the visit as they are now."""
    _mount(key=key, data={"added": added, "all": list(entries)})
