"""Results of evaluations for the pages: read once, measured on request with a bar.

One measurement at a time in the whole server.
"""

import threading
from dataclasses import dataclass

import streamlit as st
from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.compare import Difference, difference
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.storage.checkpoints import find_checkpoint
from bnnlib.storage.evaluations import Results, load_results, results_files, save_results
from ui.loaders import load_digits, load_network, network_version
from ui.memory import give_back_memory
from ui.surveys import finish, survey, unseen

SAMPLES = 30  # of a measurement made from the page: a third of the command line's time


def find_results(name: str) -> Results | None:
    """The results of the checkpoint `name`, or None if it was not evaluated.

    They are shared, so treat them as read-only. Raises BnnlibError if they, or the checkpoint, are
    damaged.
    """
    version = results_version(name)
    return _results(*version) if version[2] else None


def results_version(name: str) -> tuple[str, int, tuple[int, ...]]:
    """What a cache of results is keyed by: the folder, when it and the files of results changed."""
    modified = tuple(file.stat().st_mtime_ns for file in results_files(name))
    return str(find_checkpoint(name)), network_version(name)[1], modified


@st.cache_resource(max_entries=12, show_spinner=False)
def _results(
    folder: str, network_modified: int, results_modified: tuple[int, ...]
) -> Results | None:
    return load_results(folder)


def paired(first: str, second: str, figure: str, results: dict[str, Results]) -> Difference | None:
    """The first network's figure less the second's, with its paired interval; computed once.

    None where a file of an earlier version lacks what it takes of each image.
    """
    versions = results_version(first), results_version(second)
    return _difference(*versions, figure, results[first], results[second])


@st.cache_resource(max_entries=200, show_spinner=False)  # three numbers each
def _difference(
    first: tuple[str, int, tuple[int, ...]],
    second: tuple[str, int, tuple[int, ...]],
    figure: str,
    _first: Results,
    _second: Results,
) -> Difference | None:
    return difference(_first, _second, figure)


@st.cache_resource(show_spinner=False)
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()


def measure(name: str) -> None:
    """Evaluate the checkpoint on everything at hand, showing a bar, and keep the results.

    Beside it, or in the user's cache. Raises BnnlibError if that is impossible, or if this server
    is at another measurement.
    """
    lock = _one_at_a_time()
    if not lock.acquire(blocking=False):
        raise BnnlibError(
            "Another measurement is under way on this server: "
            "try again when it is over, in a minute or two."
        )
    try:
        with st.empty():
            plan = Plan.full(SAMPLES)
            results = examine(
                load_network(name),
                load_digits(),
                plan,
                lambda share, words: st.progress(
                    share, text=f"Asking {SAMPLES} sampled networks of {name}: {words} …"
                ),
            )
            save_results(name, results)
            st.empty()
    finally:
        lock.release()
        give_back_memory()


@dataclass(frozen=True)
class Pictured:
    """Images at hand with what a network said of them, `[B]` each.

    `images` uint8 `[B, 28, 28]`, `doubts` by measure.
    """

    images: Tensor
    labels: Tensor
    predicted: Tensor
    doubts: dict[str, Tensor]


def pictured(name: str, results: Results, digits: Digits, measures: tuple[str, ...]) -> Pictured:
    """The test images behind `results`, with what the network said of them.

    Where they are not at hand, the held-out digits that are, asked about anew. Raises BnnlibError
    if the checkpoint cannot be read.
    """
    index = unseen((name,))
    if digits.source == results.summary["source"] and len(index) == len(results.wrong):
        known = {measure: results.doubt(measure) for measure in measures}
        return Pictured(
            digits.test.images[index],
            results.arrays["labels"].long(),
            results.arrays["predicted"].long(),
            known,
        )
    asked = survey(name, index, SAMPLES)
    finish(asked, name, len(index))
    opinions = asked.opinions(digits.test.labels[index])
    known = {"least_confidence": 1 - opinions.mean.amax(-1), **opinions.measures}
    return Pictured(
        digits.test.images[index],
        opinions.labels,
        opinions.predicted,
        {measure: known[measure] for measure in measures},
    )
