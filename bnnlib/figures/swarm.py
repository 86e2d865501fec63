"""Where the dots of sampled probabilities are drawn, so that many stay readable."""

import numpy as np
from numpy.typing import NDArray

BINS = 100  # cells of a strip from probability 0 to 1
SLOTS = 9  # cells of a strip across


def swarm(
    samples: NDArray[np.float32], width: float
) -> tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.floating]]:
    """The dots of samples `[S, C]`: (offset across, class, probability), each `[K]`, K <= S * C.

    Every class has a strip of the given `width`. Dots of about the same probability are placed side
    by side, centred in the strip; the more there are, the wider they spread, up to the whole width.
    Dots that would cover each other are drawn once.
    """
    count, classes = samples.shape
    column = np.tile(np.arange(classes), count)
    value = samples.ravel().astype(np.float64)
    level = np.rint(value * BINS).astype(np.int64)
    cell = column * (BINS + 1) + level
    order = np.argsort(cell, kind="stable")
    cell, column, value = cell[order], column[order], value[order]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    sizes = np.diff(starts, append=len(cell))
    rank, size = np.arange(len(cell)) - np.repeat(starts, sizes), np.repeat(sizes, sizes)
    slot = np.where(size <= SLOTS, rank, rank * SLOTS // size)  # many dots fill the strip evenly
    _, first = np.unique(cell * SLOTS + slot, return_index=True)
    across = slot - (np.minimum(size, SLOTS) - 1) / 2
    return (across * width / SLOTS)[first], column[first], value[first]
