"""Draw: draw a digit and see how sure two networks are of it."""

import plotly.graph_objects as go
import streamlit as st
import torch
from torch import Tensor

from bnnlib import BnnlibError, deterministic_probs, sample_probs
from bnnlib.drawing.strokes import ink
from bnnlib.figures.answers import answers_figure, series_of
from bnnlib.metrics.answer import Answer, Rule, make_answer
from bnnlib.metrics.distance import Distance
from bnnlib.networks import DropoutNetwork, Network
from bnnlib.networks.features import last_hidden
from bnnlib.sentences.answers import (
    Limit,
    Speaker,
    ink_note,
    rule_words,
    sentence,
    speaker_names,
)
from bnnlib.sentences.several import several_sentence
from ui import verdict
from ui.draw import live_chart, several
from ui.draw.canvas import digit_canvas, drawn, moves, pen_down
from ui.draw.examples import BY_SLUG, EXAMPLES
from ui.draw.history import history, keep_in_tab, record
from ui.draw.nearest import reminders
from ui.draw.pace import at_once, door, turn
from ui.draw.picture import from_picture
from ui.draw.replay import what_if
from ui.draw.state import LIVE_SAMPLES, DrawState, draw_state, write_address
from ui.loaders import (
    answer_rule,
    answers_of,
    checkpoint_names,
    choose_networks,
    chosen_networks,
    distance_of,
    load_network,
)
from ui.memory import spare_the_collector
from ui.page import explained, for_the_room, is_dark, page_setup, show_chart, show_error
from ui.stage.mode import idle_after

LEARNT = "learnt"  # each network refuses by the rule that its own evaluation found
HOW_TO_READ = """<p class="how"><b>How to read it.</b> Two kinds of network look at your drawing.
Each is asked many times, every time as a slightly different network, and each answer is a dot.
Dots close together: it is sure. Dots far apart: it is in doubt.</p>"""
UNLEARNT = 0.5  # the threshold of a network without an evaluation


def main() -> None:
    page_setup("Draw")
    st.title("Draw a digit. How sure are the networks?")
    state, problem = draw_state(st.session_state["arrived"])
    if problem:
        st.warning(problem, icon=":material/link_off:")
    with door():
        screen(state)


@st.fragment
@explained
def screen(state: DrawState) -> None:
    """Everything below the title.

    A widget runs this fragment again, not the whole page. The page runs again when the browser goes
    back or forward.
    """
    state.below.clear()  # what is shown below follows in this run
    stage(state)
    what_if(state)
    history(state)
    gallery()
    controls(state)


@st.fragment
@explained
def stage(state: DrawState) -> None:
    """The canvas and the answers: the pen runs this again and nothing else, also while it draws."""
    with turn():
        answered_drawing(state)
    if state.outdated and not state.pen_down:
        st.rerun()


def answered_drawing(state: DrawState) -> None:
    spare_the_collector()
    key = f"pad{state.canvas}"
    take(state, key)
    digits = several.digits_of(state)
    with st.container(key="stage"):
        left, right = st.columns([3, 7], gap="medium")
    with right:
        answers(state, digits)
    with left:
        drawing(state, key, digits)
        from_picture(state, several.score)
        keep_in_tab(state)
    mark_example(state.example)
    write_address(state, chosen_networks())


def take(state: DrawState, key: str) -> None:
    """Take over what is on the canvas."""
    on_canvas = drawn(key)
    state.strokes = state.strokes if on_canvas is None else on_canvas
    state.pen_down, state.moves = pen_down(key), moves(key)


