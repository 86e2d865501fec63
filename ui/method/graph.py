"""The model's graph, as Pyro draws it from the code that trains."""

from pathlib import Path

import streamlit as st

from ui.method.parts import claim, mathematics, seen
from ui.page import is_dark

GRAPH = Path(__file__).parent / "model.dot"
STYLE = 'bgcolor="transparent" rankdir=LR node [fontname="sans-serif"]'
DARK = 'fontcolor="#E8EDF3" edge [color="#E8EDF3"] graph [color="#E8EDF3"]'
NODES = {  # Pyro's own fills are white and grey, with the letters of the page's theme on them
    "fillcolor=white": 'fillcolor="#FFFFFF" fontcolor="#16202C"',
    "fillcolor=gray": 'fillcolor="#BBBBBB" fontcolor="#16202C"',
    "shape=plaintext": 'shape=plaintext fontcolor="{ink}"',
}


def section() -> None:
    """The last section."""
    claim(
        "The whole model is five random variables: four layers of pre-activations, drawn one "
        "after the other, and the label, which is observed."
    )
    st.graphviz_chart(dressed(GRAPH.read_text(), is_dark()), width="stretch")
    seen(
        "White is drawn, grey is observed, and the box is repeated for each image. The weights do "
        "not appear: by local reparameterisation each layer draws its pre-activations, and its KL "
        "is that of its weights. Pyro made the graph from `BayesianNetwork.model`, the code that "
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
            ("y", "the label"),
        ),
        "Bingham et al. 2019, “Pyro: Deep Universal Probabilistic Programming”.",
    )


def dressed(graph: str, dark: bool) -> str:
    """The graph in the colours of the theme, from left to right."""
    ink = "#E8EDF3" if dark else "#16202C"
    for plain, styled in NODES.items():
        graph = graph.replace(plain, styled.format(ink=ink))
    return graph.replace("digraph {", f"digraph {{ {STYLE} {DARK if dark else ''}", 1)
