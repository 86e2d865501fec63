"""Principal directions of features, and the nearest of many features, in plain tensors."""

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError

CHUNK = 16_384  # references at once: with 32 directions 2 MB as float32
ROUNDS = 8  # of the power iteration; more do not change the directions that matter


def principal(
    features: Tensor, directions: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The mean `[H]` and the first principal directions `[H, D]` of features `[N, H]`.

    The directions are orthonormal. They come from a randomised power iteration (Halko, Martinsson
    & Tropp 2011, "Finding structure with randomness"), which never forms the matrix `[H, H]`.
    Raises BnnlibError for more directions than the features can have.
    """
    if not 1 <= directions <= min(features.shape):
        raise BnnlibError(
            f"{directions} directions were asked of features of shape {list(features.shape)}: "
            "expected at least 1, and no more than either size."
        )
    mean = features.mean(0)
    centred = features - mean
    spare = min(directions + 10, *features.shape)
    start = torch.randn(features.shape[1], spare, generator=generator, device=generator.device)
    basis = torch.linalg.qr(start.to(features.device)).Q
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, _, turn = torch.linalg.svd(centred @ basis, full_matrices=False)
    return mean, basis @ turn[:directions].T


def nearest(features: Tensor, references: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest references of each: distances `[B, k]` (nearest first) and indices `[B, k]`.

    Euclidean distances of features `[B, D]` to references `[N, D]`, which may be float16: they are
    widened a part at a time. Raises BnnlibError if there are fewer than k references.
    """
    if not 1 <= k <= len(references):
        raise BnnlibError(
            f"{k} nearest of {len(references)} references were asked for: "
            "expected at least 1, and no more than there are."
        )
    distances = torch.cat(
        [
            torch.cdist(
                features.float(),
                references[start : start + CHUNK].float(),
                compute_mode="donot_use_mm_for_euclid_dist",  # exact for images that are the same
            )
            for start in range(0, len(references), CHUNK)
        ],
        1,
    )
    found = distances.topk(k, largest=False)
    return found.values, found.indices
