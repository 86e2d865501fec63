"""The toy's points in a session: moved on the sheet or in the table, undone, and in the address.

A click's callback must not look into `st.session_state`: where another run is waiting, as it is
while a fragment polls, Streamlit ends a callback there, and the click would be lost. So the state
is one object, which the callbacks hold, and what the sheet and the table say is read by the run.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.toy.points import MOST, PRESETS, Points, from_text, to_text
from bnnlib.toy.reference import Reference
from ui.address import names_a_state, own_parameters

NAME = "toy"  # in the session
PARAMETER = "points"  # in the address
FIRST = PRESETS["gap"]  # what the address leaves out
MOST_UNDONE = 50


@dataclass
class ToyState:
    """points: in use. before: those before each change. sheet, table: the numbers of the widgets.

    A new number makes a new widget, which starts with `points`. said: what the sheet and the table
    last said. base: what the table started with. last: the posterior that was last shown. problem:
    what was wrong with the points of the address.
    """

    points: Points = FIRST
    before: list[Points] = field(default_factory=list)
    sheet: int = 0
    table: int = 0
    said: dict[str, Points] = field(default_factory=dict)
    base: Points = FIRST
    last: tuple[Points, Reference] | None = None
    problem: str = ""
    visitor: str = field(default_factory=lambda: uuid.uuid4().hex)

    def use(self, points: Points, source: str = "") -> None:
        """Go on with these points. The sheet and the table are made anew, but for the source."""
        if points != self.points:
            self.before = [*self.before, self.points][-MOST_UNDONE:]
            self._show(points, source)

    def undo(self) -> None:
        """Go back to the points before the last change, if there are any."""
        if self.before:
            self._show(self.before.pop())

    def hear(self, source: str, points: Points | None) -> None:
        """Use what the `sheet` or the `table` says, if it says something new."""
        if points is not None and self.said.get(source) != points:
            self.said[source] = points
            self.use(points, source)

    def key(self, name: str) -> str:
        """The key of the widget `sheet` or `table`."""
        return f"toy_{name}_{getattr(self, name)}"

    def _show(self, points: Points, source: str = "") -> None:
        self.points, self.problem = points, ""
        if source != "sheet":
            self.sheet += 1
            self.said.pop("sheet", None)
        if source != "table":
            self.table += 1
            self.said.pop("table", None)
            self.base = points


def toy_state() -> ToyState:
    """The state of this session."""
    return st.session_state.setdefault(NAME, ToyState())


def read_address() -> None:
    """Take the points from the address, where it names them."""
    known = NAME in st.session_state
    toy, text = toy_state(), own_parameters().get(PARAMETER)
    if text is None or not names_a_state(known):
        return
    try:
        toy.use(from_text(text))
    except BnnlibError as error:
        toy.problem = f"The points in the address were not understood: {error}"
    if (count := text.count(".") + 1) > MOST and not toy.problem:
        toy.problem = f"The address names {count} points: the first {MOST} are used."
    if not known:
        toy.before.clear()


def parameters() -> dict[str, str]:
    """The toy's part of the address."""
    points = toy_state().points
    return {} if points == FIRST else {PARAMETER: to_text(points)}


def edited(base: Points, changes: Any) -> Points | None:
    """The points after the changes that a table reports; unfinished rows are left out.

    None for what are no changes.
    """
    if not isinstance(changes, Mapping) or "edited_rows" not in changes:
        return None
    rows: list[dict[str, float | None]] = [{"x": x, "y": y} for x, y in base.pairs]
    for row, change in changes["edited_rows"].items():
        rows[int(row)].update(change)
    deleted = set(changes["deleted_rows"])
    rows = [row for k, row in enumerate(rows) if k not in deleted] + changes["added_rows"]
    pairs = [(row.get("x"), row.get("y")) for row in rows]
    return Points.of([(x, y) for x, y in pairs if x is not None and y is not None])
