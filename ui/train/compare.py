"""Runs side by side: their curves on shared axes, and the settings in which they differ."""

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.figures.curves import Curve, epoch_curves
from bnnlib.figures.theme import PALETTE
from bnnlib.runs.config import settings
from bnnlib.runs.folder import list_runs
from ui.page import is_dark, show_chart
from ui.train.curves import STYLE, points
from ui.train.state import COMPARED, compared

FIELDS = (
    ("validation_error", "Validation error", True),
    ("validation_nll", "Validation NLL (nats)", False),
    ("validation_ece", "Calibration error (ECE)", True),
    ("loss", "Loss", False),
    ("clean_loss", "Clean part of the loss", False),
    ("adversarial_loss", "Adversarial part of the loss", False),
    ("kl", "KL (nats an image)", False),
)


def compare_runs() -> None:
    """Choose runs; see where they went and why."""
    found = {}
    for run in list_runs():
        try:
            if history := run.history():
                found[run.name] = (run.config, history)
        except BnnlibError:
            continue  # its own view says what is wrong with it
    if len(found) < 2:
        st.info(
            "Two runs with a finished epoch each can be compared here.",
            icon=":material/compare_arrows:",
        )
        return
    if problem := compared(list(found)):
        st.warning(problem, icon=":material/link_off:")
    names = st.multiselect(
        "Runs",
        found,
        max_selections=len(PALETTE[False]),
        key=COMPARED,
        help="Up to six; the newest come first.",
    )
    if not names:
        return
    colours = dict(zip(names, PALETTE[is_dark()], strict=False))
    epochs = max(found[name][0].training.epochs for name in names)
    st.html(STYLE)
    with st.container(key="compared_curves"):
        for field, title, percent in FIELDS:
            lines = [Curve(name, colours[name], points(found[name][1], field)) for name in names]
            if any(line.points for line in lines):
                ends = ", ".join(
                    f"{line.name} ends at {line.points[-1][1]:.4g}" for line in lines if line.points
                )
                with st.container():
                    show_chart(
                        epoch_curves(lines, title, epochs, is_dark(), percent, legend=True),
                        key=f"compare_{field}",
                        alt=f"{title}: {ends}.",
                    )
    with st.expander("The same as a table"):
        st.dataframe(
            [{"run": name, **point} for name in names for point in found[name][1]], hide_index=True
        )
    st.markdown("**What differs**")
    st.table(differences({name: found[name] for name in names}), border="horizontal")


def differences(found: dict) -> dict[str, list[str]]:
    """A column for each run: the settings that are not the same in all, then how far each came."""
    rows = {name: settings(config) for name, (config, _) in found.items()}
    fields = list(dict.fromkeys(field for row in rows.values() for field in row))
    differing = [
        field for field in fields if len({repr(row.get(field)) for row in rows.values()}) > 1
    ]
    table: dict[str, list[str]] = {
        "setting": [
            *(field.replace("_", " ") for field in differing),
            "epochs done",
            "best validation error",
        ]
    }
    for name, row in rows.items():
        history = found[name][1]
        best = min(point["validation_error"] for point in history)
        table[name] = [
            *(plain(row.get(field)) for field in differing),
            str(len(history)),
            f"{best:.2%}",
        ]
    return table


def plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
