"""Where a little ink would change a network's mind."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.networks import EnsembleNetwork, Network
from bnnlib.networks.sampling import as_generator, check_images


@dataclass(frozen=True)
class InkMap:
    """How ink at each pixel moves the winner's lead over the runner-up.

    lead: the mean log-odds, mean over samples of log p(winner) - log p(rival), in nats.
    gradient: `[28, 28]`, its derivative by each pixel. change: `[28, 28]`, what the lead would lose
    or gain, to first order, if the pixel became what it is not: full ink where there is less than
    half, none where there is more.
    """

    winner: int
    rival: int
    lead: float
    gradient: NDArray[np.float32]
    change: NDArray[np.float32]


def ink_map(
    network: Network,
    image: Tensor,
    n_samples: int = 100,
    generator: torch.Generator | int | None = None,
) -> InkMap:
    """The gradient of the lead by the pixels of `image`, float `[28, 28]` in [0, 1].

    As saliency of Simonyan, Vedaldi & Zisserman 2014, of the log-odds of two classes, averaged over
    sampled networks. Winner and rival have the highest mean probabilities.
    Raises BnnlibError for an image of another shape or range and for `n_samples` below 1.
    """
    if n_samples < 1:
        raise BnnlibError(f"The number of samples is {n_samples}: it must be at least 1.")
    if isinstance(network, EnsembleNetwork):
        n_samples = len(network.members)
    with torch.enable_grad():
        x = check_images(image[None]).detach().clone().requires_grad_()
        log_probs = network.sample(x, n_samples, as_generator(generator, x.device))[:, 0]
        winner, rival = log_probs.detach().exp().mean(0).topk(2).indices.tolist()
        lead = (log_probs[:, winner] - log_probs[:, rival]).mean()
        (gradient,) = torch.autograd.grad(lead, x)
    # A layer without bias has variance 0 at a blank image, whose root has no derivative.
    slope = gradient[0].nan_to_num(0, 0, 0)
    other = (x.detach()[0] < 0.5).float()
    return InkMap(
        winner,
        rival,
        lead.item(),
        slope.cpu().numpy(),
        ((other - x.detach()[0]) * slope).cpu().numpy(),
    )
