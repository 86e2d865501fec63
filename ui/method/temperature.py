"""Temperature: what 1, 0.1 and 0.01 give, and why the shipped network is tempered."""

import statistics

import streamlit as st

from bnnlib.errors import BnnlibError
from bnnlib.figures.method_runs import temperature_figure
from bnnlib.networks import BayesianNetwork
from bnnlib.sentences.evaluation import percent
from bnnlib.sentences.method import on_temperature
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.storage.evaluations import load_results
from ui.loaders import network_version
from ui.method.parts import ANSWER, EXPECTED, claim, how_recorded, mathematics, recorded, seen
from ui.method.state import PARAMETERS, key, write_address
from ui.page import explained, is_dark, show_finding

TITLE = "Error, misfit, width and doubt at three temperatures"
SHIPPED = ("bayesian", "bayesian-t1")


@st.fragment
@explained
def section() -> None:
    """The sixth section."""
    claim(
        "Multiplying the KL by a temperature below 1 makes the posterior narrower than Bayes' rule "
        "says. It is a compromise: fewer mistakes, less doubt."
    )
    chosen = str(
        st.segmented_control(
            "Temperature",
            PARAMETERS["temperature"].values,
            key=key("temperature"),
            required=True,
            persist_state="session",
            help="The same network and the same settings, trained three times.",
        )
    )
    runs = {t: recorded()["runs"][f"temperature {t}"] for t in PARAMETERS["temperature"].values}
    sentence = on_temperature(chosen, {str(name): run for name, run in runs.items()})
    show_finding(
        temperature_figure({str(name): run for name, run in runs.items()}, chosen, is_dark()),
        "method-temperature",
        TITLE,
        sentence,
    )
    st.caption(
        "Error and NLL on test digits, the median of σ against the prior's, and doubt about "
        "letters: their mean mutual information."
    )
    how_recorded()
    with st.expander("The same as numbers, and the shipped networks"):
        st.markdown(table(runs))
    seen(
        f"{sentence} With a normal prior of independent weights, 50,000 images are few for "
        "millions of weights: at T = 1 the noise of all that stay at the prior adds up. The "
        "shipped **bayesian** is trained at 0.01; **bayesian-t1** is the best we know at 1, with "
        "narrower layers and learnt priors, and most of its weights can be left out (see the "
        "Posterior page)."
    )
    mathematics(
        (
            r"\mathcal{L}_T = -\mathbb{E}_q \sum_n \log p(y_n \mid x_n, W) + "
            r"T \cdot \mathrm{KL}(q \,\|\, p)",
            r"T \to 0: \quad q \to \text{a point}, \qquad T = 1: \quad "
            r"q \approx p(W \mid x, y)",
        ),
        (
            ("T", "the temperature"),
            ("x_n, y_n", "the images and their labels"),
            *ANSWER,
            *EXPECTED,
            ("q", "the posterior that training finds, among independent normal distributions"),
            ("p(W \\mid x, y)", "the posterior by Bayes' rule"),
        ),
        "Wenzel et al. 2020, “How Good is the Bayes Posterior in Deep Neural Networks Really?”; "
        "Blundell et al. 2015. What was tried is in docs/recipes.md.",
    )
    write_address()


@st.cache_data(max_entries=8, show_spinner=False)
def shipped(name: str, folder: str, modified: int) -> str:
    """The row of a shipped network. It is not kept in memory for this."""
    network = load_checkpoint(folder)
    if not isinstance(network, BayesianNetwork):
        raise BnnlibError(f"{name} is no Bayesian network here.")
    figures = network.card["figures"]["test"]
    return (
        f"| **{name}** | {network.card['training']['temperature']:g} "
        f"| {percent(figures['error'], 2)} | {figures['nll']:.4f} "
        f"| {statistics.median(network.sigma_ratios()):.2f} | {doubt_about_letters(name)} |"
    )


def doubt_about_letters(name: str) -> str:
    """The mean mutual information on letters by the network's own evaluation, if it has one."""
    found = load_results(name)
    sets = found.summary.get("ood", {}).get("sets", {}) if found else {}
    mean = sets.get("letters", {}).get("measures", {}).get("mutual_information", {}).get("mean")
    return "" if mean is None else f"{mean:.3f}"


def table(runs: dict) -> str:
    """The recorded runs, and the shipped networks by their cards, as a Markdown table."""
    rows = [
        "| network | T | test error | test NLL | σ / prior | doubt about letters, nats |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    rows += [
        f"| 400-400-400 | {t} | {percent(run['error'], 2)} | {run['nll']:.4f} | {run['sigma']:.2f} "
        f"| {run['mi_letters']:.3f} |"
        for t, run in runs.items()
    ]
    for name in SHIPPED:
        try:
            rows.append(shipped(name, *network_version(name)))
        except (BnnlibError, KeyError, TypeError):
            continue
    return "\n".join(rows)
