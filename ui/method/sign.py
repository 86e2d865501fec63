"""What the wrong sign of the published objective does: both runs side by side."""

import streamlit as st

from bnnlib.figures.method_runs import sides_figure
from bnnlib.sentences.method import on_sides
from ui.method.parts import ANSWER, EXPECTED, claim, how_recorded, mathematics, recorded, seen
from ui.method.state import PARAMETERS, key, write_address
from ui.page import explained, is_dark, show_finding

SHOWN = {
    "sigma": ("σ / prior, median", False),
    "loss": ("what is minimised, nats an image", False),
    "kl": ("KL / N, nats", False),
    "validation_error": ("validation error", True),
}
LABELS = {"sigma": "σ", "loss": "Loss", "kl": "KL", "validation_error": "Error"}
SETTINGS = {
    "ours": ("temperature 1", "published sign", "ours: Adam, prior 0.1"),
    "article": (
        "article, right sign",
        "article, published sign",
        "the article's: SGD, prior 1",
    ),
}
TITLE = "The right and the published sign of the KL: {what}, epoch by epoch"


@st.fragment
@explained
def section() -> None:
    """The fifth section."""
    claim(
        "The published code subtracts the KL where it must be added. Such a network is paid for "
        "leaving its prior: its distributions shrink towards points."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        settings = str(
            st.segmented_control(
                "Settings",
                tuple(SETTINGS),
                key=key("sign"),
                required=True,
                format_func=lambda one: SETTINGS[one][2],
                persist_state="session",
                help="Both runs of a pair differ in the objective alone.",
            )
        )
        show = str(
            st.segmented_control(
                "Show",
                PARAMETERS["show"].values,
                key=key("show"),
                required=True,
                format_func=LABELS.__getitem__,
                persist_state="session",
                help="; ".join(f"{LABELS[name]}: {what}" for name, (what, _) in SHOWN.items()),
            )
        )
    right, wrong = (recorded()["runs"][name] for name in SETTINGS[settings][:2])
    what, share = SHOWN[show]
    sentence = on_sides(right, wrong)
    title = TITLE.format(what=what)
    show_finding(
        sides_figure(
            {"right sign": right["epochs"], "published sign": wrong["epochs"]},
            show,
            what,
            share,
            is_dark(),
        ),
        "method-sign",
        title,
        sentence,
    )
    how_recorded()
    with st.expander("The same as numbers"):
        st.markdown(table(right, wrong))
        st.markdown(by_epoch(right["epochs"], wrong["epochs"], show))
    seen(
        sentence
        + (
            " With the article's prior of width 1 the right sign hardly learns in 30 epochs: at "
            "T = 1 the KL to so wide a prior outweighs the images. The published sign hides that."
            if settings == "article"
            else " A small error is no proof of a right objective: what suffers is the doubt."
        )
    )
    mathematics(
        (
            r"\mathcal{L}_{\text{published}} = -\mathbb{E}_q \log p(y \mid x, W) - "
            r"\frac{f}{N} \left(\mathrm{KL}(q \,\|\, p) - K\right)",
            r"\mathcal{L} = -\mathbb{E}_q \log p(y \mid x, W) + "
            r"\frac{1}{N} \mathrm{KL}(q \,\|\, p)",
        ),
        (
            (r"\mathcal{L}", "what is minimised, for one image"),
            ("N", "the number of training images, so that the KL is counted once an epoch"),
            ("q, p", "posterior and prior of the weights $W$"),
            *ANSWER,
            *EXPECTED,
            ("K", "a constant that the article's layers add; it moves the loss, not the training"),
            ("f", "a little over 1: the article counts the last, smaller batch as a full one"),
        ),
        "The article's layer returns the KL with the sign that its loss does not expect; "
        "docs/mathematics.md shows where, and how it was verified.",
    )
    write_address()


def by_epoch(right: list, wrong: list, field: str) -> str:
    """What the figure shows, epoch by epoch, as a Markdown table."""
    what, share = SHOWN[field]
    form = "{:.2%}" if share else "{:.4g}"
    rows = [f"| epoch | {what}: right sign | published sign |", "|---:|---:|---:|"]
    rows += [
        f"| {one['epoch']} | {form.format(one[field])} | {form.format(other[field])} |"
        for one, other in zip(right, wrong, strict=True)
    ]
    return "\n".join(rows)


def table(right: dict, wrong: dict) -> str:
    """Both runs at their end as a Markdown table."""
    rows = ["| at the end | right sign | published sign |", "|---|---:|---:|"]
    for name, field, form in (
        ("test error", "error", "{:.2%}"),
        ("test NLL, nats", "nll", "{:.3f}"),
        ("σ / prior, median", "sigma", "{:.3g}"),
        ("mutual information on digits, nats", "mi_digits", "{:.4f}"),
        ("mutual information on letters, nats", "mi_letters", "{:.3f}"),
        ("letters named as a digit with over 90 %", "named_letters", "{:.1%}"),
    ):
        rows.append(f"| {name} | {form.format(right[field])} | {form.format(wrong[field])} |")
    return "\n".join(rows)
