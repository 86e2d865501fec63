"""This visit: every drawing with its answers, whether they were right, and all of it as a file.

It belongs to one visitor and ends with the browser's tab; nothing is shared.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image

from bnnlib import BnnlibError
from bnnlib.drawing.history import (
    KEPT,
    NO_DIGIT,
    Entry,
    Told,
    from_json,
    most_confusing,
    packed,
    to_json,
    unpacked,
)
from bnnlib.drawing.strokes import Stroke, ink
from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.evaluation import reliability_figure
from bnnlib.metrics.answer import Answer
from bnnlib.metrics.calibration import reliability
from ui.draw import tab
from ui.draw.below import closed_part
from ui.draw.state import DrawState
from ui.page import explained, is_dark, show_chart, show_error

NAME = "visit"
ADDED = "drawings_added"  # how many drawings the visit has had, those no longer kept too
SHOWN = 12  # thumbnails; the slider reaches the others
BINS = 5
MAX_CURVES = 5  # networks in the diagram


def visit() -> list[Entry]:
    """The drawings of this visit, the latest last."""
    entries: list[Entry] = st.session_state.setdefault("drawings", [])
    return entries


def record(state: DrawState, names: Sequence[str], answers: Sequence[Answer]) -> None:
    """Keep the drawing with its answers, if it was drawn by hand and is finished.

    The same drawing answered anew, by other networks or samples, replaces its answers.
    """
    if state.pen_down or not state.strokes or not answers:
        return
    told = tuple(
        Told(name, tuple(map(float, a.mean)), a.aleatoric, a.epistemic)
        for name, a in zip(names, answers, strict=True)
    )
    under = state.sent[0].tobytes() if state.sent else b""
    entries = visit()
    known = place_of(state)
    if known is not None:
        entries[known] = replace(entries[known], answers=told)
    elif state.strokes != state.on_canvas:
        add([Entry(state.strokes, told, under)])


def add(new: Sequence[Entry]) -> None:
    """Drawings more; of too many the first ones are dropped."""
    entries = visit()
    entries.extend(new)
    del entries[:-KEPT]
    st.session_state[ADDED] = st.session_state.get(ADDED, 0) + len(new)


def keep_in_tab(state: DrawState) -> None:
    """Have the browser keep the drawing on the canvas, which a reload would take from here."""
    entries, here = visit(), None if state.pen_down else place_of(state)
    entry = None if here is None else packed(entries[here])
    back = 0 if here is None else len(entries) - 1 - here
    with st.container(key="tab"):
        tab.keep_one(st.session_state.get(ADDED, 0), entry, back, "tab-one", put_into_visit)


def put_into_visit(drawings: list[Any]) -> None:
    """Take over what the tab had kept before the page was loaded again."""
    if not visit():
        with suppress(BnnlibError):  # another version's, or damaged: this visit begins anew
            add(unpacked(drawings))


def place_of(state: DrawState) -> int | None:
    """Where the drawing on the canvas is among those of the visit."""
    under = state.sent[0].tobytes() if state.sent else b""
    return next(
        (
            k
            for k, entry in reversed(list(enumerate(visit())))
            if entry.strokes == state.strokes and entry.under == under
        ),
        None,
    )


@st.fragment
@explained
def history(state: DrawState) -> None:
    """A closed expander, which shows nothing until it is opened."""
    title = "This visit: your drawings, were the answers right?"
    part = closed_part(state, title, NAME, ":material/history:")
    if part is None:
        return
    with part:
        entries = visit()
        if entries:
            scrub(state, entries)
            judge(state, entries)
            diagram(entries)
        else:
            st.markdown("Nothing is drawn yet: each finished stroke will be kept here.")
        files(entries)
        with st.container(key="tab-of-all"):
            tab.keep_all(st.session_state.get(ADDED, 0), [packed(e) for e in entries], "tab-all")


def put_back(number: int) -> None:
    """Put a drawing of the visit on the canvas."""
    entry, state = visit()[number], st.session_state["draw"]
    state.put(entry.strokes)
    if (picture := entry.picture) is not None:
        state.sent = picture, "A picture from your drawings"


def scrub(state: DrawState, entries: list[Entry]) -> None:
    """All drawings on a slider, the latest as buttons, and the most confusing one."""
    here, worst = place_of(state), most_confusing(entries)
    if len(entries) > 1:
        st.session_state["scrub"] = (len(entries) - 1 if here is None else here) + 1
        st.slider(
            "Drawing",
            1,
            len(entries),
            key="scrub",
            on_change=lambda: put_back(st.session_state["scrub"] - 1),
            help=f"The last {KEPT} drawings of this visit are kept, each finished stroke is one.",
        )
    with st.container(horizontal=True, key="thumbnails"):
        for k in reversed(range(max(0, len(entries) - SHOWN), len(entries))):
            thumbnail_button(entries[k], k, f"thumb-{k}")
    if worst is not None:
        entry = entries[worst]
        said = ", ".join(f"{told.network}: {told.digit}" for told in entry.answers)
        with st.container(horizontal=True, vertical_alignment="center", key="worst"):
            thumbnail_button(entry, worst, "most-confusing")
            st.markdown(
                f"**Most confusing so far:** {entry.doubt:.2f} nats of total uncertainty ({said})."
            )


def thumbnail_button(entry: Entry, k: int, key: str) -> None:
    said = " / ".join(str(told.digit) for told in entry.answers)
    st.button(
        f"![]({thumbnail(entry.strokes, entry.under)}) {said}",
        key=key,
        on_click=put_back,
        args=(k,),
        help=f"Drawing {k + 1}: {entry.doubt:.2f} nats. Click to put it on the canvas.",
    )


@lru_cache(maxsize=200)
def thumbnail(strokes: tuple[Stroke, ...], under: bytes) -> str:
    """The drawing as a small PNG, a data URI."""
    sheet = (ink(strokes) * 255).astype(np.uint8)
    if under:
        picture = np.frombuffer(under, np.uint8).reshape(28, 28)
        sheet = np.maximum(sheet, np.kron(picture, np.ones((10, 10), np.uint8)))
    return embed(to_png(Image.fromarray(sheet).resize((56, 56), Image.Resampling.BOX)))


def judge(state: DrawState, entries: list[Entry]) -> None:
    """Was it right? For the drawing on the canvas."""
    here = place_of(state)
    if here is None:
        st.caption("Draw, or choose one of your drawings, to say whether its answers are right.")
        return
    entry = entries[here]
    said = entry.answers[0].digit
    with st.container(horizontal=True, vertical_alignment="bottom", key="judge"):
        st.button(
            f"Yes, it is {said}",
            icon=":material/check:",
            type="primary" if entry.label == said else "secondary",
            on_click=label,
            args=(here, said),
        )
        options = [*(d for d in range(10) if d != said), NO_DIGIT]
        st.session_state["really"] = entry.label if entry.label in options else None
        st.selectbox(
            "No, it is",
            options,
            index=None,
            key="really",
            placeholder="choose",
            format_func=lambda d: "no digit" if d == NO_DIGIT else str(d),
            on_change=lambda: label(here, st.session_state["really"]),
            width=150,
        )


def label(number: int, digit: int | None) -> None:
    """Note what a drawing was."""
    entries = visit()
    entries[number] = replace(entries[number], label=digit)


def diagram(entries: Sequence[Entry]) -> None:
    """How often the networks were right when they were that sure, on this visit's drawings."""
    judged = [entry for entry in entries if entry.label is not None]
    if not judged:
        st.caption("Say of some drawings whether the answers are right: a diagram appears here.")
        return
    names = list(dict.fromkeys(told.network for entry in judged for told in entry.answers))
    tables, said = [], []
    for place, name in enumerate(names[:MAX_CURVES]):
        pairs = [
            (told, entry.label)
            for entry in judged
            for told in entry.answers
            if told.network == name
        ]
        means = torch.tensor([told.mean for told, _ in pairs])
        labels = torch.tensor([digit for _, digit in pairs])
        table = reliability(means, labels, BINS)
        tables.append(
            (name, place, torch.stack([table.count, table.confidence, table.accuracy]).numpy())
        )
        right = int((means.argmax(1) == labels).sum())
        sure = float(means.amax(1).mean())
        said.append(f"{name} is right in {right} of {len(pairs)} and says {sure:.0%} on average")
    sentence = "; ".join(said) + "."
    st.markdown(f"**Reliability on this visit:** {sentence}")
    show_chart(
        reliability_figure(tables, is_dark()),
        key="visit-reliability",
        alt=f"Reliability diagram of this visit. {sentence}",
        title="Reliability diagram of this visit: right answers by stated confidence",
    )
    with st.expander("The same as a table"):
        rows = [
            {
                "network": name,
                "confidence": f"{k / BINS:.0%} to {(k + 1) / BINS:.0%}",
                "drawings": int(count),
                "says": f"{says:.1%}",
                "right": f"{right:.1%}",
            }
            for name, _, table in tables
            for k, (count, says, right) in enumerate(table.T)
            if count
        ]
        st.dataframe(rows, hide_index=True)


def files(entries: list[Entry]) -> None:
    """All drawings with their answers as a file, down and up again."""
    left, right = st.columns(2, vertical_alignment="top")
    left.download_button(
        "Save all as JSON",
        to_json(entries),
        "drawings.json",
        "application/json",
        icon=":material/download:",
        disabled=not entries,
        on_click="ignore",
    )
    with right:
        uploaded = st.file_uploader(
            "Load saved drawings",
            "json",
            key=f"visit-file-{st.session_state.get('visit-files', 0)}",
            help="They are added to the drawings of this visit.",
        )
    if uploaded is None:
        return
    try:
        add(from_json(uploaded.getvalue()))
    except BnnlibError as error:
        show_error(error)
        return
    st.session_state["visit-files"] = st.session_state.get("visit-files", 0) + 1
    st.rerun(scope="app")
