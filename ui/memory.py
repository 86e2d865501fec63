"""The server's memory: less work for the garbage collector, and memory returned to the system."""

import ctypes
import gc
import sys

_modules_spared = 0


def spare_the_collector() -> None:
    """Exclude the libraries' objects from garbage collection, anew after each further import.

    Streamlit collects garbage after every run, also after the run of a stroke's fragment. torch,
    plotly and pandas have 270,000 objects, which live as long as the server. To look at them takes
    0.2 s, in which all threads of the server wait. It is not done at every run, because that
    would also keep the garbage of every run.
    """
    global _modules_spared
    if len(sys.modules) > _modules_spared:
        _modules_spared = len(sys.modules)
        gc.freeze()


def give_back_memory() -> None:
    """Return freed memory to the system, after work on thousands of images.

    glibc would keep 200 MB of it. On other systems this does nothing.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
