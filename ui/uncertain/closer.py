"""One image of the ranking: choose it, and see what both networks in use say of it."""

import dataclasses

import streamlit as st

from bnnlib.figures.answers import answers_figure, series_of
from bnnlib.figures.digit_grid import describe
from bnnlib.figures.mosaic import enlarge
from bnnlib.metrics.answer import Answer, make_answer
from bnnlib.networks import DropoutNetwork
from bnnlib.networks.sampling import deterministic_probs, sample_probs
from ui.loaders import answers_of, load_network, send_to_draw
from ui.page import is_dark, show_chart
from ui.surveys import SEED, survey
from ui.uncertain.ranking import Ranking
from ui.uncertain.state import go_to, key
from ui.verdict import figures_table, legend, percent

GLIDE = """<script>/* {count} */
document.querySelector('.st-key-closer')?.scrollIntoView({{
  block: 'start',
  behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
}});</script>"""


def choose_place(ranking: Ranking) -> Ranking:
    """The ranking with the place looked at as chosen here; the keyboard can do it too."""
    count, state = len(ranking.order), st.session_state
    state[key("place")] = min(state[key("place")], count)
    with st.container(horizontal=True, vertical_alignment="bottom", key="closer"):
        place = st.number_input(
            f"Look closer at no. (of {count:,})",
            1,
            count,
            key=key("place"),
            persist_state="session",
            width=190,
            help="The place in the ranking. The first image is the most uncertain. "
            "A click on a digit in the grid does the same.",
        )
        for label, icon, to, allowed in (
            ("Previous", ":material/chevron_left:", place - 1, place > 1),
            ("Next", ":material/chevron_right:", place + 1, place < count),
        ):
            st.button(
                label,
                icon=icon,
                key=label.lower(),
                on_click=go_to,
                args=(to,),
                disabled=not allowed,
                help=f"The {label.lower()} image of the ranking.",
            )
    script = st.empty()  # always there, so that nothing below moves
    if state.pop("glide", False):
        state["glides"] = state.get("glides", 0) + 1
        script.html(GLIDE.format(count=state["glides"]), unsafe_allow_javascript=True)
    return dataclasses.replace(ranking, place=place)


def closer(ranking: Ranking, names: tuple[str, str]) -> None:
    """One image, and the sampled probabilities of both networks in use."""
    image = ranking.digits.test.images[ranking.number].numpy()
    label = int(ranking.opinions.labels[ranking.position])
    answers = [answer(name, ranking) for name in names]
    left, right = st.columns([1, 3])
    with left:
        words = f"Test image {ranking.number}: {describe(ranking.opinions, ranking.position)}."
        st.image(enlarge(image), width=168, alt=words, output_format="PNG")
        st.markdown(f"Test image {ranking.number:,}, really a **{label}**.")
        for name, said in zip(names, answers, strict=True):
            mark = ":material/check: right" if said.digit == label else ":material/close: wrong"
            st.markdown(f"**{name}** says {said.digit} ({percent(said.probability)}), {mark}.")
        if st.button(
            "Send to Draw",
            icon=":material/draw:",
            type="primary",
            key="send",
            help="Show this image on the Draw screen, where you can draw over it.",
        ):
            send_to_draw(image, f"Test image {ranking.number:,}, a {label}")
    with right:
        st.html(legend(any(a.deterministic is not None for a in answers)))
        pairs = list(zip(names, answers, strict=True))
        series = [series_of(name, place, a) for place, (name, a) in enumerate(pairs)]
        words = "; ".join(
            f"{name} says {a.digit} with {a.probability:.2f}, {a.total:.2f} nats"
            for name, a in pairs
        )
        show_chart(
            answers_figure(series, 0, is_dark()),
            key="answers",
            alt=f"Sampled class probabilities of test image {ranking.number} under both networks: "
            f"{words}.",
        )
        with st.expander("The same as numbers"):
            st.markdown(figures_table(names, answers))


def answer(name: str, ranking: Ranking) -> Answer:
    """What the checkpoint `name` says of the image looked at.

    It is what the network said in its survey; if there was none, the network is asked now.
    """
    network, index = load_network(name), ranking.index
    samples = answers_of(network, ranking.samples)
    image = ranking.digits.test.images[[ranking.number]]
    asked = survey(name, index, samples)
    if asked.done == samples:
        opinions = asked.opinions(ranking.digits.test.labels[index])
        probs = opinions.probs[:, [ranking.position]].float()
    else:
        probs = sample_probs(network, image, samples, SEED)
    certain = deterministic_probs(network, image) if isinstance(network, DropoutNetwork) else None
    return make_answer(probs, certain)
