"""Draw: a person draws a digit and sees how sure two networks are of it, and why not."""

import streamlit as st
import torch
from torch import Tensor

from bnnlib import BnnlibError, deterministic_probs, sample_probs
from bnnlib.drawing.strokes import ink
from bnnlib.figures.answers import Series, answers_figure
from bnnlib.metrics.answer import Answer, make_answer
from bnnlib.networks import DropoutNetwork, Network
from bnnlib.sentences.answers import Speaker, ink_note, sentence, speaker_names
from ui import verdict
from ui.draw.canvas import digit_canvas, drawn
from ui.draw.examples import BY_SLUG, EXAMPLES
from ui.draw.state import DrawState, draw_state, write_address
from ui.loaders import answer_rule, checkpoint_names, choose_networks, chosen_networks, load_network
from ui.memory import spare_the_collector
from ui.page import is_dark, page_setup, show_error

LEARNT = "learnt"  # the threshold that every network's own evaluation found
UNLEARNT = 0.5  # for a network without an evaluation


def main() -> None:
    page_setup("Draw")
    st.title("Draw a digit. How sure are the networks?")
    state, problem = draw_state(st.session_state["arrived"])
    if problem:
        st.warning(problem, icon=":material/link_off:")
    screen(state)


@st.fragment
def screen(state: DrawState) -> None:
    """Everything below the title. A choice runs all of it again, but never the page: only the browser's Back and Forward do."""
    stage(state)
    gallery()
    controls(state)


@st.fragment
def stage(state: DrawState) -> None:
    """The canvas and the answers: a stroke runs this again and nothing else."""
    spare_the_collector()
    key = f"pad{state.canvas}"
    on_canvas = drawn(key)
    state.strokes = state.strokes if on_canvas is None else on_canvas
    image = state.image
    with st.container(key="stage"):
        left, right = st.columns([3, 7], gap="medium")
    with right:
        answers(state, image)
    with left:
        drawing(state, key, image)
    mark_example(state.example)
    write_address(state, chosen_networks())


def drawing(state: DrawState, key: str, image: Tensor) -> None:
    """The canvas with its tools, and the image that is made of the drawing."""
    under = state.sent[0] if state.sent else None
    digit_canvas(state.on_canvas, state.pen, key, under)
    with st.container(horizontal=True, key="tools", vertical_alignment="center"):
        st.button(
            "Undo",
            icon=":material/undo:",
            on_click=undo,
            args=(state,),
            disabled=not state.strokes,
            help="Take back the last stroke",
        )
        st.button(
            "Clear",
            icon=":material/delete:",
            on_click=state.put,
            args=((),),
            help="Empty the canvas",
        )
        st.slider(
            "Pen width",
            8,
            40,
            state.pen,
            2,
            key="pen_width",
            on_change=set_pen,
            args=(state,),
            help="In pixels of the canvas (280 wide)",
        )
    caption = "Cut out, scaled to 20 pixels and centred by its mass, as MNIST made its own: 28 x 28 pixels."
    if state.sent:
        caption = state.sent[1] + (", with your strokes over it." if state.strokes else "")
    st.html(verdict.seen(image, caption))


def undo(state: DrawState) -> None:
    state.put(state.strokes[:-1], keep_sent=True)


def set_pen(state: DrawState) -> None:
    state.pen = st.session_state["pen_width"]


def answers(state: DrawState, image: Tensor) -> None:
    """Both networks' answers: one sentence, a card each, the figure, and its figures as text."""
    names, networks, found = [], [], []
    for place, name in enumerate(chosen_networks()):
        try:
            networks.append(load_network(name))
        except BnnlibError as error:
            show_error(error)
            continue
        names.append(name)
        found.append((place, ask(networks[-1], image, state)))
    kinds = [network.config.kind for network in networks]
    speakers = [
        Speaker(*words, answer)
        for words, (_, answer) in zip(speaker_names(names, kinds), found, strict=True)
    ]
    note = None if state.sent else ink_note(ink(state.strokes))
    thresholds = [threshold_of(name, state) for name in names]
    said = sentence(speakers, thresholds)
    dark = is_dark()
    series = [
        series_of(name, place, answer) for name, (place, answer) in zip(names, found, strict=True)
    ]
    figure = answers_figure(
        series, thresholds, dark
    )  # before anything is shown, so that all of it comes in one go
    st.html(f'<p class="sentence" role="status">{note or said}</p>')
    if not speakers:
        return
    cards = [
        verdict.card(name, kind, answer, threshold, place, dark)
        for name, kind, threshold, (place, answer) in zip(
            names, kinds, thresholds, found, strict=True
        )
    ]
    legend = verdict.legend(any(answer.deterministic is not None for _, answer in found))
    st.html(f'<div class="verdicts">{"".join(cards)}</div>{legend}')
    st.plotly_chart(
        figure,
        theme=None,
        key="answers",
        config={"displayModeBar": False, "responsive": True},
        alt=f"{state.samples} sampled probabilities for each digit and network. {said}",
    )
    figures = st.expander("The same in figures", key="figures", on_change="rerun")
    if figures.open:  # a closed one costs nothing
        figures.markdown(verdict.figures_table(names, [answer for _, answer in found]))


