"""Train: start a network and watch it learn, compare runs, choose the two networks in use."""

import streamlit as st
import torch

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.figures.curves import learning_curve, usable_history
from bnnlib.figures.mosaic import mosaic
from bnnlib.figures.theme import network_colours
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint
from ui import access
from ui.data_notice import data_notice
from ui.loaders import (
    checkpoint_names,
    choose_networks,
    chosen_networks,
    load_digits,
    load_network,
    network_version,
)
from ui.page import explained, is_dark, page_setup, show_chart, show_error
from ui.train.actions import import_form
from ui.train.compare import compare_runs
from ui.train.form import NAMES, train_form
from ui.train.live import chosen_run, live
from ui.train.network_card import network_card
from ui.train.networks import own_networks
from ui.train.state import IMAGES, TAB, TABS, read_address, write_address

SHOWN = 64  # training images at once, 8 x 8 as in the article
CURVES = (
    (
        "validation_error",
        "Validation error",
        True,
        "Share of the validation images that the sampled networks, averaged, get wrong.",
    ),
    (
        "validation_nll",
        "Validation NLL (nats)",
        False,
        "Negative log-likelihood of the true class, an image.",
    ),
    (
        "nll",
        "Training NLL (nats)",
        False,
        "The same on the training images, while they were learnt.",
    ),
    (
        "kl",
        "KL (nats an image)",
        False,
        "How far the posterior went from the prior; only a Bayesian network has one.",
    ),
)


def main() -> None:
    page_setup("Train")
    st.title("Train a network and watch it learn")
    if problem := read_address(list(NAMES)):
        st.warning(problem, icon=":material/link_off:")
    live_tab, compare_tab, networks_tab, images_tab = st.tabs(
        list(TABS.values()), key=TAB, on_change="rerun"
    )
    digits = usable_digits()
    with live_tab:
        train_and_watch(digits)
    with compare_tab:
        compare_runs()
    with networks_tab:
        learning(choose_and_show())
        own_networks()
    with images_tab:
        if digits is not None:
            training_images(digits)
    write_address()


def usable_digits() -> Digits | None:
    """The digits at hand; None, with the reason on the page, where they cannot be read."""
    try:
        return load_digits()
    except BnnlibError as error:
        show_error(error)
    return None


def train_and_watch(digits: Digits | None) -> None:
    """The form beside the run that it started, or any other."""
    form, view = st.columns([1, 3], gap="large")
    with form:
        access.ask_for_secret()
        if not access.may_train():
            st.info(access.why_not(), icon=":material/lock:")
        elif digits is not None:
            st.fragment(explained(train_form))(digits)
            import_form()
    with view, st.container(key="watched"):
        run = chosen_run()
        if run is None:
            st.info(
                "No run yet. Start one: its curves grow here, "
                "with its answers for a few digits after every epoch.",
                icon=":material/show_chart:",
            )
        else:
            live(run)


def choose_and_show() -> dict[str, dict]:
    """The two networks in use, chosen and described side by side.

    Returns the cards that could be read, by name.
    """
    names = checkpoint_names()
    if not names:
        st.info(
            "There is no trained network here yet. Train one: `python -m bnnlib train bayesian`.",
            icon=":material/info:",
        )
    st.markdown("Two networks answer side by side on every page. Choose which.")
    cards = {}
    for side, chosen, column in zip(
        ("left", "right"), chosen_networks(), st.columns(2, gap="large"), strict=True
    ):
        with column:
            if chosen in names:
                st.session_state.setdefault(f"train_{side}", chosen)
            name = st.selectbox(
                f"Network on the {side}",
                names,
                index=0 if chosen in names else None,
                key=f"train_{side}",
                on_change=use_chosen,
                placeholder="Choose a network",
                help="Any trained network in the folder `checkpoints`. "
                "The choice holds on every page.",
            )
            try:
                name = name or chosen
                cards[name] = load_network(name).card
                network_card(side, name, cards[name], network_colours(is_dark())[side == "right"])
            except BnnlibError as error:
                show_error(error)
    damaged_checkpoints()
    return cards


def use_chosen() -> None:
    """Take over what the two boxes say, as soon as both say something."""
    left, right = (st.session_state.get(f"train_{side}") for side in ("left", "right"))
    if left and right:
        choose_networks(left, right)


def damaged_checkpoints() -> None:
    """What is in the folder but cannot be used, and why; those in use have said so themselves."""
    for info in list_checkpoints():
        if info.name not in chosen_networks() and (
            problem := info.problem or problem_with(*network_version(info.name))
        ):
            st.warning(f"**{info.name}** cannot be used. {problem}", icon=":material/broken_image:")


@st.cache_data(max_entries=64, show_spinner=False)
def problem_with(folder: str, modified: int) -> str | None:
    """Why the checkpoint in `folder` cannot be loaded; None where it can.

    modified: when it last changed.
    """
    try:
        load_checkpoint(folder)
    except BnnlibError as error:
        return str(error)
    return None


def learning(cards: dict[str, dict]) -> None:
    """The learning curves of the networks in use, in one row of figures."""
    colours = dict(zip(chosen_networks(), network_colours(is_dark()), strict=True))
    histories = [
        (name, colours[name], usable_history(card), card.get("best_epoch", 0))
        for name, card in cards.items()
        if name in colours
    ]
    if not any(history for _, _, history, _ in histories):
        return
    st.header("How they learnt", divider="gray")
    st.caption("The dot is the epoch that was kept.")
    curves = [
        curve
        for curve in CURVES
        if any(
            point.get(curve[0]) is not None for _, _, history, _ in histories for point in history
        )
    ]
    for column, (field, title, percent, meaning) in zip(
        st.columns(len(curves)), curves, strict=True
    ):
        with column:
            ends = [
                f"{name} ends at {history[-1][field]:.4g}"
                for name, _, history, _ in histories
                if history and history[-1].get(field)
            ]
            figure = learning_curve(histories, field, title, is_dark(), percent)
            show_chart(
                figure,
                key=f"curve_{field}",
                alt=f"{title} by epoch: {', '.join(ends)}.",
            )
            st.caption(meaning)
    with st.expander("The same as a table"):
        fields = ["epoch", *(field for field, *_ in curves)]
        rows = [
            {"network": name, **{field: point.get(field) for field in fields}}
            for name, _, history, _ in histories
            for point in history
        ]
        st.dataframe(rows, hide_index=True)


def training_images(digits: Digits) -> None:
    """The article's first picture: training images with their labels, 8 x 8."""
    st.header("Training images", divider="gray")
    data_notice(digits)
    pages = -(-len(digits.train) // SHOWN)
    start = st.session_state.setdefault(IMAGES, 0) % pages * SHOWN
    some = digits.train.select(torch.arange(start, min(start + SHOWN, len(digits.train))))
    labels = [str(label) for label in some.labels.tolist()]
    picture = mosaic(some.images.numpy(), labels, text_size=17, dark=is_dark())
    st.image(
        picture,
        alt=f"Handwritten digits in rows of eight with their labels: {', '.join(labels)}.",
        output_format="PNG",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Show others",
            icon=":material/shuffle:",
            on_click=show_others,
            help="The next 64 training images, with the labels people gave them.",
        )
        st.caption(
            f"Training images {start + 1:,} to {start + len(labels):,} of {len(digits.train):,}"
        )


def show_others() -> None:
    st.session_state[IMAGES] = st.session_state.get(IMAGES, 0) + 1


explained(main)()
