"""Images of drawings, many at once: as they were drawn, or each with its lines changed anew."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor

from bnnlib.drawing.raster import image_from_strokes
from bnnlib.drawing.warp import Strokes, Warp, warped

SUPERSAMPLE = 4  # of the changed images; coarser than on the page, and five times as fast
PENS, SOFTNESSES = (1.5, 3.0), (0.3, 0.6)  # pixels; a drawing on the page has 2.0 and 0.45
PART = 1_000  # drawings that one process renders at a time
Job = tuple[Sequence[tuple[Strokes, Warp]], tuple[int, ...]]


def rendered(drawings: Sequence[Sequence[np.ndarray]]) -> Tensor:
    """The images the network sees of drawings on the page, float `[B, 28, 28]`."""
    return torch.stack([image_from_strokes(strokes) for strokes in drawings])


def rendered_anew(drawings: Sequence[tuple[Strokes, Warp]], *seed: int) -> Tensor:
    """Each drawing warped and drawn with another pen, uint8 `[B, 28, 28]`.

    All processors take part. The images depend on the seed, not on how many there are.
    """
    jobs: list[Job] = [(drawings[k : k + PART], (*seed, k)) for k in range(0, len(drawings), PART)]
    if len(jobs) == 1:
        return _render(jobs[0])
    # Not forked: a copy of a process whose torch has threads can hang.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
        return torch.cat([torch.from_numpy(part) for part in workers.map(_bytes, jobs)])


def _bytes(job: Job) -> np.ndarray:
    """In a worker: an array comes back as bytes, a tensor would take a file descriptor."""
    torch.set_num_threads(1)
    return _render(job).numpy()


def _render(job: Job) -> Tensor:
    drawings, seed = job
    random = np.random.default_rng(seed)
    images = [
        image_from_strokes(
            warped(strokes, how, random),
            random.uniform(*PENS),
            random.uniform(*SOFTNESSES),
            SUPERSAMPLE,
        )
        for strokes, how in drawings
    ]
    return to_bytes(torch.stack(images))


def to_bytes(images: Tensor) -> Tensor:
    """Float images in [0, 1] -> uint8, same shape."""
    return images.mul(255).round().to(torch.uint8)
