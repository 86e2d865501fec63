"""Section: aleatoric against epistemic, on points that the reader moves."""

import functools
from collections.abc import Callable

import pandas as pd
import streamlit as st
import torch

from bnnlib.figures.toy import colours, panel
from bnnlib.sentences.toy import REFERENCE, finding, panel_alt, verdict
from bnnlib.toy import dropout, ensemble, mean_field
from bnnlib.toy.model import GRID, Prediction, Toy
from bnnlib.toy.points import EDGE, MOST, PRESETS, Points
from bnnlib.toy.queue import ReferenceQueue, State
from bnnlib.toy.reference import GOOD, Reference
from ui.method import toy_pad
from ui.method.parts import claim
from ui.method.state import write_address
from ui.method.toy_mathematics import mathematics
from ui.method.toy_state import FIRST, ToyState, edited, toy_state
from ui.page import explained, is_dark, show_chart

SEED = 0
POLL_SECONDS = 0.5
LABELS = {
    "gap": ("Sine with a gap", "No points in the middle: what is the curve there?"),
    "line": ("Line", "A straight line with noise: what is beyond its ends?"),
    "clusters": ("Clusters", "Three heaps of points, nothing between them"),
    "fan": ("Growing noise", "The noise grows with x: more points would not make it smaller"),
}
TITLES = {
    REFERENCE: "Reference: NUTS",
    "mean-field": "Mean-field variational inference",
    "dropout": "Monte Carlo dropout",
    "the ensemble": "Deep ensemble",
}
LEGEND = """<ul class="legend">
<li><i style="background: currentColor; opacity: .55"></i>
epistemic: mean ± 2 standard deviations of the curve</li>
<li><i style="background: currentColor; opacity: .2"></i>
total: with the noise, which is aleatoric</li>
<li><i style="border-top: 2px dashed currentColor; height: 0"></i>
the reference's epistemic band</li>
</ul>"""


def section() -> None:
    """The whole section. Its part of the address is `points`."""
    claim(
        "Noise stays, however many points there are; doubt about the curve goes where points are. "
        "A good method doubts the curve where there are none, and trusts it where there are many."
    )
    st.markdown(
        "A network learns a curve from a few points, in four ways. **Aleatoric** uncertainty is "
        "the noise around the curve. **Epistemic** uncertainty is about the curve itself. Move the "
        "points."
    )
    st.fragment(explained(stage))()


def stage() -> None:
    """All that depends on the points."""
    toy = toy_state()
    sheet, table = (toy.key(name) for name in ("sheet", "table"))
    toy.hear("sheet", toy_pad.moved(sheet))
    toy.hear("table", edited(toy.base, st.session_state.get(table)))
    write_address()
    points = toy.points
    if toy.problem:
        st.warning(toy.problem, icon=":material/link_off:")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        editor(toy)
    with right:
        found = panels(toy)
    st.html(f'<p class="sentence" role="status">{finding(points, found)}</p>')
    if words := verdict(points, found):
        st.markdown(words)
    st.markdown(
        "**What you should have seen.** Move a few points into the gap of the sine: the epistemic "
        "band of the reference closes there. Mean-field treats every weight on its own. It cannot "
        "be narrow at the points and wide between them, so it is a compromise: too wide at the "
        "points, too narrow in the gap. Dropout's band is about equally wide everywhere. With "
        "*Growing noise* the total band opens to the right. That is noise: more points would not "
        "close it."
    )
    with st.expander("The points as a table"):
        point_table(toy)
    with st.expander("The same as numbers"):
        numbers(found)
    with st.expander("The mathematics"):
        mathematics()


def editor(toy: ToyState) -> None:
    """The sheet and its buttons."""
    points = toy.points
    with st.container(horizontal=True, gap="small"):
        for name, (label, meaning) in LABELS.items():
            button(f"toy-{name}", label, meaning, functools.partial(toy.use, PRESETS[name]))
    toy_pad.show(points, toy.key("sheet"))
    with st.container(horizontal=True, gap="small"):
        button("toy-undo", "Undo", "The points before the last change", toy.undo, not toy.before)
        clear, reset = functools.partial(toy.use, Points()), functools.partial(toy.use, FIRST)
        button("toy-clear", "Clear", "No points: the prior", clear, not len(points))
        button("toy-reset", "Reset", "The points of the start", reset, points == FIRST)
    more = f" No more than {MOST} are used." if len(points) >= MOST else ""
    st.caption(
        f"{len(points)} point{'' if len(points) == 1 else 's'}. Tap to add one, drag to move one, "
        f"drag it off the sheet to remove it. The table below does the same by keyboard.{more}"
    )


def button(
    key: str, label: str, meaning: str, act: Callable[[], None], disabled: bool = False
) -> None:
    st.button(label, key=key, help=meaning, on_click=act, disabled=disabled)


def point_table(toy: ToyState) -> None:
    """The points as a table that can be edited: what the sheet does, by keyboard."""
    column = st.column_config.NumberColumn(
        min_value=-EDGE, max_value=EDGE, step=0.01, format="%.2f", required=True
    )
    st.data_editor(
        pd.DataFrame(list(toy.base.pairs), columns=["x", "y"], dtype=float),
        num_rows="dynamic",
        column_config={"x": column, "y": column},
        hide_index=True,
        height=260,
        key=toy.key("table"),
        alt="The points, which can be edited",
    )


