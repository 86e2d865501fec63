"""Presenter's mode: large type, no menus, and the keyboard. `?stage=on` in the address of any page.

With `idle=60` too, the Draw page draws by itself when nobody has touched anything for 60 seconds.
The browser's part is keys.js. A key does nothing but press a button of the page, so every page can
take part: the keys of its buttons are in `KEYS`.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ui.address import share, shared_parameters, whole_number

HERE = Path(__file__).parent
LEAST_IDLE, MOST_IDLE, USUAL_IDLE = 2, 3_600, 60  # seconds
RESTING = "resting"  # in the session: the Draw page is to empty its sheet for the idle screen
ENLARGED = 1.35  # the figures' letters, as the style enlarges those of the page

# key, what it does, and the keys of the buttons that it presses: the first one that is there
KEYS = (
    ("n", "next example", ("next-example", "next")),
    ("x", "clear", ("clear",)),
    ("z", "undo", ("undo",)),
    ("d", "draw again", ("draw-again",)),
    ("f", "full screen", ()),
    ("v", "next visitor", ("next-visitor",)),
    ("i", "idle screen on or off", ("switch-idle",)),
    ("?", "these keys", ()),
    ("Escape", "leave", ("leave-stage",)),
    ("ArrowLeft", "tour: back", ("tour-back",)),
    ("ArrowRight", "tour: next", ("tour-next",)),
    ("Enter", "yes, empty everything", ("empty",)),
)
HINTS = ("n", "x", "d", "f", "?", "Escape")  # shown once

_mount = st.components.v2.component(
    "stage_keys",
    html='<dialog aria-label="Keys"></dialog><div popover="manual" role="status"></div>',
    css=(HERE / "keys.css").read_text(encoding="utf-8"),
    js=(HERE / "keys.js").read_text(encoding="utf-8"),
)


def presenting() -> bool:
    """Whether presenter's mode is on."""
    return shared_parameters().get("stage") == "on"


def idle_after() -> int:
    """After how many seconds without a touch the Draw page draws by itself; 0: never."""
    return int(shared_parameters().get("idle", 0)) if presenting() else 0


def read_stage(given: dict[str, str]) -> list[str]:
    """Take over what the address says of the mode; what is wrong with it, in words."""
    wrong = []
    stage, idle = given.get("stage"), given.get("idle")
    seconds = None if idle is None else whole_number(idle, LEAST_IDLE, MOST_IDLE)
    if stage not in (None, "on", "off"):
        wrong.append(f"stage is {stage[:40]!r}, neither on nor off")
    if idle is not None and seconds is None:
        wrong.append(
            f"idle is {idle[:40]!r}, not a whole number of seconds "
            f"from {LEAST_IDLE} to {MOST_IDLE:,}"
        )
    on = stage == "on"
    share(stage="on" if on else None, idle=str(seconds) if on and seconds else None)
    return wrong


def stage(pages: Sequence[tuple[str, str]]) -> bool:
    """The mode's style, keys and hidden buttons, where it is on; pages: (file, name) each.

    Returns whether the idle screen begins: then the page is the one that draws.
    """
    if not presenting():
        return False
    st.html(HERE / "stage.css")
    keys = [*KEYS, *((str(k), name, (f"to-page-{k}",)) for k, (_, name) in enumerate(pages, 1))]
    with st.container(key="commands", horizontal=True):
        st.button("Leave presenter's mode", key="leave-stage", on_click=leave)
        st.button("Idle screen on or off", key="switch-idle", on_click=switch_idle)
        rests = st.button("Rest now", key="rest")
        for k, (path, name) in enumerate(pages, 1):
            with st.container(key=f"to-page-{k}"):
                st.page_link(path, label=name, query_params=shared_parameters())
    with st.container(key="stage-keys"):
        _mount(
            key="keys",
            data={
                "keys": [
                    {"key": key, "does": does, "press": list(press)} for key, does, press in keys
                ],
                "hints": list(HINTS),
                "idle": idle_after(),
            },
        )
    if rests:
        share(tour=None)
        st.session_state[RESTING] = True
    return rests


def enter() -> None:
    share(stage="on")


def leave() -> None:
    share(stage=None, idle=None)


def switch_idle() -> None:
    share(idle=None if idle_after() else str(USUAL_IDLE))