def ask(network: Network, image: Tensor, state: DrawState) -> Answer:
    """Sample the network's answer to the image, float `[28, 28]`; the state's seed makes it repeatable."""
    images = image[None]
    probs = sample_probs(network, images, state.samples, torch.Generator().manual_seed(state.seed))
    return make_answer(
        probs, deterministic_probs(network, images) if isinstance(network, DropoutNetwork) else None
    )


def threshold_of(name: str, state: DrawState) -> float:
    """Below which mean probability of its winner this network does not know: as chosen, else as its own evaluation learnt."""
    if state.threshold is not None:
        return state.threshold
    rule = answer_rule(name)
    return rule.threshold if rule else UNLEARNT


def series_of(name: str, place: int, answer: Answer) -> Series:
    """An answer as the figure wants it."""
    a = answer
    return Series(
        name,
        place,
        a.samples,
        a.mean,
        a.low,
        a.high,
        a.votes,
        a.aleatoric,
        a.epistemic,
        a.deterministic,
    )


def gallery() -> None:
    """Examples as buttons with thumbnails, within reach of the keyboard."""
    st.subheader("Or start from an example")
    with st.container(horizontal=True, key="gallery"):
        for example, thumbnail in zip(EXAMPLES, thumbnails(), strict=True):
            label, key = f"![]({thumbnail}) {example.name}", f"example-{example.slug}"
            st.button(
                label,
                key=key,
                on_click=put_example,
                args=(example.slug,),
                help=example.shows.capitalize(),
            )


def put_example(slug: str) -> None:
    st.session_state["draw"].put(BY_SLUG[slug].strokes)


def mark_example(slug: str | None) -> None:
    """A frame around the example that is on the canvas; a style, so that a stroke need not show the gallery again."""
    st.html(
        f"<style>.st-key-example-{slug} button {{ outline: 3px solid var(--chosen); outline-offset: -1px }}</style>"
    )


@st.cache_resource
def thumbnails() -> list[str]:
    return [example.thumbnail for example in EXAMPLES]


def controls(state: DrawState) -> None:
    """Which networks, how many samples of each, and when they should rather not answer."""
    st.subheader("Ask differently")
    one, two, three, four, five = st.columns([3, 3, 3, 3, 2.4], vertical_alignment="bottom")
    names = checkpoint_names()
    for side, column, name in zip(("left", "right"), (one, two), chosen_networks(), strict=True):
        key = f"network-{side}"
        st.session_state[key] = name
        options = names if name in names else [*names, name]
        column.selectbox(
            f"Network {side}",
            options,
            key=key,
            on_change=set_networks,
            help="Any trained network in the folder checkpoints/; chosen for all pages",
        )
    st.session_state.update(
        {
            "samples": state.samples,
            "threshold": LEARNT if state.threshold is None else state.threshold,
        }
    )
    three.slider(
        "Sampled networks",
        10,
        1000,
        step=10,
        key="samples",
        on_change=set_number,
        args=(state, "samples"),
        help="How many networks each side draws to answer the same image",
    )
    four.select_slider(
        '"I don\'t know" below',
        [LEARNT, *(percent / 100 for percent in range(101))],
        key="threshold",
        format_func=lambda value: value if value == LEARNT else f"{value:.2f}",
        on_change=set_threshold,
        args=(state,),
        help="A network gives no answer if the winner's mean probability is below this. "
        + " ".join(learnt(name) for name in dict.fromkeys(chosen_networks())),
    )
    five.button(
        "Draw again",
        icon=":material/casino:",
        on_click=new_seed,
        args=(state,),
        help=f"Draw new sampled networks; these are seed {state.seed}",
        width="stretch",
    )


def set_networks() -> None:
    choose_networks(st.session_state["network-left"], st.session_state["network-right"])


def set_number(state: DrawState, name: str) -> None:
    setattr(state, name, st.session_state[name])


def set_threshold(state: DrawState) -> None:
    chosen = st.session_state["threshold"]
    state.threshold = None if chosen == LEARNT else chosen


def learnt(name: str) -> str:
    """What `LEARNT` means for the network, and what it is worth."""
    rule = answer_rule(name)
    if rule is None:
        return f"No evaluation of {name} is at hand: {UNLEARNT:.2f}."
    return f"Learnt for {name}: {rule.threshold:.2f} (answers {rule.answered:.0%} of test digits, {rule.right:.1%} right)."


def new_seed(state: DrawState) -> None:
    state.seed += 1


main()
