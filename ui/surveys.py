"""Surveys of the held-out images, shared by all sessions.

Whoever waits for one sees how far it is and pushes it on.
"""

import streamlit as st
from torch import Tensor

from bnnlib.evaluation.survey import Survey, held_out_index
from bnnlib.networks import Network
from ui.loaders import load_digits, load_network, network_version
from ui.memory import give_back_memory

SEED = 0


def survey(name: str, index: Tensor, samples: int) -> Survey:
    """The survey of the checkpoint `name` about the test images at `index` `[B]`, so far.

    Raises BnnlibError if the checkpoint or the digits cannot be read.
    """
    digits = load_digits()
    return _survey(
        *network_version(name),
        samples,
        SEED,
        digits.source,
        len(index),
        load_network(name),
        digits.test.images[index],
    )


# 10,000 images and 100 samples take 40 MB
@st.cache_resource(max_entries=6, show_spinner=False)
def _survey(
    folder: str,
    modified: int,
    samples: int,
    seed: int,
    source: str,
    images: int,
    _network: Network,
    _images: Tensor,
) -> Survey:
    return Survey(_network, _images, samples, seed)


def finish(work: Survey, name: str, images: int) -> None:
    """Ask until every sampled network has answered, with a bar.

    Interrupted, it goes on from there the next time.
    """
    if work.done == work.samples:
        return
    with st.empty():
        while work.done < work.samples:
            text = (
                f"Asking {name} {work.samples} times about {images:,} images: "
                f"{work.done} answers of each …"
            )
            st.progress(work.done / work.samples, text=text)
            work.advance()
        st.empty()
    give_back_memory()


def unseen(names: tuple[str, ...]) -> Tensor:
    """The test images that none of these networks was trained on.

    Their places in the test split, int64 `[B]`.
    """
    return _unseen(
        load_digits().source,
        tuple(sorted({str(load_network(name).card.get("source", "mnist")) for name in names})),
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _unseen(source: str, trained_on: tuple[str, ...]) -> Tensor:
    return held_out_index(load_digits(), trained_on)
