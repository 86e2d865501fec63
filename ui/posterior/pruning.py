"""Pruning by signal-to-noise: what leaving out the noisiest weights costs."""

from pathlib import Path

import streamlit as st
import torch

from bnnlib.datasets.mnist import held_out
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import trained_on
from bnnlib.evaluation.pruning import (
    SHARES,
    PruningCurve,
    load_curve,
    pruned_card,
    pruning_curve,
)
from bnnlib.figures.posterior import pruning_figure
from bnnlib.networks import BayesianNetwork
from bnnlib.networks.posterior import can_be_pruned, pruned
from bnnlib.runs.folder import free_name
from bnnlib.sentences.evaluation import percent
from bnnlib.sentences.posterior import on_pruning
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import save_checkpoint
from bnnlib.storage.own_checkpoints import new_checkpoint
from ui import access
from ui.loaders import load_digits, load_network, network_version
from ui.page import is_dark, show_error, show_finding
from ui.posterior.state import SHARE

IMAGES, SAMPLES = 1_000, 10  # for a network without a kept curve: seconds
TITLE = "What the network loses as more of its weights are left out"


def pruning(name: str) -> None:
    """The slider, the figure along it, and the network without those weights."""
    network = load_network(name)
    if not isinstance(network, BayesianNetwork) or not can_be_pruned(network):
        why = (
            f"the standard deviations of {name} cannot become 0"
            if isinstance(network, BayesianNetwork)
            else f"the weights of {name} have no standard deviation"
        )
        st.info(
            f"Nothing to prune: {why}. Choose a Bayesian network, such as bayesian-t1.",
            icon=":material/info:",
        )
        return
    curve = find_curve(name)
    if curve is None:
        curve = _offer_to_measure(name, network)
        if curve is None:
            return
    share = float(
        st.select_slider(
            "Share of the weights left out",
            SHARES,
            format_func=lambda value: f"{100 * value:g} %",
            key=SHARE,
            persist_state="session",
            help="The weights with the least |μ| / σ, over all layers, are set to 0 in every "
            "sampled network (Blundell et al. 2015).",
        )
    )
    sentence = on_pruning(name, curve, share)
    st.markdown(sentence)
    show_finding(
        pruning_figure(curve, share, is_dark()),
        "posterior-pruning",
        TITLE,
        sentence,
    )
    st.caption(
        f"{curve.images:,} test images, {curve.samples} sampled networks. Weights with a mean near "
        "0 and a large σ carry little: a network trained at temperature 1 has many of them, one "
        "trained at a low temperature few."
    )
    with st.expander("The same as numbers"):
        st.markdown(table(curve))
    access.ask_for_secret()
    if access.may_train():
        keep_form(name, network, share)


def find_curve(name: str) -> PruningCurve | None:
    """The curve kept with the checkpoint, or measured on this server before."""
    folder, modified = network_version(name)
    return _kept(folder, modified) or st.session_state.get(f"pruning {folder} {modified}")


@st.cache_resource(max_entries=20, show_spinner=False)
def _kept(folder: str, modified: int) -> PruningCurve | None:
    return load_curve(Path(folder))


def _offer_to_measure(name: str, network: BayesianNetwork) -> PruningCurve | None:
    """A button; once pressed, the curve with a bar while it is measured."""
    st.info(f"Pruning {name} has not been measured yet.", icon=":material/hourglass_empty:")
    if not st.button(
        f"Measure it on {IMAGES:,} images",
        key="measure-pruning",
        icon=":material/play_arrow:",
        help=f"About ten seconds. On all images: python -m bnnlib prune {name} --save",
    ):
        return None
    digits = load_digits()
    part = held_out(digits, "test", trained_on(network))
    few = part.select(torch.arange(min(IMAGES, len(part))))
    bar = st.progress(0.0)
    curve = pruning_curve(network, few, digits.source, SAMPLES, progress=bar.progress)
    bar.empty()
    st.session_state["pruning {} {}".format(*network_version(name))] = curve
    return curve


def table(curve: PruningCurve) -> str:
    """Every measured share as a Markdown table."""
    rows = [
        "| left out | test error | NLL, nats | mutual information, nats |",
        "|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {100 * cost.share:g} % | {percent(cost.error, 2)} | {cost.nll:.4f} "
        f"| {cost.mutual_information:.4f} |"
        for cost in curve.costs
    ]
    return "\n".join(rows)


def keep_form(name: str, network: BayesianNetwork, share: float) -> None:
    """Make the network without those weights a checkpoint."""
    with st.popover(
        "Keep the pruned network",
        icon=":material/content_cut:",
        disabled=share == 0,
        help="As a checkpoint that every page can choose.",
    ):
        wanted = st.text_input(
            "Name of the checkpoint",
            free_name(f"{name}-without-{100 * share:g}", checkpoints.FOLDER),
            max_chars=60,
            key=f"prune_{name}_{share}",
            help="Letters, digits, '-', '_' and '.'.",
        )
        st.caption(f"{name} itself stays as it is.")
        if st.button("Keep it", type="primary", icon=":material/bookmark_add:", key="keep-pruned"):
            try:
                keep(name, network, share, wanted.strip())
            except BnnlibError as error:
                show_error(error)


def keep(name: str, network: BayesianNetwork, share: float, wanted: str) -> None:
    folder = new_checkpoint(wanted)
    save_checkpoint(folder, pruned(network, share), pruned_card(network, name, share))
    access.claim(folder)
    st.toast(f"Kept as the checkpoint {wanted}.", icon=":material/bookmark_added:")
