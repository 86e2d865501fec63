"""The server's memory: less work for the garbage collector, and memory returned to the system."""

import ctypes
import gc
import sys
import threading
import time

# glibc's settings by their numbers in malloc.h, and what is set.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LITTLE = 4 * 1024 * 1024  # bytes
SETTINGS = {M_TRIM_THRESHOLD: LITTLE, M_MMAP_THRESHOLD: LITTLE, M_ARENA_MAX: 2}
GIVE_BACK_EVERY = 60.0  # seconds; it takes some 10 ms

_modules_spared = 0


def keep_little_memory() -> None:
    """Have glibc give free memory back at once; call it while there are few threads.

    Streamlit runs each page and each stroke in a thread of its own. glibc would give those of a
    crowd 16 arenas. Each may keep 64 MB of free memory at its end, where `give_back_memory` does
    not reach: 100 MB after 30 visitors. What that reaches is given back every minute.
    """
    if _has_glibc():
        for setting, value in SETTINGS.items():
            ctypes.CDLL(None).mallopt(setting, value)
        threading.Thread(target=_give_back_every_minute, name="memory", daemon=True).start()


def spare_the_collector() -> None:
    """Exclude the libraries' objects from garbage collection, anew after each further import.

    torch, plotly and pandas have 270,000 objects, which live as long as the server. To look at them
    takes 0.2 s, in which all threads of the server wait. It is not done at every run, because that
    would also keep the garbage of every run. Streamlit's own collection after every run is switched
    off in its configuration: with 30 visitors it took a quarter of the server's time.
    """
    global _modules_spared
    if len(sys.modules) > _modules_spared:
        gc.freeze()
        _modules_spared = len(sys.modules)


def give_back_memory() -> None:
    """Return freed memory to the system, after work on thousands of images.

    glibc would keep 200 MB of it. On other systems this does nothing.
    """
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _give_back_every_minute() -> None:
    while True:
        time.sleep(GIVE_BACK_EVERY)
        give_back_memory()


def _has_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")
