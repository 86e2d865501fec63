"""Networks and digits for the pages: loaded once, shared by all sessions, never changed."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st
import torch

from bnnlib.datasets.isolated import load_mnist_apart
from bnnlib.datasets.mnist import Digits, find_mnist
from bnnlib.errors import BnnlibError
from bnnlib.metrics.distance import Distance
from bnnlib.networks import EnsembleNetwork, Network
from bnnlib.storage.checkpoints import SHIPPED, find_checkpoint, list_checkpoints, load_checkpoint
from bnnlib.storage.evaluations import AnswerRule, cache_folder, load_results, rule_of
from ui.address import EVERYWHERE, SIDES, own_parameters, shared_parameters

DEFAULT_NETWORKS = ("dropout-pen", "bayesian-pen")
# What an address that names no network showed before these were the default ones.
FORMER_NETWORKS = ("dropout", "bayesian")
HOME = "dashboard.py"

# With more threads every matrix product waits for the slowest of them, which on a busy machine adds
# up to most of a second for one answer.
torch.set_num_threads(1)


def checkpoint_names() -> list[str]:
    """The checkpoints that have a readable card and weights, the shipped ones first."""
    names = [
        info.name
        for info in list_checkpoints()
        if info.card and (info.folder / "weights.safetensors").is_file()
    ]
    shipped = [name for name in SHIPPED if name in names]
    return shipped + [name for name in names if name not in SHIPPED]


def load_network(name: str) -> Network:
    """The network called `name`; it is read again only when its files change.

    All sessions share it, so treat it as read-only. Raises BnnlibError if the checkpoint is missing
    or damaged.
    """
    return _network(*network_version(name))


def network_version(name: str) -> tuple[str, int]:
    """The folder of the checkpoint `name` and a number for what its files are: the key for caches.

    Another file of the same name has another number, also where a clock was set back. Raises
    BnnlibError if there is no such checkpoint.
    """
    folder = find_checkpoint(name)
    try:
        files = {file.name: file.stat() for file in folder.iterdir()}
    except OSError as error:  # it is being replaced
        raise BnnlibError(
            f"The checkpoint {name!r} cannot be read ({error.strerror}): try again in a moment."
        ) from error
    return str(folder), hash(
        frozenset((name, it.st_mtime_ns, it.st_size, it.st_ino) for name, it in files.items())
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _network(folder: str, modified: int) -> Network:
    return load_checkpoint(folder)


def answers_of(network: Network, samples: int) -> int:
    """How many answers to ask for: `samples`, or one for each member of an ensemble.

    The members take turns, so asking an ensemble more often only repeats their answers.
    """
    return network.config.members if isinstance(network, EnsembleNetwork) else samples


def answer_rule(name: str) -> AnswerRule | None:
    """When the network called `name` should answer, according to its own evaluation.

    None if it has no evaluation that can be read.
    """
    return _judgement(name)[0]


def distance_of(name: str) -> Distance | None:
    """How far images are from the training images of the network called `name`.

    All sessions share it, so treat it as read-only. None if its evaluation holds no distance.
    """
    return _judgement(name)[1]


def _judgement(name: str) -> tuple[AnswerRule | None, Distance | None]:
    try:
        kept = cache_folder()
        return _kept(*network_version(name), kept.stat().st_mtime_ns if kept.is_dir() else 0)
    except BnnlibError:
        return None, None


@st.cache_resource(max_entries=20, show_spinner=False)
def _kept(
    folder: str, modified: int, cache_modified: int
) -> tuple[AnswerRule | None, Distance | None]:
    results = load_results(folder)
    return (rule_of(results), results.distance) if results else (None, None)


def mnist_state() -> str:
    """Which source `load_digits` would read, without reading it: a key of `mnist.SOURCES`."""
    return "mnist" if find_mnist() else "embedded"


def load_digits() -> Digits:
    """The digits that are available without a download.

    All sessions share them, so treat them as read-only. Raises BnnlibError for damaged files.
    """
    return _digits(find_mnist())


@st.cache_resource(max_entries=1, show_spinner="Reading the digits …")
def _digits(folder: Path | None) -> Digits:
    return load_mnist_apart()


def chosen_networks() -> tuple[str, str]:
    """The checkpoints in use on all pages, (left, right).

    One of them may be missing; `load_network` then raises BnnlibError.
    """
    return st.session_state.get("networks", DEFAULT_NETWORKS)


def choose_networks(left: str, right: str) -> None:
    """Use these two checkpoints on all pages of this session, and name them in the address."""
    st.session_state["networks"] = (left, right)
    name_networks()


def name_networks() -> None:
    """Bring the networks in the address up to date, after anything else in it has changed."""
    named = named_networks(chosen_networks(), bool(set(own_parameters()) - set(SIDES)))
    for side in SIDES:
        if side in named and st.query_params.get(side) != named[side]:
            st.query_params[side] = named[side]
        elif side not in named and side in st.query_params:
            del st.query_params[side]


def named_networks(networks: tuple[str, str], more: bool) -> dict[str, str]:
    """The parameters of an address that name the networks; more: whether it has others.

    The default networks are left out of an empty address alone: one with other parameters and
    without networks was shared when others were the default.
    """
    if networks == DEFAULT_NETWORKS and not more:
        return {}
    return dict(zip(SIDES, networks, strict=True))


def networks_of_address(parameters: Mapping[str, str]) -> tuple[str, str]:
    """The networks that an address names, or meant when it was shared."""
    own = set(parameters) - set(EVERYWHERE)
    usual = FORMER_NETWORKS if own else DEFAULT_NETWORKS
    left, right = (parameters.get(side, name) for side, name in zip(SIDES, usual, strict=True))
    return left, right


def send_to_draw(image: np.ndarray, caption: str) -> None:
    """Go to the Draw screen and show `image`, uint8 `[28, 28]`, with its `caption` there."""
    copy = np.array(image, dtype=np.uint8).reshape(28, 28)
    st.session_state["sent_image"] = (copy, caption)
    st.switch_page(HOME, query_params=shared_parameters())
