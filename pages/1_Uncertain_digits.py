"""Uncertain digits: all held-out images ranked by how unsure, or how wrong, a network is of them."""

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st
from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.survey import Opinions, disagreement, rank, to_csv
from bnnlib.figures.answers import Series, answers_figure
from bnnlib.figures.digit_grid import cells, describe, grid, votes_caption
from bnnlib.figures.mosaic import enlarge, mosaic, to_png
from bnnlib.metrics.answer import Answer, make_answer
from bnnlib.networks import DropoutNetwork
from bnnlib.networks.sampling import deterministic_probs, sample_probs
from ui.data_notice import data_notice
from ui.loaders import chosen_networks, load_digits, load_network, send_to_draw
from ui.page import is_dark, page_setup, show_error
from ui.surveys import SEED, finish, survey, unseen
from ui.uncertain.state import choices, key, read_address, write_address
from ui.verdict import figures_table, legend, percent

SHOWN = 64  # images at once, 8 x 8 as in the article
MEASURES = {
    "variation_ratio": (
        "Vote disagreement",
        "the share of the sampled networks that vote against the winner",
    ),
    "predictive_entropy": (
        "Predictive entropy",
        "all of the uncertainty: the entropy of the mean prediction, in nats",
    ),
    "mutual_information": (
        "Mutual information",
        "what the sampled networks disagree about: the epistemic uncertainty, in nats",
    ),
    "confidently_wrong": (
        "Confidently wrong",
        "the mean probability of the winner, where the winner is wrong",
    ),
}
# The grid has eight columns, or four where the page has no room for eight: both are drawn, one is shown.
LAYOUT = """<style>
.st-key-grids { container-type: inline-size; }
@container (max-width: 700px) { .st-key-grid_wide { display: none; } }
@container (min-width: 700.02px) { .st-key-grid_narrow { display: none; } }
</style>"""
GLIDE = """<script>/* {count} */ document.querySelector('.st-key-closer')?.scrollIntoView({{block: 'start', behavior:
matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'}});</script>"""


@dataclass(frozen=True)
class Ranking:
    """What the page shows: the positions `order` `[K]` of held-out images, what `name` said of them, and the `place` looked at.

    index: the images' places in the test split, `[B]`.
    """

    digits: Digits
    index: Tensor
    name: str
    measure: str
    opinions: Opinions
    order: Tensor
    place: int = 1

    @property
    def start(self) -> int:
        """How many images precede those in the grid, which holds the place looked at."""
        return (self.place - 1) // SHOWN * SHOWN

    @property
    def shown(self) -> Tensor:
        """The positions of the images in the grid."""
        return self.order[self.start : self.start + SHOWN]

    @property
    def images(self) -> np.ndarray:
        """The images in the grid, uint8 `[K, 28, 28]`."""
        return self.digits.test.images[self.index[self.shown]].numpy()

    @property
    def position(self) -> int:
        """The position of the image looked at."""
        return int(self.order[self.place - 1])

    @property
    def number(self) -> int:
        """Its place in the test split."""
        return int(self.index[self.position])


def main() -> None:
    page_setup("Uncertain digits")
    st.html(LAYOUT)
    st.title("Which digits do the networks doubt?")
    if problem := read_address():
        st.warning(problem, icon=":material/link_off:")
    try:
        digits, names = load_digits(), chosen_networks()
        index = unseen(names)
    except BnnlibError as error:
        show_error(error)
        return
    result = st.container()  # the sentence about the result stands above what changes it
    name, measure, classes, mistakes, samples = controls(names)
    asked = survey(name, index, samples)
    with result:
        finish(asked, name, len(index))
    opinions = asked.opinions(digits.test.labels[index])
    result.html(
        sentence(opinions, rank(opinions, "variation_ratio", **classes), name, digits.source)
    )
    ranking = Ranking(
        digits,
        index,
        name,
        measure,
        opinions,
        rank(opinions, measure, **classes, mistakes=mistakes),
    )
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
            "No held-out image passes these filters: choose another class, or look at more than mistakes.",
            icon=":material/search_off:",
        )
        write_address()
    data_notice(digits)


