"""What the sections of the Method page share: their frame, the digit, the recorded trainings."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnnlib.datasets.mnist import to_float
from ui.last_drawing import last_drawing
from ui.loaders import load_digits
from ui.method.state import DIGITS, key

RUNS = Path(__file__).parent / "runs.json"
Symbols = Sequence[tuple[str, str]]


# Symbols of several sections.
ANSWER: Symbols = (
    (r"p(y \mid x, \cdot)", "the probability of the digit $y$ for the image $x$, by one network"),
)
NORMAL: Symbols = (
    (r"\mathcal{N}(\mu, \sigma^2)", "the normal distribution of mean $\\mu$ and width $\\sigma$"),
)
EXPECTED: Symbols = (
    (r"\mathbb{E}_q", "the mean over networks whose weights are drawn from $q$"),
    (r"\mathrm{KL}(q \,\|\, p)", "the Kullback-Leibler divergence of $q$ from $p$, in nats"),
)


def claim(text: str) -> None:
    """What the section says, in a sentence or two."""
    st.markdown(f"**{text}**")


def seen(text: str) -> None:
    """What the reader should have seen."""
    st.markdown(f":material/visibility: {text}")


def mathematics(formulas: Sequence[str], symbols: Symbols, source: str) -> None:
    """The formulas in LaTeX, every symbol named, and the source with its year."""
    with st.expander("The mathematics"):
        for formula in formulas:
            st.latex(formula)
        st.markdown("\n".join(f"- ${symbol}$: {meaning}" for symbol, meaning in symbols))
        st.caption(source)


def the_digit() -> Tensor:
    """The digit that `choose_digit` has chosen."""
    chosen, mine = st.session_state[key("digit")], last_drawing()
    if chosen == "mine":
        return mine if mine is not None else _examples(load_digits().source)[0]
    return _examples(load_digits().source)[int(chosen)]


def choose_digit() -> Tensor:
    """A held-out digit or the visitor's last drawing, float `[28, 28]`."""
    mine = last_drawing()
    offered = DIGITS if mine is not None else DIGITS[1:]
    if st.session_state[key("digit")] not in offered:
        st.session_state[key("digit")] = offered[0]
    st.segmented_control(
        "Digit of the first two parts",
        offered,
        key=key("digit"),
        required=True,
        format_func=lambda one: "your drawing" if one == "mine" else str(one),
        persist_state="session",
        help="A held-out test digit, or what you drew last on the Draw page.",
    )
    return the_digit()


@st.cache_resource(max_entries=2, show_spinner=False)
def _examples(source: str) -> Tensor:
    """The first held-out image of each digit, float `[10, 28, 28]`."""
    test = load_digits().test
    first = [int((test.labels == digit).nonzero()[0]) for digit in range(10)]
    return to_float(test.images[torch.tensor(first)])


def digit_table(columns: Mapping[str, NDArray[np.floating]]) -> str:
    """Probabilities of the ten digits `[10]`, a column for each name, as a Markdown table."""
    rows = ["| digit | " + " | ".join(columns) + " |", "|---:|" + "---:|" * len(columns)]
    for digit in range(10):
        values = " | ".join(f"{column[digit]:.3f}" for column in columns.values())
        rows.append(f"| **{digit}** | {values} |")
    return "\n".join(rows)


@st.cache_resource(max_entries=1, show_spinner=False)
def recorded() -> dict[str, Any]:
    """The trainings that `python -m benchmarks.method_runs` recorded."""
    found: dict[str, Any] = json.loads(RUNS.read_text())
    for run in found["runs"].values():
        for epoch in run["epochs"]:
            epoch["sigma"] = statistics.median(epoch["sigma"])  # of the layers' medians
        run["sigma"] = run["epochs"][-1]["sigma"]
    return found


def how_recorded() -> None:
    """On what the recorded trainings were made."""
    made = recorded()
    st.caption(
        f"Real trainings of a 784-400-400-400-10 network on {made['images']:,} images, recorded on "
        f"{made['made']} ({made['machine']}) by `{made['command']}`, seed 0."
    )