def panels(toy: ToyState) -> dict[str, Prediction]:
    """The four panels; returns the predictions for these points, the reference first."""
    points, state = toy.points, reference(toy)
    found = {**({REFERENCE: state[0]} if state[0] else {}), **live(points.pairs)}
    st.html(LEGEND)
    for row in (list(TITLES)[:2], list(TITLES)[2:]):
        for name, place in zip(row, st.columns(2, gap="small"), strict=True):
            with place:
                if name == REFERENCE:
                    reference_panel(toy, *state)
                else:
                    draw(name, points, found[name], found.get(REFERENCE))
    return found


def draw(name: str, points: Points, one: Prediction, against: Prediction | None = None) -> None:
    """The panel of one method."""
    colour = colours(is_dark())[name.removeprefix("the ")]
    show_chart(
        panel(one, points, colour, is_dark(), against),
        key=f"toy-panel-{name.removeprefix('the ')}",
        alt=panel_alt(TITLES[name], points, one),
        title=TITLES[name],
    )


def reference(toy: ToyState) -> tuple[Prediction | None, State | None]:
    """The reference for these points if it is there, and where its run is.

    Without points it is the prior, which needs no run.
    """
    points = toy.points
    if not len(points):
        return live(())["mean-field"], None
    state = queue().ask(toy.visitor, points)
    if state.reference is None:
        return None, state
    toy.last = points, state.reference
    return state.reference.prediction, state


def reference_panel(toy: ToyState, found: Prediction | None, state: State | None) -> None:
    """The reference's panel, or the last one while the next is on its way, and how its run is."""
    points, last = toy.points, toy.last
    if found is not None:
        draw(REFERENCE, points, found)
    elif last is not None:
        draw(REFERENCE, last[0], last[1].prediction)
    else:
        draw_empty(points)
    if state is None:
        st.caption("The prior: without points there is nothing to sample.")
    elif state.reference is not None:
        st.caption(quality(state.reference))
    else:
        pending = state.name in ("running", "waiting")
        st.fragment(explained(progress), run_every=POLL_SECONDS if pending else None)(
            toy, last is not None
        )


def draw_empty(points: Points) -> None:
    """The points alone, as long as there is no posterior."""
    nothing = torch.full_like(GRID, torch.nan)
    show_chart(
        panel(
            Prediction(nothing, nothing, nothing),
            points,
            colours(is_dark())["reference"],
            is_dark(),
        ),
        key="toy-panel-reference",
        alt=f"{TITLES[REFERENCE]}: the points; the posterior is on its way.",
        title=TITLES[REFERENCE],
    )


def progress(toy: ToyState, shown: bool) -> None:
    """Where the run of NUTS is; the page is run again when it has ended."""
    state = queue().ask(toy.visitor, toy.points)
    if state.name == "ready":
        st.rerun()
    kept = " Shown is the posterior of the points before." if shown else ""
    if state.name == "running":
        st.caption(f":material/hourglass_top: NUTS has run for {state.seconds:.0f} s.{kept}")
    elif state.name == "waiting":
        others = f"behind {state.place} other run{'s' if state.place > 1 else ''}"
        st.caption(
            f":material/hourglass_empty: NUTS waits {others if state.place else 'to start'}.{kept}"
        )
    else:
        st.warning(f"{state.message}{kept}", icon=":material/timer_off:")
        again = functools.partial(queue().retry, toy.points)
        button("toy-retry", "Try again", "Run NUTS on these points", again)


def quality(found: Reference) -> str:
    """How far the reference can be trusted."""
    agree = "the chains agree" if found.rhat < GOOD else "the chains do not quite agree yet"
    failed = f" Divergent draws: {found.divergences}." if found.divergences else ""
    return f"R-hat {found.rhat:.2f}: {agree}. {found.draws} draws in {found.seconds:.1f} s.{failed}"


def numbers(found: dict[str, Prediction]) -> None:
    """The table twin of the panels, at nine places."""
    places = range(0, len(GRID), 10)
    frame = pd.DataFrame({"x": [round(float(GRID[k]), 1) + 0.0 for k in places]})
    for name, one in found.items():
        for part in ("mean", "epistemic", "aleatoric"):
            frame[f"{name.removeprefix('the ')}, {part}"] = [
                float(getattr(one, part)[k]) for k in places
            ]
    st.dataframe(
        frame,
        hide_index=True,
        column_config={column: st.column_config.NumberColumn(format="%.2f") for column in frame},
        alt="Mean, epistemic and aleatoric standard deviation of every method at nine places",
    )


@st.cache_resource(show_spinner=False)
def queue() -> ReferenceQueue:
    """One queue for all visitors of the server."""
    return ReferenceQueue()


@st.cache_data(max_entries=100, show_spinner=False)
def live(pairs: tuple[tuple[float, float], ...]) -> dict[str, Prediction]:
    """The three methods that are fitted while one waits."""
    points = Points(pairs)
    return {
        name: method.fit(points, Toy(), torch.Generator().manual_seed(SEED))
        for name, method in (
            ("mean-field", mean_field),
            ("dropout", dropout),
            ("the ensemble", ensemble),
        )
    }
