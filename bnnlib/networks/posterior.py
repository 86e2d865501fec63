"""What training did to every weight: the posterior of a Bayesian network beside its prior.

Pruning by signal-to-noise: Blundell et al. 2015, "Weight Uncertainty in Neural Networks", 5.1.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.networks.bayesian import BayesianNetwork
from bnnlib.networks.dropout import DropoutNetwork
from bnnlib.networks.laplace import LaplaceNetwork

# By Pinsker's inequality no event differs by more than 0.1 in probability then.
AT_PRIOR = 0.02  # nats of KL, at most, of a weight that is still at its prior
LEFT_OUT = -60.0  # log of the standard deviation of a weight that was left out: 0 in all but name
GONE = 1e-20  # a standard deviation below this is that of a weight that was left out


@dataclass(frozen=True)
class LayerPosterior:
    """q(W) of one layer: means and standard deviations `[D (+ 1), H]`, the bias in the last row.

    `scale` includes `factor`, the layer's learnt scale factor. The prior is N(0, prior_scale^2).
    """

    name: str
    mean: Tensor
    scale: Tensor
    prior_scale: float
    factor: float

    @property
    def signal_to_noise(self) -> Tensor:
        """|mu| / sigma of every weight, `[D (+ 1), H]`."""
        return self.mean.abs() / self.scale

    @property
    def alpha(self) -> Tensor:
        """sigma^2 / mu^2, the effective dropout variance (Kingma et al. 2015), `[D (+ 1), H]`."""
        return (self.scale / self.mean).square()

    @property
    def kl(self) -> Tensor:
        """KL(q || p) of every weight in nats, `[D (+ 1), H]`."""
        ratio = self.scale / self.prior_scale
        return (ratio.square() + (self.mean / self.prior_scale).square() - 1) / 2 - ratio.log()

    @property
    def kept(self) -> Tensor:
        """The weights that pruning has left in, bool `[D (+ 1), H]`."""
        return self.scale > GONE


def posterior_of(network: BayesianNetwork) -> list[LayerPosterior]:
    """The posterior of every layer, from the first to the output."""
    return [layer_posterior(network, k) for k in range(len(network.layers))]


@torch.no_grad()
def layer_posterior(network: BayesianNetwork, k: int) -> LayerPosterior:
    """The posterior of layer `k`, from 0."""
    layer = network.layers[k]
    return LayerPosterior(
        _name(k, len(network.layers)),
        layer.loc.detach(),
        layer.scale,
        float(layer.prior_scale),
        float(layer.factor),
    )


def weights_of(network: DropoutNetwork | LaplaceNetwork) -> list[tuple[str, Tensor]]:
    """Name and weights of every layer of a network with point weights, `[D + 1, H]`.

    Of a Laplace approximation these are the means.
    """
    last = len(network.layers)
    return [(_name(k, last), layer_weights(network, k)) for k in range(last)]


@torch.no_grad()
def layer_weights(network: DropoutNetwork | LaplaceNetwork, k: int) -> Tensor:
    """The weights of layer `k`, from 0, the bias in the last row, `[D + 1, H]`."""
    layer = network.layers[k]
    return torch.cat([layer.weight.T, layer.bias[None]])


def draw_unit(layer: LayerPosterior, unit: int, n: int, generator: torch.Generator) -> Tensor:
    """The incoming weights of a unit, drawn n times, without the bias: `[n, D]` for 784 inputs."""
    mean, scale = layer.mean[:, unit], layer.scale[:, unit]
    noise = torch.randn(n, len(mean), generator=generator, device=generator.device)
    return mean + scale * noise


def can_be_pruned(network: BayesianNetwork) -> bool:
    """Whether a weight can be left out: it cannot where a least standard deviation is set."""
    return network.config.minimum_scale == 0


@torch.no_grad()
def pruned(network: BayesianNetwork, share: float) -> BayesianNetwork:
    """A copy without the `share` of all weights, biases included, of least signal-to-noise.

    A weight left out is 0 in every draw. Raises BnnlibError for a share outside [0, 1) and for a
    network with a least standard deviation.
    """
    if not 0 <= share < 1:
        raise BnnlibError(f"The share to leave out is {share}: expected a number from 0 to 1.")
    if not can_be_pruned(network):
        raise BnnlibError(
            f"The network's standard deviations are at least {network.config.minimum_scale:g}, so "
            "none of its weights can be 0: give a network with minimum_scale 0."
        )
    copied = copy.deepcopy(network)
    signal = [layer.signal_to_noise for layer in posterior_of(network)]
    every = torch.cat([part.flatten() for part in signal])
    left_out = torch.zeros_like(every, dtype=torch.bool)
    # Chosen by place, not by a threshold: weights kept as float16 have many equal ratios.
    left_out[every.topk(round(share * len(every)), largest=False, sorted=False).indices] = True
    parts = left_out.split([part.numel() for part in signal])
    for layer, out, part in zip(copied.layers, parts, signal, strict=True):
        layer.loc.masked_fill_(out.view_as(part), 0.0)
        layer.raw_scale.masked_fill_(out.view_as(part), LEFT_OUT)
    return copied


def _name(k: int, layers: int) -> str:
    return "output layer" if k == layers - 1 else f"layer {k + 1}"
