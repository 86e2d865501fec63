"""The server's memory: less work for the garbage collector, and memory returned to the system."""

import ctypes
import gc
import sys

M_ARENA_MAX, ARENAS = -8, 2  # glibc's name of the setting, from malloc.h

_modules_spared = 0


def share_the_arenas() -> None:
    """Have all threads take memory from the same two arenas; call it while there are few threads.

    Streamlit runs each page and each stroke in a thread of its own. glibc would give those of a
    crowd 16 arenas, and what each of these once held stays with it: 160 MB after 30 visitors.
    """
    if _has_glibc():
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def spare_the_collector() -> None:
    """Exclude the libraries' objects from garbage collection, anew after each further import.

    torch, plotly and pandas have 270,000 objects, which live as long as the server. To look at them
    takes 0.2 s, in which all threads of the server wait. It is not done at every run, because that
    would also keep the garbage of every run. Streamlit's own collection after every run is switched
    off in its configuration: with 30 visitors it took a quarter of the server's time.
    """
    global _modules_spared
    if len(sys.modules) > _modules_spared:
        _modules_spared = len(sys.modules)
        gc.freeze()


def give_back_memory() -> None:
    """Return freed memory to the system, after work on thousands of images.

    glibc would keep 200 MB of it. On other systems this does nothing.
    """
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")
