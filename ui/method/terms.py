"""The ELBO taken apart: misfit and KL, epoch by epoch, of a real training."""

import streamlit as st

from bnnlib.figures.method_runs import terms_figure
from bnnlib.sentences.method import on_terms
from ui.address import shared_parameters
from ui.method.parts import ANSWER, EXPECTED, claim, how_recorded, mathematics, recorded, seen
from ui.method.state import PARAMETERS, key, write_address
from ui.page import explained, is_dark, show_finding

TITLE = "The two terms of what is minimised, epoch by epoch"


@st.fragment
@explained
def section() -> None:
    """The fourth section."""
    claim(
        "Training weighs two wishes against each other: to explain the images, and to stay close "
        "to the prior. The ELBO is their sum, and each can be watched alone."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = str(
            st.segmented_control(
                "Training at temperature",
                PARAMETERS["run"].values,
                key=key("run"),
                required=True,
                persist_state="session",
                help="By how much the KL is multiplied. 1 is Bayes' rule as it is.",
            )
        )
        at = int(
            st.slider(
                "Epoch", 1, 20, key=key("epoch"), persist_state="session", help="Look at one epoch."
            )
        )
    epochs = recorded()["runs"][f"temperature {run}"]["epochs"]
    sentence = on_terms(epochs, float(run), at)
    show_finding(
        terms_figure(epochs, float(run), at, is_dark()),
        "method-terms",
        TITLE,
        sentence,
    )
    how_recorded()
    with st.expander("The same as numbers"):
        st.markdown(table(epochs, float(run)))
    seen(
        f"{sentence} At T = 1 the KL is by far the larger part at first: the network begins by "
        "forgetting what it does not need. At 0.01 the misfit leads at first; once the images are "
        "explained, the KL is what is left. The Train page draws both terms of a training of your "
        "own."
    )
    mathematics(
        (
            r"-\mathrm{ELBO} = \underbrace{-\mathbb{E}_q \sum_n \log p(y_n \mid x_n, W)}"
            r"_{\text{misfit}} + T \cdot \mathrm{KL}(q \,\|\, p)",
            r"\mathrm{KL} = \sum_{ij} \log \frac{\sigma_p}{\sigma_{ij}} + "
            r"\frac{\sigma_{ij}^2 + \mu_{ij}^2}{2 \sigma_p^2} - \frac{1}{2}",
        ),
        (
            ("x_n, y_n", "the images and their labels, $N$ of them"),
            ("q", "the posterior over the weights $W$, with means $\\mu$ and widths $\\sigma$"),
            ("p", "the prior, of width $\\sigma_p$"),
            *ANSWER,
            *EXPECTED,
            (r"\mu_{ij}, \sigma_{ij}", "mean and width of the weight from unit $i$ to unit $j$"),
            ("T", "the temperature; 1 for Bayes' rule"),
        ),
        "Jordan et al. 1999; Blundell et al. 2015. Both terms are shown divided by $N$.",
    )
    st.page_link(
        "pages/2_Train.py",
        label="Watch a training of your own",
        icon=":material/model_training:",
        query_params=shared_parameters(),
    )
    write_address()


def table(epochs: list, temperature: float) -> str:
    """Both terms of every epoch as a Markdown table."""
    rows = ["| epoch | misfit, nats | KL / N, nats | T · KL / N | validation error |"]
    rows.append("|---:|---:|---:|---:|---:|")
    rows += [
        f"| {one['epoch']} | {one['nll']:.4f} | {one['kl']:.4g} | {temperature * one['kl']:.4g} "
        f"| {one['validation_error']:.2%} |"
        for one in epochs
    ]
    return "\n".join(rows)
