"""Uncertain digits: the held-out images, ranked by how uncertain or how wrong a network is."""

import html
from typing import Any

import streamlit as st
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.evaluation.survey import Opinions, disagreement, rank
from ui.data_notice import data_notice
from ui.loaders import answers_of, chosen_networks, load_digits, load_network
from ui.page import explained, page_setup, show_error
from ui.surveys import finish, survey, unseen
from ui.uncertain.closer import choose_place, closer
from ui.uncertain.grid import LAYOUT, downloads, show_grid, turn_pages
from ui.uncertain.ranking import MEASURES, Ranking
from ui.uncertain.state import choices, go_to, key, read_address, write_address


def main() -> None:
    page_setup("Uncertain digits")
    st.html(LAYOUT)
    st.title("Which digits are the networks unsure of?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    try:
        digits, names = load_digits(), chosen_networks()
        index = unseen(names)
    except BnnlibError as error:
        show_error(error)
        return
    result = st.container()  # the sentence about the result is above the controls
    name, measure, (true, predicted), mistakes, samples = controls(names)
    asked = survey(name, index, answers_of(load_network(name), samples))
    with result:
        finish(asked, name, len(index))
    opinions = asked.opinions(digits.test.labels[index])
    ranked = rank(opinions, "variation_ratio", true, predicted)
    result.html(sentence(opinions, ranked, name, digits.source))
    order = rank(opinions, measure, true, predicted, mistakes)
    ranking = Ranking(digits, index, name, measure, samples, opinions, order)
    if len(ranking.order):
        ranking = choose_place(ranking)
        write_address()
        closer(ranking, names)
        st.divider()
        show_grid(ranking)
        turn_pages(ranking)
        downloads(ranking)
    else:
        st.info(
            "No held-out image passes these filters: "
            "choose another class, or switch off Only mistakes.",
            icon=":material/search_off:",
        )
        write_address()
    data_notice(digits)


def controls(names: tuple[str, str]) -> tuple[str, str, list[int | None], bool, int]:
    """What is ranked: (network, measure, classes, whether only mistakes, number of samples).

    The classes are the true and the predicted one; None stands for any.
    """
    changes: dict[str, Any] = {"persist_state": "session", "on_change": go_to, "args": (1,)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        side = st.segmented_control(
            "Network",
            choices("network"),
            required=True,
            key=key("network"),
            format_func=dict(zip(("left", "right"), names, strict=True)).__getitem__,
            help="Whose uncertainty ranks the images. "
            "The pages Draw and Train choose the two networks.",
            **changes,
        )
        meanings = " ".join(f"{label}: {meaning}." for label, meaning in MEASURES.values())
        measure = st.selectbox(
            "Ranked by",
            choices("measure"),
            key=key("measure"),
            width=220,
            format_func=lambda name: MEASURES[name][0],
            help=f"The largest comes first. {meanings}",
            **changes,
        )
        classes = [
            st.selectbox(label, choices(field), key=key(field), width=110, help=meaning, **changes)
            for field, label, meaning in (
                ("true", "True class", "Only images of this digit."),
                ("predicted", "Predicted", "Only images for which this digit is the winner."),
            )
        ]
        samples = st.selectbox(
            "Samples",
            choices("samples"),
            key=key("samples"),
            width=110,
            help="How many sampled networks vote on each image; more take longer. "
            "The article asks 30. Of an ensemble each member votes once.",
            **changes,
        )
        mistakes = st.toggle(
            "Only mistakes",
            key=key("mistakes"),
            help="Only images that the network gets wrong.",
            **changes,
        )
    chosen = [None if digit == "any" else digit for digit in classes]
    return names[side == "right"], measure, chosen, mistakes, samples


def sentence(opinions: Opinions, positions: Tensor, name: str, source: str) -> str:
    """How often the network is wrong where its votes disagree and where they agree, as HTML."""
    found, name = disagreement(opinions, positions), html.escape(name)
    images = f"{found.images:,} {'test' if source == 'mnist' else 'held-out'} images"
    if found.error_split is None:
        text = f"All votes of {name} agree on each of these {images}."
    else:
        wrong = f"of those {name} is wrong on {100 * found.error_split:.0f} %"
        text = f"{found.split:,} of {images} split the vote; {wrong}"
        others = found.error_agreed
        text += "." if others is None else f", of the others on {100 * others:.1f} %."
    return f'<p class="sentence" role="status">{text}</p>'


explained(main)()
