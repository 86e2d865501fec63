"""What if: the drawing along a change, and the pixels that would change a network's mind."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from bnnlib import BnnlibError, sample_probs
from bnnlib.drawing.replay import CHANGES, morph, replay
from bnnlib.drawing.strokes import Stroke
from bnnlib.figures.ink_map import ink_map_figure
from bnnlib.figures.replay import Track, replay_figure
from bnnlib.metrics import uncertainty
from bnnlib.networks import Network
from bnnlib.networks.saliency import InkMap, ink_map
from ui.draw.below import closed_part
from ui.draw.examples import BY_SLUG, EXAMPLES
from ui.draw.state import LIVE_SAMPLES, DrawState
from ui.loaders import answers_of, chosen_networks, load_network, network_version
from ui.page import is_dark, show_error

NAME = "replay"
CONFIG = {"displayModeBar": False, "responsive": True}


@st.fragment
def what_if(state: DrawState) -> None:
    """A closed expander, which computes nothing until it is opened."""
    title = "What if it were turned, thicker, half erased …"
    part = closed_part(state, title, NAME, ":material/tune:")
    if part is None:
        return
    with part:
        change, other = choices()
        names, networks = [], []
        for place, name in enumerate(chosen_networks()):
            try:
                networks.append((place, name, load_network(name)))
                names.append(name)
            except BnnlibError as error:
                show_error(error)
        if not networks:
            return
        curves(state, change, other, networks)
        minds(state, networks)


def choices() -> tuple[str, str]:
    """Which change, and into which example a morph goes."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        change = st.segmented_control(
            "Change",
            list(CHANGES),
            default="rotate",
            required=True,
            format_func=lambda name: CHANGES[name].label,
            key="change",
            help="The drawing is changed step by step, and both networks answer each step.",
        )
        other = EXAMPLES[1].slug
        if change == "morph":
            other = st.selectbox(
                "Into",
                [example.slug for example in EXAMPLES],
                1,
                format_func=lambda slug: BY_SLUG[slug].name,
                key="morph_into",
                width=180,
            )
    return change, other


def curves(
    state: DrawState, change: str, other: str, networks: Sequence[tuple[int, str, Network]]
) -> None:
    """The figure, which plays in the browser."""
    under = state.sent[0] if state.sent else None
    images = along(change, state.strokes, under, other, state.seed)
    samples = min(state.samples, LIVE_SAMPLES)
    tracks = []
    for place, name, network in networks:
        mean, aleatoric, epistemic = answered(
            *network_version(name), images, answers_of(network, samples), state.seed, network
        )
        tracks.append(Track(name, place, mean, aleatoric, epistemic))
    this = CHANGES[change]
    dark = is_dark()
    said = "; ".join(_turning_points(track, this.amounts) for track in tracks)
    st.plotly_chart(
        replay_figure(
            tracks,
            this.amounts,
            (images.numpy() * 255).round().astype(np.uint8),
            this.present,
            f"{this.label.lower()}: {this.unit}",
            dark,
        ),
        theme=None,
        key="replay-figure",
        config=CONFIG,
        alt=f"Class probabilities and uncertainties along the change {this.label}. {said}",
    )
    st.caption(
        f"Dotted: the drawing as it is, until you move it. Each step is answered by {samples} "
        f"sampled networks with the same random numbers. Below: aleatoric plain, epistemic "
        f"hatched. {said}."
    )


def _turning_points(track: Track, amounts: np.ndarray) -> str:
    """Which digits win along the change, in one phrase."""
    winners = track.mean.argmax(1)
    starts = [0, *(np.flatnonzero(np.diff(winners)) + 1)]
    said = ", ".join(f"{winners[k]} from {amounts[k]:.3g}" for k in starts[:5])
    return f"{track.name}: {said}{' …' if len(starts) > 5 else ''}"


@st.cache_data(max_entries=24, show_spinner=False)
def along(
    change: str,
    strokes: tuple[Stroke, ...],
    under: np.ndarray | None,
    other: str,
    seed: int,
) -> Tensor:
    """The images along the change, `[K, 28, 28]`."""
    if change == "morph":
        return morph(strokes, BY_SLUG[other].strokes, under)
    return replay(change, strokes, under, seed)


@st.cache_data(
    max_entries=48,
    show_spinner="The networks answer …",
    hash_funcs={Tensor: lambda images: images.numpy().tobytes()},
)
def answered(
    folder: str, modified: int, images: Tensor, samples: int, seed: int, _network: Network
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probabilities `[K, C]`, aleatoric and epistemic uncertainty `[K]`.

    Every image meets the same random numbers, so that a curve moves only where the image does.
    """
    probs = torch.cat(
        [
            sample_probs(_network, image[None], samples, torch.Generator().manual_seed(seed))
            for image in images
        ],
        dim=1,
    )
    return (
        probs.mean(0).numpy(),
        uncertainty.expected_entropy(probs).numpy(),
        uncertainty.mutual_information(probs).numpy(),
    )


def minds(state: DrawState, networks: Sequence[tuple[int, str, Network]]) -> None:
    """For each network, where a little ink would change its mind."""
    st.markdown("**Where a little ink would change its mind**")
    image = state.image
    pixels = (image.numpy() * 255).round().astype(np.uint8)
    for column, (place, name, network) in zip(st.columns(len(networks)), networks, strict=True):
        found = ink_map(network, image, min(state.samples, LIVE_SAMPLES), state.seed)
        said = _mind(name, found)
        with column:
            st.markdown(said)
            st.plotly_chart(
                ink_map_figure(pixels, found.change, found.winner, found.rival, is_dark()),
                theme=None,
                key=f"ink-map-{place}",
                config=CONFIG,
                alt=f"The image, and on it the pixels that matter. {said}",
            )
    st.caption(
        "Orange: another value of this pixel (ink where there is none, none where there is) would "
        "take from the winner's lead over the runner-up; blue: would add to it. "
        "The lead is the mean log-odds over the sampled networks; the map is its gradient, so it "
        "holds for small changes."
    )


def _mind(name: str, found: InkMap) -> str:
    row, column = np.unravel_index(found.change.argmin(), found.change.shape)
    return (
        f"{name}: {found.winner} leads {found.rival} by {found.lead:.1f} nats; the pixel that "
        f"would cost it most is in row {row + 1}, column {column + 1} "
        f"({found.change.min():.1f} nats)."
    )
