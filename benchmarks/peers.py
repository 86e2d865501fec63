"""The same network, 784-1024-1024-1024-10, by each library: a builder gives the training step and one stochastic answer.

All take the same batch and the same fused Adam; each its own prior N(0, 0.1^2), or what it has that is nearest.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.contrib.bnn import HiddenLayer
from pyro.distributions import constraints
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.optim import PyroOptim
from torch import Tensor, nn

from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.training.compiled_step import CompiledStep
from bnnlib.training.objectives import Loss, make_objective

SIZES = (784, 1024, 1024, 1024, 10)
N_TRAIN, PRIOR, SCALE, LR = 50_000, 0.1, 0.036, 1e-3
PLAIN, STOCK, TORCHBNN = "plain MLP", "stock Pyro HiddenLayer", "torchbnn"
OURS, OURS_BF16, OURS_COMPILED, OURS_BF16_COMPILED = (
    "bnnlib",
    "bnnlib, bf16",
    "bnnlib, compiled",
    "bnnlib, bf16, compiled",
)


@dataclass(frozen=True)
class Peer:
    """`step()` trains on one batch; `answer(images)` passes `[B, 28, 28]` through a network sampled once (`answer` of a plain MLP is
    its only one); `rows`: how many images it is asked at once.
    """

    step: Callable[[], object]
    answer: Callable[[Tensor], Tensor]
    rows: int = 10_000


def _adam(parameters: itertools.chain | list) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=LR, weight_decay=0.0, fused=True)


def _stepper(network: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimiser = _adam(list(network.parameters()))

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
    """Ours: Pyro's model and guide with locally reparameterised layers; the matrix products in `precision`."""
    network = BayesianNetwork(BayesianConfig(prior_scale=PRIOR, initial_scale=SCALE)).to(
        images.device
    )
    generator = torch.Generator(images.device).manual_seed(0)
    objective = make_objective(network, "elbo", N_TRAIN, len(images), generator, precision)
    optimiser = _adam(list(network.parameters()))

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
    elbo = lambda: network.sample_elbo(images, labels, criterion, 1, 1 / N_TRAIN)  # noqa: E731
    return Peer(_stepper(network, elbo), network)


class StockLayer(HiddenLayer):
    """Pyro's own layer with the shapes that it forgets to give its parent, without which no plate takes it."""

    def __init__(self, inputs: Tensor, *arguments: object, **options: object) -> None:
        super().__init__(inputs, *arguments, **options)
        self._batch_shape, self._event_shape = (
            inputs.shape[:-1],
            torch.Size([self.dim_H + self.include_hidden_bias]),
        )


def stock_pyro(images: Tensor, labels: Tensor) -> Peer:
    """Pyro's HiddenLayer by SVI and TraceMeanField_ELBO, in the setting and with the shapes of the article."""
    pyro.clear_param_store()
    device, k = images.device, len(SIZES) - 1
    shapes = [
        (i + (n > 0), o) for n, (i, o) in enumerate(itertools.pairwise(SIZES))
    ]  # a ones column joins hidden activations only

    def prior(n: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(shapes[n], device=device), torch.ones(shapes[n], device=device)

    def posterior(n: int) -> tuple[Tensor, Tensor]:
        loc = pyro.param(f"loc{n}", lambda: 0.01 * torch.randn(shapes[n], device=device))
        scale = pyro.param(
            f"scale{n}",
            lambda: torch.full(shapes[n], 0.1, device=device),
            constraint=constraints.greater_than(0.01),
        )
        if n == k - 1:
            return loc, scale
        factor = pyro.param(
            f"factor{n}",
            torch.tensor(0.5, device=device),
            constraint=constraints.interval(0.1, 1.0),
        )
        return loc, factor * scale

    def layers(images: Tensor, weights: Callable[[int], tuple[Tensor, Tensor]]) -> Tensor:
        h = images.flatten(1)
        for n in range(k):
            last = n == k - 1
            nonlinearity = (lambda z: z.log_softmax(-1)) if last else F.leaky_relu
            layer = StockLayer(
                h,
                *weights(n),
                nonlinearity,
                KL_factor=len(images) / N_TRAIN,
                include_hidden_bias=not last,
            )
            h = pyro.sample(f"h{n}", layer)
        return h

    def model(images: Tensor, labels: Tensor) -> None:
        with pyro.plate("data", len(images)):
            logits = layers(images, prior)
            pyro.sample(
                "label",
                dist.OneHotCategorical(logits=logits),
                obs=F.one_hot(labels, SIZES[-1]).float(),
            )

    def guide(images: Tensor, labels: Tensor | None = None) -> None:
        with pyro.plate("data", len(images)):
            layers(images, posterior)

    svi = SVI(
        model,
        guide,
        PyroOptim(torch.optim.AdamW, {"lr": LR, "weight_decay": 0.0, "fused": True}),
        TraceMeanField_ELBO(),
    )

    def answer(images: Tensor) -> Tensor:
        return pyro.poutine.trace(guide).get_trace(images).nodes[f"h{k - 1}"]["value"]

    def step() -> None:
        with pyro.validation_enabled(
            False
        ):  # the layer's log_prob is one number whatever the batch
            svi.step(images, labels)

    return Peer(step, answer, rows=128)


PEERS: dict[str, Callable[[Tensor, Tensor], Peer]] = {
    OURS: bnnlib,
    OURS_BF16: partial(bnnlib, precision=torch.bfloat16),
    OURS_COMPILED: partial(bnnlib, compiled=True),
    OURS_BF16_COMPILED: partial(bnnlib, precision=torch.bfloat16, compiled=True),
    PLAIN: plain_mlp,
    TORCHBNN: torchbnn,
    "bayesian-torch": bayesian_torch,
    "blitz": blitz,
    STOCK: stock_pyro,
}


def batch(device: str, size: int = 128) -> tuple[Tensor, Tensor]:
    """Images `[B, 28, 28]` and labels `[B]` from a seed: what they show does not change the time."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(size, 28, 28, generator=generator).to(device), torch.randint(
        10, (size,), generator=generator
    ).to(device)


def build(device: str, names: tuple[str, ...] = tuple(PEERS)) -> tuple[dict[str, Peer], list[str]]:
    """The peers that are installed, and what to say of those that are not."""
    peers, missing = {}, []
    for name in names:
        try:
            peers[name] = PEERS[name](*batch(device))
        except ImportError:
            missing.append(f"{name} is not installed: `pip install -r benchmarks/requirements.txt`")
    return peers, missing
