"""A checkpoint's card on the page: what it is, how good it is, how it was made.

Anyone may have written a card: what is missing or not of the expected form is left out.
"""

import html
import math
from typing import Any

import streamlit as st

from bnnlib.training.config import NETWORK, TRAINING

KINDS = {
    "dropout": "Dropout network: units are dropped at random, also when it answers",
    "bayesian": "Bayesian network: a normal distribution over every weight",
    "ensemble": "Deep ensemble: a few networks trained apart, which answer in turn",
    "laplace": "Laplace approximation: a normal distribution over the last layer's weights, "
    "fitted to a trained dropout network",
}
SOURCES = {"mnist": "the full MNIST", "embedded": "the embedded digits"}
FIGURES = {
    "error": ("Error", "{:.2%}", "Share of held-out images whose most probable class is wrong."),
    "nll": (
        "NLL",
        "{:.4f}",
        "Negative log-likelihood of the true class, nats an image. It is large where the network "
        "is sure and wrong.",
    ),
    "ece": (
        "ECE",
        "{:.2%}",
        "Expected calibration error: how far stated confidence is from the share of right answers.",
    ),
    "brier": (
        "Brier",
        "{:.4f}",
        "Brier score: squared distance of the probabilities from the truth, from 0 to 2.",
    ),
}
SETTINGS = {
    one.name: one.label for one in TRAINING.values() if one.name not in ("classes", "device")
}
ARCHITECTURE = {
    "members": "Members",
    "hidden": "Hidden layers",
    **{one.name: one.label for one in NETWORK.values()},
}


# Four figures fit in half a page.
STYLE = """<style>
[class*="st-key-figures_"] [data-testid="stMetricValue"] { font-size: 1.6rem; }
</style>"""


def network_card(side: str, name: str, card: dict[str, Any], colour: str) -> None:
    """Show the card of the checkpoint `name`, in use on the `side` left or right.

    colour: the network's own in every figure.
    """
    st.html(STYLE)
    dot = f'<span style="color:{colour}" aria-hidden="true">●</span>'
    st.html(f'<h2 style="margin:0">{dot} {html.escape(name)}</h2>')
    st.markdown(_origin(card))
    _figures(side, card)
    settings = [
        *_rows(card.get("architecture"), ARCHITECTURE),
        *_rows(card.get("training"), SETTINGS),
    ]
    if settings:
        with st.expander("How it was trained", icon=":material/tune:"):
            st.table(dict(settings), border="horizontal")
    if isinstance(command := card.get("command"), str):
        st.caption("The command that makes it again:")
        st.code(command, language=None, wrap_lines=True)
    with st.expander("The whole card", icon=":material/data_object:"):
        st.json(card, expanded=1)


def _origin(card: dict[str, Any]) -> str:
    parts = [KINDS.get(str(card.get("kind")), "A network") + "."]
    split = card.get("split")
    images = split.get("train") if isinstance(split, dict) else None
    pen = card.get("pen")
    drawn = pen.get("images") if isinstance(pen, dict) else None
    if isinstance(drawn, int) and isinstance(images, int):
        images -= drawn  # of the digits' source alone
    if (source := SOURCES.get(str(card.get("source")))) is not None:
        how_many = f"{images:,} images of " if isinstance(images, int) else ""
        parts.append(f"Trained on {how_many}{source}")
    history, best = card.get("history"), card.get("best_epoch")
    if isinstance(history, list) and history and isinstance(best, int):
        parts[-1] += f"; epoch {best} of {len(history)} was kept"
    if isinstance(created := card.get("created"), str):
        parts[-1] += f", {created[:10]}"
    if isinstance(drawn, int) and drawn:
        parts[-1] += "."
        parts.append(f"It learnt from {drawn:,} images of digits drawn with a pen too")
    if isinstance(others := card.get("not_digits"), dict):
        writers, words = others.get("letters of writers"), others.get("doodles of")
        what = None
        if isinstance(writers, list) and isinstance(words, list):
            what = (
                f"letters of {len(writers)} writers, doodles of {len(words)} categories, "
                "and shapes made at random"
            )
        elif isinstance(others.get("images"), int):
            what = (
                f"{others['images']:,} pictures made of the digits' own images, cut and joined, "
                "and of lines and arcs at random"
            )
        if what:
            parts[-1] += "."
            parts.append(
                f"Its sampled networks learnt to contradict each other on what is no digit: {what}"
            )
    return " ".join(parts) + "."


def _figures(side: str, card: dict[str, Any]) -> None:
    figures = card.get("figures")
    test = figures.get("test") if isinstance(figures, dict) else None
    if not isinstance(test, dict):
        st.caption("Its card holds no figures: `python -m bnnlib evaluate` measures them.")
        return
    with st.container(horizontal=True, key=f"figures_{side}"):
        for field, (label, form, meaning) in FIGURES.items():
            st.metric(label, _text(test.get(field), form), help=meaning, width="content")
    words = [
        f"Measured on {_text(test.get('images'), '{:,}')} held-out images "
        f"with {_text(test.get('samples'), '{}')} sampled networks"
    ]
    if isinstance(single := test.get("deterministic"), dict):
        words.append(
            f"asked once with all units kept: error {_text(single.get('error'), '{:.2%}')}, "
            f"NLL {_text(single.get('nll'), '{:.4f}')}"
        )
    ratios = card.get("sigma_ratios")
    if isinstance(ratios, list) and ratios:
        words.append(
            "median of posterior over prior standard deviation, layer by layer: "
            + ", ".join(_text(ratio, "{:.2f}") for ratio in ratios)
            + " (near 1 nothing was learnt, near 0 a weight is a point)"
        )
    st.caption("; ".join(words) + ".")


def _rows(values: Any, labels: dict[str, str]) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    return [
        (label, _plain(values[field]))
        for field, label in labels.items()
        if values.get(field) not in (None, "")
        and (field != "outliers" or values.get("not_digits"))  # without them it means nothing
    ]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " · ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _text(value: Any, form: str) -> str:
    usable = (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    )
    return form.format(value) if usable else "?"
