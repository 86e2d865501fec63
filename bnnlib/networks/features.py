"""What the mean network makes of an image in its last hidden layer, for distances between images.

No weights are sampled: a dropout network keeps all units (so does its Laplace approximation), a
Bayesian network takes its means, and an ensemble puts the features of its members side by side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.layers.bayesian_linear import BayesianLinear
from bnnlib.networks import EnsembleNetwork, Network
from bnnlib.networks.sampling import MAX_ROWS, check_images


@torch.inference_mode()
def last_hidden(network: Network, images: Tensor) -> Tensor:
    """The activations of the last hidden layer, `[B, 28, 28] -> [B, H]`, on the images' device.

    H is the width of that layer, times the members of an ensemble. Raises BnnlibError for images
    of another shape or range.
    """
    x = check_images(images)
    parts = [_last_hidden(network, x[b : b + MAX_ROWS]) for b in range(0, len(x), MAX_ROWS)]
    return torch.cat(parts or [x.new_empty(0, width(network))])


def width(network: Network) -> int:
    """How many features `last_hidden` gives."""
    members = len(network.members) if isinstance(network, EnsembleNetwork) else 1
    return members * network.config.hidden[-1]


def _last_hidden(network: Network, x: Tensor) -> Tensor:
    if isinstance(network, EnsembleNetwork):
        return torch.cat([_last_hidden(member, x) for member in network.members], -1)
    h = x.flatten(1)
    for layer in network.layers[:-1]:
        h = F.leaky_relu(layer.mean(h) if isinstance(layer, BayesianLinear) else layer(h))
    return h
