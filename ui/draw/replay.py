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
from ui.draw.state import (
    CHANGE,
    INTO,
    LIVE_SAMPLES,
    USUAL_CHANGE,
    USUAL_INTO,
    DrawState,
    write_address,
)
from ui.loaders import answers_of, chosen_networks, load_network, network_version
from ui.page import explained, is_dark, show_chart, show_error

NAME = "replay"


@st.fragment
@explained
def what_if(state: DrawState) -> None:
    """A closed expander, which computes nothing until it is opened."""
    title = "What if it were turned, thicker, half erased …"
    part = closed_part(state, title, NAME, ":material/tune:")
    if part is None:
        write_address(state, chosen_networks())
        return
    with part:
        change, other = choices()
        write_address(state, chosen_networks())
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
    st.session_state.setdefault(CHANGE, USUAL_CHANGE)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        change = st.segmented_control(
            "Change",
            list(CHANGES),
            required=True,
            format_func=lambda name: CHANGES[name].label,
            key=CHANGE,
            help="The drawing is changed step by step, and both networks answer each step.",
        )
        other = USUAL_INTO
        if change == "morph":
            st.session_state.setdefault(INTO, USUAL_INTO)
            other = st.selectbox(
                "Into",
                [example.slug for example in EXAMPLES],
                format_func=lambda slug: BY_SLUG[slug].name,
                key=INTO,
                width=180,
            )
    return str(change), other  # one is required


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
    show_chart(
        replay_figure(
            tracks,
            this.amounts,
            (images.numpy() * 255).round().astype(np.uint8),
            this.present,
            f"{this.label.lower()}: {this.unit}",
            dark,
        ),
        key="replay-figure",
        alt=f"Class probabilities and uncertainties along the change {this.label}. {said}",
        title=f"Mean probability of each digit, and the doubt, along the change: {this.label}",
    )
    st.caption(
        f"Dotted: the drawing as it is, until you move it. Each step is answered by {samples} "
        f"sampled networks with the same random numbers. Below: aleatoric plain, epistemic "
        f"hatched. {said}."
    )
    with st.expander("The same as a table"):
        columns: dict[str, Sequence[float]] = {this.unit: this.amounts.tolist()}
        for track in tracks:
            columns |= {
                f"{track.name}: answer": track.mean.argmax(1).tolist(),
                f"{track.name}: its probability": track.mean.max(1).round(3).tolist(),
                f"{track.name}: aleatoric, nats": track.aleatoric.round(3).tolist(),
                f"{track.name}: epistemic, nats": track.epistemic.round(3).tolist(),
            }
        st.dataframe(columns, hide_index=True)


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
            show_chart(
                ink_map_figure(pixels, found.change, found.winner, found.rival, is_dark()),
                key=f"ink-map-{place}",
                alt=f"The image, and on it the pixels that matter. {said}",
                title=f"{name}: what each pixel does to the lead of {found.winner}",
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
