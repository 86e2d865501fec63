"""Weights as distributions: their width, and what it does to the answers."""

import numpy as np
import streamlit as st
import torch

from bnnlib.figures.method import density_figure, dots_figure
from bnnlib.networks import BayesianNetwork
from bnnlib.networks.posterior import layer_posterior
from bnnlib.sentences.method import on_spread
from ui.loaders import load_network, network_version
from ui.method.parts import ANSWER, NORMAL, claim, digit_table, mathematics, seen, the_digit
from ui.method.state import PARAMETERS, key, write_address
from ui.page import explained, is_dark, show_finding

NETWORK, SAMPLES, SEED = "bayesian-pen", 100, 0  # in use on the Draw page too
QUANTILES = {"a clear weight": 0.9999, "a usual weight": 0.5, "a weight at the prior": 0.0}


@st.fragment
@explained
def section() -> None:
    """The second section."""
    claim(
        "A Bayesian network does not keep one number for each weight but a normal distribution. "
        "Every answer uses one draw of all of them; the wider they are, the more answers differ."
    )
    network = load_network(NETWORK)
    if not isinstance(network, BayesianNetwork):
        st.info(f"The checkpoint {NETWORK} is no Bayesian network here.", icon=":material/info:")
        return
    image = the_digit()
    width = float(
        st.select_slider(
            "Width of all distributions, times what was learnt",
            PARAMETERS["width"].values,
            key=key("width"),
            format_func=lambda one: f"{one:g} times",
            persist_state="session",
            help="1 is the posterior as training left it. 0 takes the means alone.",
        )
    )
    shown, prior = _examples(*network_version(NETWORK), network)
    generator = torch.Generator().manual_seed(SEED)
    with torch.inference_mode():
        answers = network.sample(image[None], SAMPLES, generator, width=width)
    samples = answers[:, 0].exp().numpy()
    sentence = on_spread(width, samples)
    left, right = st.columns(2, gap="medium")
    with left:
        title = "Three weights of the first layer, and the prior"
        show_finding(
            density_figure(
                [(name, mean, width * scale) for name, mean, scale in shown], prior, is_dark()
            ),
            "method-weights",
            title,
            "The clear one is narrow and far from 0, the last one is the prior.",
        )
    with right:
        title = f"The answers of {SAMPLES} networks drawn with that width"
        show_finding(dots_figure(samples, is_dark()), "method-dots", title, sentence)
    with st.expander("The same as numbers"):
        low, high = np.quantile(samples, [0.05, 0.95], axis=0)
        st.markdown(digit_table({"mean": samples.mean(0), "5 %": low, "95 %": high}))
        st.markdown(weight_table(shown, prior, width))
    seen(
        f"{sentence} At 0 the network is an ordinary one, without doubt between its answers. "
        "Wider than learnt, it doubts digits that it knows."
    )
    mathematics(
        (
            r"q(W) = \prod_{ij} \mathcal{N}(w_{ij} \mid \mu_{ij}, \sigma_{ij}^2), \qquad "
            r"p(W) = \prod_{ij} \mathcal{N}(w_{ij} \mid 0, \sigma_p^2)",
            r"p(y \mid x) \approx \frac{1}{S} \sum_{s=1}^{S} p(y \mid x, W_s), \qquad W_s \sim q",
        ),
        (
            ("W", "all weights; $w_{ij}$: that from unit $i$ to unit $j$"),
            ("q(W)", "the posterior that training finds, with means $\\mu$ and widths $\\sigma$"),
            ("p(W)", "the prior: what is thought of the weights before any image"),
            *NORMAL,
            (r"\sigma_p", "the width of the prior"),
            *ANSWER,
            ("S", "the number of sampled networks"),
        ),
        "Blundell et al. 2015, “Weight Uncertainty in Neural Networks”; Graves 2011.",
    )
    write_address()


def weight_table(shown: list[tuple[str, float, float]], prior: float, width: float) -> str:
    """The distributions of the figure as a Markdown table."""
    rows = ["| weight | mean | width |", "|---|---:|---:|"]
    rows += [f"| {name} | {mean:.4f} | {width * scale:.4f} |" for name, mean, scale in shown]
    return "\n".join([*rows, f"| prior | 0 | {prior:.4f} |"])


@st.cache_resource(max_entries=2, show_spinner=False)
def _examples(
    folder: str, modified: int, _network: BayesianNetwork
) -> tuple[list[tuple[str, float, float]], float]:
    """Weights of the first layer by their signal-to-noise, (name, mean, sigma), and the prior."""
    layer = layer_posterior(_network, 0)
    order = layer.signal_to_noise.flatten().argsort()
    shown = []
    for name, quantile in QUANTILES.items():
        place = order[round(quantile * (len(order) - 1))]
        shown.append(
            (name, float(layer.mean.flatten()[place]), float(layer.scale.flatten()[place]))
        )
    return shown, layer.prior_scale
