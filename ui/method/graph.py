"""The model's graph, as Pyro draws it from the code that trains."""

from pathlib import Path

import streamlit as st

from bnnlib.figures.theme import ink
from ui.method.parts import NORMAL, claim, mathematics, seen
from ui.page import is_dark

GRAPH = Path(__file__).parent / "model.dot"
OBSERVED = "#7f8c9966"  # half transparent: letters of the page's own colour are read on it


def section() -> None:
    """The last section."""
    claim(
        "The whole model is five random variables: four layers of pre-activations, drawn one "
        "after the other, and the label, which is observed."
    )
    st.graphviz_chart(dressed(GRAPH.read_text(), is_dark()), width="content")
    seen(
        "Open circles are drawn, the grey one is observed, and the box is repeated for each image. "
        "The weights do not appear: by local reparameterisation each layer draws its "
        "pre-activations, and its KL is that of its weights. Pyro made the graph from "
        "`BayesianNetwork.model`, the code that "
        "trains (`pyro.render_model`)."
    )
    mathematics(
        (
            r"h_k \sim \mathcal{N}\big(g(h_{k-1})\,\mu_k,\ g(h_{k-1})^2 \sigma_k^2\big), \qquad "
            r"y \sim \mathrm{Categorical}(\mathrm{softmax}(h_4))",
        ),
        (
            ("h_k", "the pre-activations of layer $k$; $g(h_0)$ is the image"),
            ("g", "LeakyReLU, the non-linearity between the layers"),
            (r"\mu_k, \sigma_k", "means and widths of the weights of layer $k$"),
            *NORMAL,
            (r"\mathrm{softmax}", "makes probabilities of ten numbers"),
            (r"\mathrm{Categorical}", "draws one of the ten digits with these probabilities"),
            ("y", "the label"),
        ),
        "Bingham et al. 2019, “Pyro: Deep Universal Probabilistic Programming”.",
    )


def dressed(graph: str, dark: bool) -> str:
    """The graph in the colours of the theme."""
    style = 'bgcolor="transparent"; fontname="sans-serif"; fontcolor="{0}"; color="{0}"; '
    style += 'node [fontname="sans-serif" fontcolor="{0}" color="{0}"]; edge [color="{0}"]'
    graph = graph.replace("fillcolor=white", 'fillcolor="transparent"')
    graph = graph.replace("fillcolor=gray", f'fillcolor="{OBSERVED}"')
    return graph.replace("digraph {", f"digraph {{ {style.format(ink(dark))}", 1)
