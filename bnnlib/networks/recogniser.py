"""How sure a network is that an image is one digit: what splits ink into digits asks."""

from collections.abc import Callable

from torch import Tensor

from bnnlib.metrics import uncertainty
from bnnlib.networks import Network
from bnnlib.networks.sampling import sample_probs


def recogniser(network: Network, samples: int = 10, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A function: images float `[B, 28, 28]` -> `[B]`, the mean probability of the winner minus
    the mutual information in nats. Near 1 for a digit; at most 1."""

    def score(images: Tensor) -> Tensor:
        probs = sample_probs(network, images, samples, seed)
        return probs.mean(0).amax(-1) - uncertainty.mutual_information(probs)

    return score
