"""The toy's points in a session: moved on the sheet or in the table, undone, and in the address."""

import uuid
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.toy.points import EDGE, MOST, PRESETS, Points, from_text, to_text
from bnnlib.toy.reference import Reference
from ui.address import names_a_state, own_parameters

PARAMETER = "points"
FIRST = PRESETS["gap"]  # what the address leaves out
MOST_UNDONE = 50
POINTS, BEFORE, SHEET, TABLE = "toy_points", "toy_before", "toy_sheet", "toy_table"
LAST, VISITOR = "toy_last", "toy_visitor"


def read_address() -> str | None:
    """Take the points from the address, where it names them; a sentence if they mean nothing."""
    state = st.session_state
    state.setdefault(VISITOR, uuid.uuid4().hex)
    if not names_a_state(POINTS in state):
        return None
    text = own_parameters().get(PARAMETER)
    if text is None and POINTS in state:
        return None
    problem, found = None, FIRST
    try:
        found = FIRST if text is None else from_text(text)
        if text is not None and text.count(".") >= MOST:
            problem = (
                f"The address names {text.count('.') + 1:,} points: the first {MOST} are used."
            )
    except BnnlibError as error:
        problem = f"The points in the address were not understood: {error}"
    state.update({POINTS: found, BEFORE: [], SHEET: fresh(SHEET), TABLE: fresh(TABLE)})
    return problem


def parameters() -> dict[str, str]:
    """The toy's part of the address."""
    points = st.session_state.get(POINTS, FIRST)
    return {} if points == FIRST else {PARAMETER: to_text(points)}


def write_address() -> None:
    """Bring the toy's part of the address up to date; the rest stays."""
    wanted = parameters().get(PARAMETER)
    if wanted is None:
        st.query_params.pop(PARAMETER, None)
    elif st.query_params.get(PARAMETER) != wanted:
        st.query_params[PARAMETER] = wanted


def fresh(name: str) -> int:
    """The next number of the sheet or of the table: a new number makes a new one."""
    return int(st.session_state.get(name, 0)) + 1


def key(name: str) -> str:
    """The widget's key of the sheet or of the table."""
    return f"{name}_{st.session_state[name]}"


def use(points: Points, source: str | None = None) -> None:
    """Go on with these points. The sheet and the table are made anew, but for the source."""
    state = st.session_state
    if points == state[POINTS]:
        return
    state[BEFORE] = [*state[BEFORE], state[POINTS]][-MOST_UNDONE:]
    _replace(points, source)


def undo() -> None:
    """Go back to the points before the last change."""
    *rest, last = st.session_state[BEFORE]
    _replace(last)
    st.session_state[BEFORE] = rest


def _replace(points: Points, source: str | None = None) -> None:
    state = st.session_state
    state[POINTS] = points
    for name in {SHEET, TABLE} - {source}:
        state[name] = fresh(name)


def table() -> None:
    """The points as a table that can be edited: what the sheet does, by keyboard."""
    state, name = st.session_state, key(TABLE)
    state.setdefault(f"{name}_base", state[POINTS])  # edits are relative to how the table started
    base = state[f"{name}_base"]
    column = st.column_config.NumberColumn(
        min_value=-EDGE, max_value=EDGE, step=0.01, format="%.2f", required=True
    )
    st.data_editor(
        pd.DataFrame(list(base.pairs), columns=["x", "y"], dtype=float),
        num_rows="dynamic",
        column_config={"x": column, "y": column},
        hide_index=True,
        height=260,
        key=name,
        on_change=lambda: use(edited(base, state[name]), TABLE),
        alt="The points, which can be edited",
    )


def edited(base: Points, changes: Mapping[str, Any]) -> Points:
    """The points after the changes that a table reports; unfinished rows are left out."""
    rows = [{"x": x, "y": y} for x, y in base.pairs]
    for row, change in changes["edited_rows"].items():
        rows[int(row)].update(change)
    deleted = set(changes["deleted_rows"])
    rows = [row for k, row in enumerate(rows) if k not in deleted] + changes["added_rows"]
    pairs = [(row.get("x"), row.get("y")) for row in rows]
    return Points.of([(x, y) for x, y in pairs if x is not None and y is not None])


def keep(points: Points, reference: Reference) -> None:
    """The last posterior of this session, shown until the next one is there."""
    st.session_state[LAST] = (points, reference)


def last() -> tuple[Points, Reference] | None:
    """The points and the posterior that were last shown."""
    return st.session_state.get(LAST)
