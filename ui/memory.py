"""The server's memory: what the garbage collector need not look at, and what goes back to the system."""

import ctypes
import gc
import sys

_modules_spared = 0


def spare_the_collector() -> None:
    """Take what the libraries made out of the garbage collector's sight, again whenever another library was imported.

    Streamlit collects garbage after every run, of a stroke's fragment too. Looking at the 270,000 objects of torch, plotly and
    pandas, which live as long as the server, takes it 0.2 s, in which no thread of the server does anything else. Not at every run:
    that would keep every run's garbage.
    """
    global _modules_spared
    if len(sys.modules) > _modules_spared:
        _modules_spared = len(sys.modules)
        gc.freeze()


def give_back_memory() -> None:
    """Give freed memory back to the system, after work on thousands of images: glibc would keep 200 MB of it. Elsewhere nothing."""
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
