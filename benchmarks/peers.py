"""The same network, 784-1024-1024-1024-10, by each library.

A builder gives the training step and one stochastic answer. All take the same batch, the same fused
Adam and the prior N(0, 0.1^2), or the nearest that the library has.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import has_bf16
from benchmarks.peer import N_TRAIN, PRIOR, SCALE, SIZES, Peer, adam
from benchmarks.stock_pyro import stock_pyro
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.training.compiled_step import CompiledStep
from bnnlib.training.objectives import Loss, make_objective

PLAIN, STOCK, TORCHBNN = "plain MLP", "stock Pyro HiddenLayer", "torchbnn"
FASTBNNS, MOMENTS = "fastbnns", "fastbnns, moments"
OURS, OURS_BF16 = "bnnlib", "bnnlib, bf16"
OURS_COMPILED, OURS_BF16_COMPILED = "bnnlib, compiled", "bnnlib, bf16, compiled"
NO_BF16 = "bf16 is left out: this processor has no such products."
ALL_OURS = (OURS, OURS_BF16, OURS_COMPILED, OURS_BF16_COMPILED)


def _stepper(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimiser = adam(list(network.parameters()))

    def step() -> None:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()

    return step


def _sequence(layer: Callable[[int, int], nn.Module]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(SIZES):
        parts += [layer(inputs, outputs), nn.LeakyReLU()]
    return nn.Sequential(*parts[:-1])


def bnnlib(
    images: Tensor, labels: Tensor, precision: torch.dtype = torch.float32, compiled: bool = False
) -> Peer:
    """Ours: Pyro's model and guide, locally reparameterised layers; products in `precision`."""
    network = BayesianNetwork(BayesianConfig(prior_scale=PRIOR, initial_scale=SCALE)).to(
        images.device
    )
    generator = torch.Generator(images.device).manual_seed(0)
    objective = make_objective(network, "elbo", N_TRAIN, len(images), generator, precision)
    optimiser = adam(list(network.parameters()))

    def differentiate(images: Tensor, labels: Tensor) -> Loss:
        network.zero_grad()
        loss = objective(images, labels, 1.0)
        loss.value.backward()
        return loss

    differentiated = (
        CompiledStep(differentiate, network.parameters()) if compiled else differentiate
    )

    def step() -> None:
        differentiated(images, labels)
        optimiser.step()

    return Peer(step, lambda x: network.sample(x, 1, generator)[0])


def plain_mlp(images: Tensor, labels: Tensor) -> Peer:
    """No Bayes: one number a weight and a third to a half of the products."""
    network = _sequence(nn.Linear).to(images.device)
    return Peer(
        _stepper(network, lambda: F.cross_entropy(network(images.flatten(1)), labels)),
        lambda x: network(x.flatten(1)),
    )


def torchbnn(images: Tensor, labels: Tensor) -> Peer:
    """torchbnn: one draw of the weights a batch."""
    import torchbnn as library

    network = _sequence(lambda i, o: library.BayesLinear(0, PRIOR, i, o)).to(images.device)
    kl = library.BKLLoss(reduction="sum")
    x = images.flatten(1)
    return Peer(
        _stepper(network, lambda: F.cross_entropy(network(x), labels) + kl(network) / N_TRAIN),
        lambda x: network(x.flatten(1)),
    )


def bayesian_torch(images: Tensor, labels: Tensor) -> Peer:
    """bayesian-torch, its LinearReparameterization."""
    from bayesian_torch.layers import LinearReparameterization

    layers = nn.ModuleList(
        LinearReparameterization(i, o, 0, PRIOR, 0, -3.0) for i, o in itertools.pairwise(SIZES)
    ).to(images.device)

    def forward(images: Tensor) -> tuple[Tensor, Tensor]:
        h, total = images.flatten(1), images.new_zeros(())
        for k, layer in enumerate(layers):
            h, kl = layer(F.leaky_relu(h) if k else h)
            total = total + kl
        return h, total

    def loss() -> Tensor:
        logits, kl = forward(images)
        return F.cross_entropy(logits, labels) + kl / N_TRAIN

    return Peer(_stepper(layers, loss), lambda x: forward(x)[0])


