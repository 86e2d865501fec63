"""The first part of the Posterior page: how the weights of every layer are spread."""

from dataclasses import dataclass
from itertools import pairwise

import streamlit as st
import torch

from bnnlib.evaluation.weights import (
    QUANTITIES,
    LayerFigures,
    Spread,
    layer_figures,
    point_spread,
    spread,
)
from bnnlib.figures.posterior import spread_figure
from bnnlib.networks import BayesianNetwork, EnsembleNetwork, Network
from bnnlib.networks.posterior import posterior_of, weights_of
from bnnlib.sentences.evaluation import percent
from bnnlib.sentences.posterior import NO_POSTERIOR, on_layers, on_spread
from ui.loaders import load_network, network_version
from ui.page import is_dark, show_finding
from ui.posterior.state import QUANTITY

LABELS = {"mean": "Mean μ", "sigma": "Sigma σ", "signal_to_noise": "Signal-to-noise", "alpha": "α"}
TITLES = {
    "mean": "Where training put the means of the weights, layer by layer",
    "sigma": "How sure the network is of its weights: their standard deviations",
    "signal_to_noise": "How far the weights stand out from their own noise",
    "alpha": "The effective dropout variance α = σ² / μ² of the weights",
}
READING = {
    "mean": "The dotted line is the prior: where weights would be without data.",
    "sigma": "A σ as large as the prior's: the data said nothing about the weight. "
    "A small one: it matters which value it has.",
    "signal_to_noise": "Left of 1 the noise is larger than the weight itself: such weights can be "
    "left out (see below).",
    "alpha": "Dropping a unit with probability p gives its weights α = p / (1 - p): "
    "1 at a rate of one half. A large α is a weight that might as well not be there.",
}


@dataclass(frozen=True)
class Weights:
    """The figures of a network's layers, and each quantity's spread."""

    layers: list[LayerFigures]
    spreads: dict[str, Spread]


@st.cache_resource(max_entries=8, show_spinner="Looking at every weight …")
def _weights(folder: str, modified: int, _network: Network) -> Weights:
    if isinstance(_network, BayesianNetwork):
        layers = posterior_of(_network)
        return Weights(layer_figures(layers), {name: spread(layers, name) for name in QUANTITIES})
    if isinstance(_network, EnsembleNetwork):  # a line for each member, over all its layers
        members = [weights_of(member) for member in _network.members]
        names = [f"member {k}" for k in range(1, len(members) + 1)]
        values = [torch.cat([w.flatten() for _, w in layers]) for layers in members]
    else:
        names, values = map(list, zip(*weights_of(_network), strict=True))
    return Weights([], {"weight": point_spread(names, values)})


def weights(name: str) -> None:
    """The sentence, the figure of the quantity chosen, and the table of all layers."""
    network = load_network(name)
    found = _weights(*network_version(name), network)
    if not isinstance(network, BayesianNetwork):
        st.markdown(NO_POSTERIOR[network.config.kind].format(name=name))
        title = "How the weights are spread"
        show_finding(
            spread_figure(found.spreads["weight"], is_dark()),
            "posterior-spread",
            title,
            "All are around 0, most of them small.",
        )
        with st.expander("The same as numbers"):
            st.markdown(point_table(found.spreads["weight"]))
        return
    st.markdown(on_layers(name, found.layers))
    quantity = str(
        st.segmented_control(
            "Show",
            list(QUANTITIES),
            format_func=LABELS.__getitem__,
            key=QUANTITY,
            required=True,
            persist_state="session",
            help="Of every weight: the mean and the standard deviation of its posterior, their "
            "ratio, and the square of the inverse ratio.",
        )
    )
    sentence = on_spread(quantity, found.layers)
    show_finding(
        spread_figure(found.spreads[quantity], is_dark()),
        "posterior-spread",
        TITLES[quantity],
        sentence,
    )
    st.caption(f"{sentence} {READING[quantity]}")
    with st.expander("Every layer in numbers"):
        st.markdown(table(found.layers))


def point_table(spread: Spread) -> str:
    """Shares of the weights in a few ranges, a row for each layer or member, in Markdown."""
    bounds = torch.quantile(spread.edges, torch.linspace(0, 1, 7, dtype=spread.edges.dtype))
    inner = bounds[1:-1].tolist()
    heads = [
        f"below {inner[0]:.3f}",
        *(f"{low:.3f} to {high:.3f}" for low, high in pairwise(inner)),
        f"above {inner[-1]:.3f}",
    ]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for name, shares in zip(spread.names, spread.shares, strict=True):
        parts = [percent(float(part.sum()), 1) for part in shares.chunk(len(heads))]
        rows.append(f"| **{name}** | " + " | ".join(parts) + " |")
    return "\n".join(rows)


def table(layers: list[LayerFigures]) -> str:
    """The figures of every layer as a Markdown table, with what they mean below it."""
    head = (
        "| layer | weights | median \\|μ\\| | median σ | prior σ | σ / prior | median \\|μ\\| / σ "
        "| median α | at the prior | scale factor | KL, nats | left out |"
    )
    rows = [head, "|---|" + "---:|" * 11]
    for layer in layers:
        rows.append(
            f"| **{layer.name}** | {layer.weights:,} | {layer.mean:.4g} | {layer.sigma:.4g} "
            f"| {layer.prior:.4g} | {layer.sigma / layer.prior:.2f} | {layer.signal_to_noise:.3g} "
            f"| {layer.alpha:.3g} | {percent(layer.at_prior, 1)} | {layer.factor:.3f} "
            f"| {layer.kl:,.0f} | {percent(layer.left_out, 1)} |"
        )
    return "\n".join(
        [
            *rows,
            "",
            "*At the prior*: the KL from the prior is at most 0.02 nats, so no event differs by "
            "more than 0.1 in probability (Pinsker's inequality). *Scale factor*: one learnt "
            "number for each hidden layer that multiplies its σ. *KL*: from the prior, summed over "
            "the layer. Biases are counted with the weights.",
        ]
    )