def controls(names: tuple[str, str]) -> tuple[str, str, dict[str, int | None], bool, int]:
    """Which network and measure rank the images, and which images: (name, measure, classes, only mistakes, samples)."""
    changes = {"persist_state": "session", "on_change": go_to, "args": (1,)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        side = st.segmented_control(
            "Network", choices("network"), required=True, key=key("network"), **changes,
            format_func=dict(zip(("left", "right"), names, strict=True)).__getitem__,
            help="Whose doubts rank the images. The page Train chooses which two networks are in use.",
        )  # fmt: skip
        measure = st.selectbox(
            "Ranked by", choices("measure"), key=key("measure"), width=220, **changes, format_func=lambda name: MEASURES[name][0],
            help="The largest comes first. " + " ".join(f"{label}: {meaning}." for label, meaning in MEASURES.values()),
        )  # fmt: skip
        classes = {
            field: st.selectbox(
                label, choices(field), key=key(field), width=110, **changes, help=meaning,
            )
            for field, label, meaning in (
                ("true", "True class", "Only images of this digit."),
                ("predicted", "Predicted", "Only images for which this digit has the largest mean probability."),
            )
        }  # fmt: skip
        samples = st.selectbox(
            "Samples", choices("samples"), key=key("samples"), width=110, **changes,
            help="How many sampled networks vote on each image. The article asks 30; more take longer.",
        )  # fmt: skip
        mistakes = st.toggle(
            "Only mistakes",
            key=key("mistakes"),
            **changes,
            help="Only images that the network gets wrong.",
        )
    chosen = {field: None if digit == "any" else digit for field, digit in classes.items()}
    return names[side == "right"], measure, chosen, mistakes, samples


def go_to(place: int, glide: bool = False) -> None:
    """Look closer at the image at this place in the ranking; `glide`: bring it into view."""
    st.session_state[key("place")] = place
    st.session_state["glide"] = glide


def sentence(opinions: Opinions, positions: Tensor, name: str, source: str) -> str:
    """What the votes are worth on these images, in plain words, as HTML."""
    found, name = disagreement(opinions, positions), html.escape(name)
    images = f"{found.images:,} {'test' if source == 'mnist' else 'held-out'} images"
    if found.error_split is None:
        text = f"All sampled networks of {name} vote alike on each of these {images}."
    else:
        text = f"{found.split:,} of {images} split the vote; of those {name} is wrong on {100 * found.error_split:.0f} %"
        text += (
            "."
            if found.error_agreed is None
            else f", of the others on {100 * found.error_agreed:.1f} %."
        )
    return f'<p class="sentence" role="status">{text}</p>'


def choose_place(ranking: Ranking) -> Ranking:
    """The ranking with the place looked at chosen, also without a mouse."""
    count, state = len(ranking.order), st.session_state
    state[key("place")] = min(state[key("place")], count)
    with st.container(horizontal=True, vertical_alignment="bottom", key="closer"):
        place = st.number_input(
            f"Look closer at no. (of {count:,})", 1, count, key=key("place"), persist_state="session", width=190,
            help="The place in the ranking, the most uncertain image being the first. Clicking a digit in the grid does the same.",
        )  # fmt: skip
        for label, icon, to, allowed in (
            ("Previous", ":material/chevron_left:", place - 1, place > 1),
            ("Next", ":material/chevron_right:", place + 1, place < count),
        ):
            st.button(
                label,
                icon=icon,
                on_click=go_to,
                args=(to,),
                disabled=not allowed,
                help=f"The {label.lower()} image of the ranking.",
            )
    script = st.empty()  # always in its place, so that nothing below moves
    if state.pop("glide", False):
        state["glides"] = state.get("glides", 0) + 1
        script.html(GLIDE.format(count=state["glides"]), unsafe_allow_javascript=True)
    return Ranking(**{**vars(ranking), "place": place})


def closer(ranking: Ranking, names: tuple[str, str]) -> None:
    """One image, and its full predictive distribution under both networks in use."""
    image, label = (
        ranking.digits.test.images[ranking.number],
        int(ranking.opinions.labels[ranking.position]),
    )
    answers = [answer(name, ranking) for name in names]
    left, right = st.columns([1, 3])
    with left:
        words = f"Test image {ranking.number}: {describe(ranking.opinions, ranking.position)}."
        st.image(enlarge(image.numpy()), width=168, alt=words, output_format="PNG")
        st.markdown(f"Test image {ranking.number:,}, really a **{label}**.")
        for name, said in zip(names, answers, strict=True):
            mark = ":material/check: right" if said.digit == label else ":material/close: wrong"
            st.markdown(f"**{name}** says {said.digit} ({percent(said.probability)}), {mark}.")
        if st.button(
            "Send to Draw",
            icon=":material/draw:",
            type="primary",
            key="send",
            help="Put this image on the Draw screen, to go on with it there.",
        ):
            send_to_draw(image.numpy(), f"Test image {ranking.number:,}, a {label}")
    with right:
        st.html(legend(any(a.deterministic is not None for a in answers)))
        series = [
            Series(
                name,
                k,
                a.samples,
                a.mean,
                a.low,
                a.high,
                a.votes,
                a.aleatoric,
                a.epistemic,
                a.deterministic,
            )
            for k, (name, a) in enumerate(zip(names, answers, strict=True))
        ]
        words = "; ".join(
            f"{name} says {a.digit} with {a.probability:.2f}, {a.total:.2f} nats"
            for name, a in zip(names, answers, strict=True)
        )
        st.plotly_chart(
            answers_figure(series, 0, is_dark()), theme=None, config={"displayModeBar": False}, key="answers",
            alt=f"Sampled class probabilities of test image {ranking.number} under both networks: {words}.",
        )  # fmt: skip
        with st.expander("The same in figures"):
            st.markdown(figures_table(names, answers))


def answer(name: str, ranking: Ranking) -> Answer:
    """What the checkpoint `name` says of the image looked at: what it said in its survey, or, if there was none, asked now."""
    network, index, samples = load_network(name), ranking.index, len(ranking.opinions.probs)
    image = ranking.digits.test.images[[ranking.number]]
    asked = survey(name, index, samples)
    if asked.done == samples:
        probs = (
            asked.opinions(ranking.digits.test.labels[index]).probs[:, [ranking.position]].float()
        )
    else:
        probs = sample_probs(network, image, samples, SEED)
    return make_answer(
        probs, deterministic_probs(network, image) if isinstance(network, DropoutNetwork) else None
    )


def show_grid(ranking: Ranking) -> None:
    """The 64 images around the one looked at, with their vote shares."""
    label, meaning = MEASURES[ranking.measure]
    first, last = ranking.start + 1, ranking.start + len(ranking.shown)
    st.caption(
        f"Nos. {first:,} to {last:,} of {len(ranking.order):,} by {label.lower()}, {meaning}. Under each image the shares of the votes; "
        "an orange frame and ✗ mark mistakes. Click a digit to look closer."
    )
    shown = cells(ranking.opinions, ranking.shown, first, ranking.index)
    with st.container(key="grids"):
        for chart, columns in (("grid_wide", 8), ("grid_narrow", 4)):
            st.plotly_chart(
                grid(ranking.images, shown, columns, is_dark(), ranking.place - first), theme=None, config={"displayModeBar": False},
                key=chart, selection_mode="points", on_select=lambda chart=chart: clicked(chart, first),
                alt=f"{len(shown)} digits, {columns} a row, ranked by the {label.lower()} of {ranking.name}, with their vote shares. "
                f"The first is {describe(ranking.opinions, int(ranking.shown[0]))}.",
            )  # fmt: skip


def clicked(chart: str, first: int) -> None:
    """A digit of the grid, whose first has the place `first`, was clicked: look closer at it."""
    if points := st.session_state[chart].selection.points:
        go_to(first + points[0]["point_index"], glide=True)


def turn_pages(ranking: Ranking) -> None:
    """To the 64 images before or after."""
    start, count = ranking.start, len(ranking.order)
    with st.container(horizontal=True, horizontal_alignment="center"):
        for label, icon, to, allowed, meaning in (
            (
                f"Previous {SHOWN}",
                ":material/arrow_back:",
                start - SHOWN + 1,
                start > 0,
                "The images ranked before these.",
            ),
            (
                f"Next {SHOWN}",
                ":material/arrow_forward:",
                start + SHOWN + 1,
                start + SHOWN < count,
                "The images ranked after these.",
            ),
        ):
            st.button(
                label, icon=icon, on_click=go_to, args=(to,), disabled=not allowed, help=meaning
            )


def downloads(ranking: Ranking) -> None:
    """The whole ranking as CSV, the grid as a picture, and the grid as a table to read."""
    opinions, shown, file = ranking.opinions, ranking.shown, f"{ranking.name}-{ranking.measure}"
    wrong, truth = opinions.wrong[shown].tolist(), opinions.labels[shown].tolist()
    votes = [votes_caption(opinions.votes[i], "\n") for i in shown.tolist()]
    first, last = ranking.start + 1, ranking.start + len(shown)

    def picture() -> bytes:
        captions = [
            f"{text}\nis {label}" if bad else text
            for text, label, bad in zip(votes, truth, wrong, strict=True)
        ]
        title = f"{ranking.name}, {len(opinions.probs)} samples: {MEASURES[ranking.measure][0].lower()}, nos. {first} to {last}"
        return to_png(mosaic(ranking.images, captions, wrong, title))

    with st.container(horizontal=True, horizontal_alignment="center"):
        st.download_button(
            "Ranking as CSV", lambda: to_csv(opinions, ranking.order, ranking.index), f"{file}.csv", "text/csv", on_click="ignore",
            icon=":material/table:", help=f"All {len(ranking.order):,} images ranked: labels, votes, mean probabilities, measures.",
        )  # fmt: skip
        st.download_button(
            "Grid as PNG", picture, f"{file}-{first}.png", "image/png", on_click="ignore",
            icon=":material/image:", help="The images above with their vote shares, in one picture.",
        )  # fmt: skip
    with st.expander("The same as a table", icon=":material/table_rows:"):
        measures = {
            label: opinions.measures[measure][shown].tolist()
            for measure, (label, _) in MEASURES.items()
        }
        said = {
            "label": truth,
            "predicted": opinions.predicted[shown].tolist(),
            "votes": [text.replace("\n", ", ") for text in votes],
        }
        places = {"no.": list(range(first, last + 1)), "test image": ranking.index[shown].tolist()}
        st.dataframe({**places, **said, **measures}, hide_index=True)


main()