def drawing(state: DrawState, key: str, digits: several.Digits) -> None:
    """The canvas with its tools, and the image that is made of the drawing."""
    under = state.sent[0] if state.sent else None
    idle = [example.strokes for example in EXAMPLES if example.strokes] if idle_after() else ()
    digit_canvas(state.strokes, state.pen, key, under, lambda: take(state, key), idle)
    with st.container(horizontal=True, key="tools", vertical_alignment="center"):
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo",
            on_click=state.undo,
            disabled=not state.can_undo,
            help="Take back the last stroke, or what was cleared",
        )
        st.button(
            "Clear",
            icon=":material/delete:",
            key="clear",
            on_click=state.clear,
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
    st.html(HOW_TO_READ)
    caption = (
        "Cut out, scaled to 20 pixels and centred by its centre of mass, "
        "as MNIST's images were made: 28 x 28 pixels."
    )
    if state.sent:
        caption = state.sent[1] + (", with your strokes over it." if state.strokes else "")
    if digits.several:
        caption = f"Digit {digits.shown(state) + 1} of {len(digits.images)}. {caption}"
    st.html(verdict.seen(digits.images[digits.shown(state)], caption))


def set_pen(state: DrawState) -> None:
    state.pen = st.session_state["pen_width"]


def answers(state: DrawState, digits: several.Digits) -> None:
    """Both networks' answers: one sentence, a card each, the figure, and its numbers as text.

    Of several digits each one's answers come first, then those of one of them in full.
    """
    names, networks, places = [], [], []
    for place, name in enumerate(chosen_networks()):
        try:
            networks.append(load_network(name))
        except BnnlibError as error:
            show_error(error)
            continue
        names.append(name)
        places.append(place)
    distances = [distance_of(name) for name in names]
    all_found = at_once(
        lambda network, distance: ask(network, digits.images, state, distance), networks, distances
    )
    in_full = [one[digits.shown(state)] for one in all_found]
    found = list(zip(places, in_full, strict=True))
    kinds = [network.config.kind for network in networks]
    speakers = [
        Speaker(*words, answer)
        for words, (_, answer) in zip(speaker_names(names, kinds), found, strict=True)
    ]
    note = None if state.sent else ink_note(ink(state.strokes))
    limits = [limit_of(name, state) for name in names]
    said = sentence(speakers, limits)
    dark = is_dark()
    series = [
        series_of(name, place, answer) for name, (place, answer) in zip(names, found, strict=True)
    ]
    # Made before anything is shown, so that sentence, cards and figure appear together.
    figure = answers_figure(series, [probability_line(limit) for limit in limits], dark)
    figure.layout.meta = {"moves": state.moves}  # for live_chart.js and benchmarks/draw_latency.py
    of_all = said
    if digits.several and speakers:
        of_all = several_sentence(list(zip(*all_found, strict=True)), limits)
    st.html(f'<p class="sentence" role="status">{note or of_all}</p>')
    if not speakers:
        return
    if digits.several:
        st.html(several.row(digits, names, all_found, limits, places, dark))
    several.choice(state, digits)
    if not digits.several:
        record(state, names, [answer for _, answer in found])
    cards = [
        verdict.card(name, kind, answer, limit, place, dark)
        for name, kind, limit, (place, answer) in zip(names, kinds, limits, found, strict=True)
    ]
    legend = verdict.legend(
        any(answer.deterministic is not None for _, answer in found),
        any(answer.as_far is not None for _, answer in found),
    )
    st.html(f'<div class="verdicts">{"".join(cards)}</div>{legend}')
    alt = f"The sampled probabilities of each digit by each network. {said}"
    show_answers(figure, alt, state, dark)
    figures = st.expander("The same as numbers", key="figures", on_change="rerun")
    if figures.open:  # the table of a closed one is not made
        if not state.pen_down:
            state.table = verdict.figures_table(names, [answer for _, answer in found])
        figures.markdown(state.table)
    if note is None:
        shown = [(name, place) for name, (place, _) in zip(names, found, strict=True)]
        reminders(shown, digits.images[digits.shown(state)])


def show_answers(figure: go.Figure, alt: str, state: DrawState, dark: bool) -> None:
    """The figure as a chart. While the pen is down, it is painted over the chart before."""
    live = state.pen_down and state.chart is not None
    if state.chart is None or not live:
        state.chart = figure, alt
    with st.container(key="answers-figure"):
        show_chart(state.chart[0], key="answers", alt=state.chart[1])
        live_chart.show(for_the_room(figure) if live else None, state.moves, dark)


def ask(
    network: Network, images: Tensor, state: DrawState, distance: Distance | None
) -> list[Answer]:
    """Sample the network's answer to each image, float `[n, 28, 28]`, with the state's seed."""
    generator = torch.Generator().manual_seed(state.seed)
    samples = min(state.samples, LIVE_SAMPLES) if state.pen_down else state.samples
    probs = sample_probs(network, images, answers_of(network, samples), generator)
    certain = deterministic_probs(network, images) if isinstance(network, DropoutNetwork) else None
    far = None if distance is None else distance.as_far(last_hidden(network, images)).tolist()
    return [
        make_answer(
            probs[:, [k]],
            None if certain is None else certain[[k]],
            None if far is None else far[k],
        )
        for k in range(len(images))
    ]


def limit_of(name: str, state: DrawState) -> Limit:
    """When this network does not know.

    It is below the mean probability of its winner that the user chose, or else by the rule that the
    network's own evaluation found.
    """
    if state.threshold is not None:
        return state.threshold
    learnt = answer_rule(name)
    return learnt.rule if learnt else UNLEARNT


def probability_line(limit: Limit) -> float:
    """The mean probability that the figure marks as the limit; 0 for a rule without one."""
    if isinstance(limit, Rule):
        return 1 - limit.limits.get("least_confidence", 1)
    return limit


def gallery() -> None:
    """Examples as buttons with thumbnails, which the keyboard can reach."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header("Or start from an example")
        st.button(
            "Next example",
            icon=":material/skip_next:",
            key="next-example",
            on_click=next_example,
            help="Put the example after this one on the canvas",
        )
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


def next_example() -> None:
    """The example after the one that is on the canvas, or the first one after a drawing."""
    slugs = [example.slug for example in EXAMPLES]
    now = st.session_state["draw"].example
    put_example(slugs[(slugs.index(now) + 1) % len(slugs)] if now else slugs[0])


def mark_example(slug: str | None) -> None:
    """Draw a frame around the example that is on the canvas.

    It is a style of its own, so that a stroke does not have to show the gallery again.
    """
    frame = "outline: 3px solid var(--chosen); outline-offset: -1px"
    st.html(f"<style>.st-key-example-{slug} button {{ {frame} }}</style>")


@st.cache_resource
def thumbnails() -> list[str]:
    return [example.thumbnail for example in EXAMPLES]


def controls(state: DrawState) -> None:
    """Which networks, how many samples of each, and below which threshold they do not answer."""
    st.header("Settings")
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
            help="A trained network from the folder checkpoints/. All pages use this choice.",
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
        help="How many sampled networks of each side answer the same image. "
        "Of an ensemble each member answers once. "
        f"While the pen is down, at most {LIVE_SAMPLES} answer.",
    )
    four.select_slider(
        '"I don\'t know" below',
        [LEARNT, *(percent / 100 for percent in range(101))],
        key="threshold",
        format_func=lambda value: value if value == LEARNT else f"{value:.2f}",
        on_change=set_threshold,
        args=(state,),
        help="A network does not answer if the winner's mean probability is below this. "
        "The learnt rule may go by another measure of doubt. "
        + " ".join(learnt(name) for name in dict.fromkeys(chosen_networks())),
    )
    five.button(
        "Draw again",
        icon=":material/casino:",
        on_click=new_seed,
        args=(state,),
        key="draw-again",
        help=f"Sample new networks with the next seed; the seed is now {state.seed}",
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
    """The learnt rule of the network, and how well the network answers with it."""
    found = answer_rule(name)
    if found is None:
        return f"{name} has no evaluation: {UNLEARNT:.2f}."
    right = "" if found.right is None else f", {found.right:.1%} right"
    return (
        f"Learnt for {name}: {rule_words(found.rule)} "
        f"(answers {found.answered:.0%} of test digits{right})."
    )


def new_seed(state: DrawState) -> None:
    state.seed += 1


explained(main)()
