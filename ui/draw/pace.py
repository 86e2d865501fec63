"""Live answers are thinned out where many draw at once, so that the pen's end is answered at once.

The server counts who draws and measures how long they wait for a processor. By both it tells each
canvas how long to pause between two messages while the pen is down. The end of a stroke is always
sent at once.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")
RECENT = 5.0  # seconds after his last message that somebody still draws
ALONE = 2  # so many may have all the answers that the server can give
STEP, MOST = 20, 5_000  # milliseconds of pause for each further one; at most
PER_WAIT = 10  # and so much of the time that one waits for his turn at present
LATEST = 0.1  # weight of the latest wait in their moving average


class Pace:
    """Who draws. now: a clock in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._heard: dict[str, float] = {}
        self._wait = 0.0  # seconds
        self._lock = threading.Lock()

    def heard(self, visitor: str) -> int:
        """This one draws; returns how long his canvas is to pause, in milliseconds."""
        with self._lock:
            now = self._now()
            self._heard = {
                one: when for one, when in self._heard.items() if now - when <= RECENT
            } | {visitor: now}
            further = len(self._heard) - ALONE
            if further <= 0:
                return 0
            return min(MOST, STEP * further + round(1_000 * PER_WAIT * self._wait))

    def waited(self, seconds: float) -> None:
        """Somebody waited so long for his turn."""
        with self._lock:
            self._wait += LATEST * (seconds - self._wait)


@st.cache_resource(show_spinner=False)
def _pace() -> Pace:
    return Pace()


@st.cache_resource(show_spinner=False)
def _turns() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(os.cpu_count() or 1)


@contextmanager
def turn() -> Iterator[None]:
    """While a drawing is answered: as many at once as there are processors.

    More would only make each other wait, and all of them late.
    """
    began = time.monotonic()
    with _turns():
        _pace().waited(time.monotonic() - began)
        yield


@st.cache_resource(show_spinner=False)
def _hands() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "answer")


def at_once(work: Callable[..., T], *each: Iterable[Any]) -> list[T]:
    """`work` of each, in as many threads as there are processors, for all visitors together.

    The work must not use Streamlit.
    """
    return list(_hands().map(work, *each))


@st.cache_resource(show_spinner=False)
def door() -> threading.BoundedSemaphore:
    """To be held while the page is shown as a whole: one at a time.

    So those who draw are answered at once while many others open the page.
    """
    return threading.BoundedSemaphore(1)


def pause() -> int:
    """How long this visitor's canvas is to pause between two live messages, in milliseconds."""
    context = get_script_run_ctx()
    return _pace().heard(context.session_id) if context is not None else 0