def blitz(images: Tensor, labels: Tensor) -> Peer:
    """blitz, its BayesianLinear with one prior in place of a mixture of two."""
    from blitz.modules import BayesianLinear
    from blitz.utils import variational_estimator

    @variational_estimator
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = _sequence(lambda i, o: BayesianLinear(i, o, prior_sigma_1=PRIOR))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x.flatten(1))

    network: Any = Network().to(images.device)
    criterion = nn.CrossEntropyLoss()

    def loss() -> Tensor:
        return network.sample_elbo(images, labels, criterion, 1, 1 / N_TRAIN)

    return Peer(_stepper(network, loss), network)


def fastbnns(images: Tensor, labels: Tensor, moments: bool = False) -> Peer:
    """fastbnns: one draw of the weights a batch.

    moments: no weights are drawn. Means and variances pass through the network by the library's
    rules (the unscented transform at the activations), and the logits are drawn from the last ones.
    """
    from fastbnns.bnn.base import BNN
    from fastbnns.bnn.losses import KLDivergence
    from fastbnns.bnn.priors import Distribution
    from fastbnns.bnn.types import MuVar

    prior = Distribution(torch.distributions.Normal(0.0, PRIOR))
    network = BNN(_sequence(nn.Linear), convert_in_place=True).to(images.device)
    for parameter in network.parameters():
        # fastbnns 0.4.3 starts the deviations of a layer as one number, expanded: no optimiser can
        # change them apart, and the fused Adam writes past the end of it
        parameter.data = parameter.data.contiguous()
    divergence = KLDivergence(prior)

    def forward(images: Tensor) -> Tensor:
        x = images.flatten(1)
        if not moments:
            return network(x)
        found = network(MuVar(x))
        return found.mu + found.var.sqrt() * torch.randn_like(found.mu)

    def loss() -> Tensor:
        return F.cross_entropy(forward(images), labels) + divergence(network) / N_TRAIN

    return Peer(_stepper(network, loss), forward)


PEERS: dict[str, Callable[[Tensor, Tensor], Peer]] = {
    OURS: bnnlib,
    OURS_BF16: partial(bnnlib, precision=torch.bfloat16),
    OURS_COMPILED: partial(bnnlib, compiled=True),
    OURS_BF16_COMPILED: partial(bnnlib, precision=torch.bfloat16, compiled=True),
    PLAIN: plain_mlp,
    TORCHBNN: torchbnn,
    "bayesian-torch": bayesian_torch,
    "blitz": blitz,
    FASTBNNS: fastbnns,
    MOMENTS: partial(fastbnns, moments=True),
    STOCK: stock_pyro,
}


def batch(device: str, size: int = 128) -> tuple[Tensor, Tensor]:
    """Random images `[B, 28, 28]` and labels `[B]`: what they show does not change the time."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(size, 28, 28, generator=generator)
    labels = torch.randint(10, (size,), generator=generator)
    return images.to(device), labels.to(device)


def build(device: str, names: tuple[str, ...] = tuple(PEERS)) -> tuple[dict[str, Peer], list[str]]:
    """The peers that are installed and that the machine can run, and what to say of the others."""
    peers, missing = {}, []
    if not has_bf16(device) and set(names) & {OURS_BF16, OURS_BF16_COMPILED}:
        names = tuple(name for name in names if name not in (OURS_BF16, OURS_BF16_COMPILED))
        missing.append(NO_BF16)
    for name in names:
        try:
            peers[name] = PEERS[name](*batch(device))
        except ImportError:
            missing.append(f"{name} is not installed: `pip install -e .[bench]`.")
    return peers, missing
