"""One unit of the first layer: its incoming weights as pictures of the input."""

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
import torch

from bnnlib.figures.posterior import weight_picture
from bnnlib.networks import BayesianNetwork, EnsembleNetwork, Network
from bnnlib.networks.posterior import draw_unit, layer_posterior, layer_weights
from ui.loaders import load_network, network_version
from ui.posterior.state import CLEAREST, LARGEST, SEED, UNIT

DRAWS = 6
STYLE = """<style>
.unit { display: flex; flex-wrap: wrap; gap: .7rem .8rem; list-style: none; }
.unit { margin: 0 !important; padding: 0 !important; }
.unit li { width: 112px; margin: 0; padding: 0; font-size: .82rem; line-height: 1.3; }
.unit img { width: 112px; height: 112px; image-rendering: pixelated; border-radius: 4px; }
.unit img { display: block; margin-bottom: .2rem; }
</style>"""
Shown = tuple[str, np.ndarray, float, bool]  # caption, values [784], limit, whether signed


def unit(name: str) -> None:
    """Choose a unit, see its weights: mean, sigma and draws, or what there is instead."""
    network = load_network(name)
    strength = _strength(*network_version(name), network)
    order, units = strength.argsort(descending=True), len(strength)
    st.session_state[CLEAREST] = clearest = int(order[0]) + 1
    if st.session_state[UNIT] > units:
        st.warning(
            f"Layer 1 of {name} has {units} units, so there is no unit {st.session_state[UNIT]}: "
            "its clearest one is shown.",
            icon=":material/info:",
        )
        st.session_state[UNIT] = 0
    st.session_state[UNIT] = st.session_state[UNIT] or clearest
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.number_input(
            "Unit of layer 1",
            1,
            units,
            key=UNIT,
            width=150,
            persist_state="session",
            help=f"One of the {units} units that see the image.",
        )
        rank = int((order == chosen - 1).nonzero())
        for label, place, meaning in (
            ("Clearest", 0, "The unit with the largest mean of |μ| / σ"),
            ("Next clearest", (rank + 1) % units, "The next one in that order"),
            ("Vaguest", units - 1, "The unit with the least"),
        ):
            st.button(
                label,
                key=f"unit-{label.split()[0].lower()}",
                on_click=_go_to,
                args=(int(order[place]) + 1,),
                help=f"{meaning}.",
            )
        if isinstance(network, BayesianNetwork):
            st.button("Draw again", icon=":material/casino:", key="unit-draw", on_click=_draw_again)
    shown = _shown(network, int(chosen) - 1)
    st.html(STYLE + _pictures(shown, int(chosen)))
    st.caption(_reading(network, units, rank + 1))


def _go_to(chosen: int) -> None:
    st.session_state[UNIT] = chosen


def _draw_again() -> None:
    st.session_state[SEED] = (st.session_state[SEED] + 1) % (LARGEST + 1)


@st.cache_resource(max_entries=8, show_spinner=False)
def _strength(folder: str, modified: int, _network: Network) -> torch.Tensor:
    """How clear the weights of every unit of layer 1 are, `[H]`: the mean of |mu| / sigma.

    Where there is no sigma, the mean of |weight|.
    """
    if isinstance(_network, BayesianNetwork):
        return layer_posterior(_network, 0).signal_to_noise[: _network.config.inputs].mean(0)
    first = _network.members[0] if isinstance(_network, EnsembleNetwork) else _network
    return layer_weights(first, 0)[: first.config.inputs].abs().mean(0)


def _shown(network: Network, k: int) -> list[Shown]:
    """The pictures of unit `k`, each with its caption and its scale."""
    inputs = network.config.inputs
    if isinstance(network, EnsembleNetwork):
        parts = [layer_weights(member, 0)[:inputs, k].numpy() for member in network.members]
        limit = max(float(np.abs(part).max()) for part in parts)
        return [(f"member {m}", part, limit, True) for m, part in enumerate(parts, start=1)]
    if not isinstance(network, BayesianNetwork):
        values = layer_weights(network, 0)[:inputs, k].numpy()
        return [("weights", values, float(np.abs(values).max()), True)]
    layer = layer_posterior(network, 0)
    generator = torch.Generator().manual_seed(int(st.session_state[SEED]))
    draws = draw_unit(layer, k, DRAWS, generator)[:, :inputs].numpy()
    mean, scale = layer.mean[:inputs, k].numpy(), layer.scale[:inputs, k].numpy()
    limit = max(float(np.abs(mean).max()), float(np.quantile(np.abs(draws), 0.999)))
    widest = max(float(scale.max()), layer.prior_scale)
    return [
        (f"mean μ\n±{limit:.2f}", mean, limit, True),
        (f"sigma σ\n0 to {widest:.2f}", scale, widest, False),
        ("|μ| / σ\n0 to 3", np.abs(mean) / scale, 3.0, False),
        *((f"draw {d}", part, limit, True) for d, part in enumerate(draws, start=1)),
    ]


def _pictures(shown: Sequence[Shown], number: int) -> str:
    items = "".join(
        f'<li><img src="{weight_picture(values.reshape(28, 28), limit, signed)}" '
        f'alt="Incoming weights of unit {number}, {escape(caption.replace(chr(10), ", "))}">'
        f"{escape(caption).replace(chr(10), '<br>')}</li>"
        for caption, values, limit, signed in shown
    )
    return f'<ul class="unit">{items}</ul>'


def _reading(network: Network, units: int, rank: int) -> str:
    colours = "Blue: ink there excites the unit; orange: it inhibits it."
    if isinstance(network, EnsembleNetwork):
        return f"{colours} Units of the same number have nothing to do with each other."
    if not isinstance(network, BayesianNetwork):
        return f"{colours} It is number {rank} of {units} by the mean size of its weights."
    return (
        f"{colours} It is number {rank} of {units} by the mean of |μ| / σ. Every draw is a unit "
        "of another network: what they share is what the network knows. The white of σ is at "
        "least the prior's σ: where the border is white, no digit has ink, and the weight stayed "
        "where it was before training."
    )
