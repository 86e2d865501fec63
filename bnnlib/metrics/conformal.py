"""How unusual a score is among scores that are known to be usual: a p-value by counting."""

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError


def conformal_p(score: Tensor, usual: Tensor) -> Tensor:
    """The share of the usual scores that are at least as high, `[B]` and `[N]` -> `[B]`.

    p = (1 + #{usual >= score}) / (N + 1), in [1 / (N + 1), 1] (Vovk et al. 2005, "Algorithmic
    Learning in a Random World"). For a new score of the same kind as the usual ones, the chance
    that p is at most a is at most a, for every a in [0, 1]. Higher scores must mean less usual.
    Raises BnnlibError if there is no usual score or one is not a number.
    """
    if not len(usual) or usual.isnan().any() or score.isnan().any():
        raise BnnlibError(
            f"There are {len(usual)} usual scores, or some scores are not numbers: "
            "expected at least one, and numbers only."
        )
    ranked = usual.double().sort().values
    above = len(ranked) - torch.searchsorted(ranked, score.double().contiguous())
    return (1 + above) / (len(ranked) + 1)
