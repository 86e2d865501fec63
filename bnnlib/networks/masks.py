"""Dropout seen from inside: the activations of a layer before and after its mask."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.networks.dropout import DropoutNetwork, mask_of


@dataclass(frozen=True)
class Masked:
    """One pass with one set of masks.

    before: the activations of the first hidden layer `[H]`. mask: 0 for a dropped unit, else
    1 / (1 - rate) `[H]`. probs: the answer `[C]`.
    """

    before: Tensor
    mask: Tensor
    probs: Tensor

    @property
    def after(self) -> Tensor:
        """What the next layer sees, `[H]`."""
        return self.before * self.mask


@torch.no_grad()
def masked_pass(
    network: DropoutNetwork, image: Tensor, rate: float, generator: torch.Generator
) -> Masked:
    """Ask about one image `[28, 28]` with each hidden unit dropped with probability `rate`.

    The input is left whole. Raises BnnlibError for a rate outside [0, 1).
    """
    if not 0 <= rate < 1:
        raise BnnlibError(f"The rate of dropout is {rate}: expected a number from 0 to below 1.")
    h = image.flatten()
    before = mask = torch.ones(0)
    for k, layer in enumerate(network.layers):
        if k:
            drawn = mask_of(h.shape, rate, generator)
            if k == 1:
                before, mask = h, drawn
            h = h * drawn
        h = layer(h)
        if k < len(network.layers) - 1:
            h = F.leaky_relu(h)
    return Masked(before, mask, h.softmax(-1))
