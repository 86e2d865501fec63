"""A run's curves, one figure a quantity; they are made again only when an epoch has ended."""

from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from bnnlib.figures.curves import Curve, epoch_curves
from bnnlib.figures.theme import network_colours
from bnnlib.runs.config import RunConfig
from bnnlib.runs.run import HISTORY, Run
from ui.page import is_dark, show_chart

STYLE = """<style>
.st-key-curves, .st-key-compared_curves { display: grid !important; gap: 1rem; }
.st-key-curves { grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); }
.st-key-compared_curves { grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
.st-key-curves > *, .st-key-compared_curves > * { width: 100% !important; min-width: 0; }
</style>"""
BASELINE = "#7f8c99"
PANELS = (
    (
        "Error",
        True,
        (("validation_error", "validation", "solid"), ("training_error", "training", "dot")),
        "Share of wrong answers: on validation images by all sampled networks together, on "
        "training images by one network at a time.",
    ),
    (
        "NLL (nats)",
        False,
        (("validation_nll", "validation", "solid"), ("nll", "training", "dot")),
        "Negative log-likelihood of the true class, an image.",
    ),
    (
        "Calibration error (ECE)",
        True,
        (("validation_ece", "validation", "solid"),),
        "How far the stated confidence lies from the share of right answers.",
    ),
    (
        "Loss",
        False,
        (
            ("loss", "loss", "solid"),
            ("clean_loss", "clean", "dot"),
            ("adversarial_loss", "adversarial", "dash"),
        ),
        "What is minimised, as the objective counts it. In adversarial training it is the mean of "
        "two parts: the images as they are, and the images moved. In runs of earlier versions it "
        "is the first part alone.",
    ),
    (
        "KL (nats an image)",
        False,
        (("kl", "KL", "solid"),),
        "How far the posterior is from the prior, whatever the temperature; a dropout network has "
        "none.",
    ),
)
DASHES = {"solid": "", "dot": " (dotted)", "dash": " (dashed)"}


def colour_of(config: RunConfig, dark: bool) -> str:
    return network_colours(dark)[config.network.kind == "bayesian"]


@dataclass(frozen=True)
class Panel:
    """A figure of one quantity. ends: where its lines end, in words. meaning: of the quantity."""

    key: str
    figure: go.Figure
    title: str
    ends: str
    meaning: str


def curves(run: Run, config: RunConfig, done: int) -> None:
    """A figure for each quantity; each stands still while its curve grows."""
    st.html(STYLE)
    with st.container(key="curves"):
        for panel in panels(str(run.folder), modified(run, HISTORY), is_dark()):
            with st.container():
                when = f"after epoch {done} of {config.training.epochs}"
                show_chart(
                    panel.figure,
                    key=panel.key,
                    alt=f"{panel.title} {when}: {panel.ends}.",
                )
                st.caption(f"{panel.ends[:1].upper()}{panel.ends[1:]}", help=panel.meaning)
    with st.expander("The same as a table"):
        st.dataframe(run.history(), hide_index=True)


def modified(run: Run, file: str) -> int:
    """When a file of the run last changed: what is made of it is kept until it changes again."""
    try:
        return (run.folder / file).stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=16, show_spinner=False)
def panels(folder: str, changed: int, dark: bool) -> list[Panel]:
    """The figures of the run in `folder`, whose history has `changed` at that time."""
    run = Run(Path(folder))
    config, made = run.config, []
    rows = [
        {**row, "training_error": 1 - row["accuracy"]} if "accuracy" in row else row
        for row in run.history()
    ]
    for title, percent, fields, meaning in PANELS:
        if not any(row.get(field) is not None for row in rows for field, *_ in fields):
            continue
        colours = {"solid": colour_of(config, dark), "dot": BASELINE, "dash": BASELINE}
        lines = [
            Curve(name, colours[dash], points(rows, field), dash) for field, name, dash in fields
        ]
        form = ".2%" if percent else ".4g"
        drawn = [line for line in lines if line.points]
        ends = ", ".join(
            f"{line.name} {line.points[-1][1]:{form}}{DASHES[line.dash]}" for line in drawn
        )
        figure = epoch_curves(lines, title, config.training.epochs, dark, percent)
        made.append(Panel(f"run_{fields[0][0]}", figure, title, ends, meaning))
    return made


def points(rows: list[dict], field: str) -> list[tuple[int, float]]:
    return [(row["epoch"], row[field]) for row in rows if row.get(field) is not None]
