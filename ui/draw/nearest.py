"""It reminds me of: the training images that are nearest in a network's last hidden layer.

Everything waits until the section is opened. The images' coordinates are computed once for each
network and shared by all sessions; a stroke then costs a few milliseconds more.
"""

import html
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from bnnlib.datasets.mnist import Digits, Split
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.distance import fit_directions, project
from bnnlib.evaluation.evaluate import trained_on
from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.theme import network_colours
from bnnlib.metrics.conformal import conformal_p
from bnnlib.metrics.density import Directions
from bnnlib.metrics.neighbours import nearest
from bnnlib.networks import Network
from bnnlib.networks.features import last_hidden
from ui.loaders import distance_of, load_digits, load_network, mnist_state, network_version
from ui.memory import give_back_memory
from ui.page import is_dark, show_error

SHOWN = 5
USUAL = 1_000  # held-out digits whose nearest training image says which distance is usual
FITTED_ON = 5_000  # images for the directions of a network without a distance of its own


@dataclass(frozen=True)
class Album:
    """The training images as one network sees them: `points` float16 `[N, D]`.

    usual: for held-out digits the distance of the nearest of them, `[V]`.
    """

    directions: Directions
    points: Tensor
    usual: Tensor


@dataclass
class Shelf:
    """Where the album of a network is put by whoever opens the section first."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    album: Album | None = None


def reminders(networks: Sequence[tuple[str, int]], image: Tensor) -> None:
    """For each network (name, place) the nearest training images, in a section that is closed."""
    box = st.expander("It reminds me of …", key="reminders", on_change="rerun")
    if not box.open:
        return
    with box:
        try:
            digits = load_digits()
            rows = [row(name, place, image, digits) for name, place in networks]
        except BnnlibError as error:
            show_error(error)
            return
        st.html(f'<div class="reminders">{"".join(rows)}</div>')
        st.caption(source_note(digits))


def row(name: str, place: int, image: Tensor, digits: Digits) -> str:
    """The nearest images of one network as HTML, with their labels and distances."""
    network = load_network(name)
    album = album_of(name, network, digits)
    point = album.directions.project(last_hidden(network, image[None]))
    distances, places = (found[0] for found in nearest(point, album.points, SHOWN))
    usual = float(album.usual.median())
    as_far = float(conformal_p(distances[:1], album.usual)[0])
    pictures = "".join(
        picture(digits.train, int(index), float(distance) / usual)
        for distance, index in zip(distances, places, strict=True)
    )
    colour = network_colours(is_dark())[place]
    own = "" if trained_on(network) == digits.source else " The network did not train on them."
    return f"""<section style="--network: {colour}"><h3>{html.escape(name)}</h3>
<p>{scale_words(float(distances[0]) / usual, as_far)}{own}</p><ol>{pictures}</ol></section>"""


def scale_words(ratio: float, as_far: float) -> str:
    """How far the nearest image is, compared with what is usual."""
    share = int(100 * (1 - as_far))
    start = "Nothing is near: the" if as_far <= 0.02 else "The"
    return (
        f"{start} nearest is {ratio:.1f} times as far as usual for a digit, "
        f"farther than for {share} % of held-out digits."
    )


def picture(train: Split, index: int, ratio: float) -> str:
    """One training image with its label and its distance (1 is usual)."""
    pixels, label = train.images[index].numpy().astype(np.uint8), int(train.labels[index])
    source = embed(to_png(Image.fromarray(pixels)))
    alt = f"Training image {index}, a {label}, {ratio:.1f} times the usual distance away"
    return f'<li><img src="{source}" alt="{alt}"><b>{label}</b> {ratio:.1f} &times;</li>'


def source_note(digits: Digits) -> str:
    """Which images these are, and what the numbers mean."""
    which = (
        f"Of {len(digits.train):,} MNIST training images"
        if digits.source == "mnist"
        else f"MNIST is not here. Of {len(digits.train):,} embedded MNIST digits"
    )
    return (
        f"{which}, these are the {SHOWN} nearest in the last hidden layer, without sampling. "
        "The numbers compare with the usual distance: the median one from a held-out digit to its "
        "nearest image is 1.0."
    )


def album_of(name: str, network: Network, digits: Digits) -> Album:
    """The album of a network, made if nobody did yet, with a bar that shows how far it is."""
    shelf = _shelf(*network_version(name), mnist_state())
    if shelf.album is None:
        with st.spinner(f"Looking at {len(digits.train):,} images with {name} …"), shelf.lock:
            if shelf.album is None:  # another session may have made it meanwhile
                shelf.album = make_album(name, network, digits)
    return shelf.album


def make_album(name: str, network: Network, digits: Digits) -> Album:
    kept, train = distance_of(name), digits.train.images
    directions = kept.directions if kept else fit_directions(network, train[:FITTED_ON])
    place = st.empty()
    points = project(
        network,
        directions,
        train,
        lambda share: place.progress(share, text=f"{share:.0%} of the images"),
    ).half()
    place.empty()
    held = project(network, directions, digits.validation.images[:USUAL])
    usual = torch.cat([nearest(part, points, 1)[0][:, 0] for part in held.split(100)])
    give_back_memory()
    return Album(directions, points, usual)


@st.cache_resource(max_entries=6, show_spinner=False)  # 3 MB each
def _shelf(folder: str, modified: int, source: str) -> Shelf:
    return Shelf()
