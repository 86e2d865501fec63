"""The dropout network, asked with all units or by Monte Carlo dropout (Gal & Ghahramani 2016)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnnlib.layers.products import linear


@dataclass(frozen=True)
class DropoutConfig:
    """Sizes and rates; the defaults are those of Srivastava et al. 2014, "Dropout"."""

    hidden: tuple[int, ...] = (1024, 1024, 1024)
    input_dropout: float = 0.2
    hidden_dropout: float = 0.5
    inputs: int = 784
    classes: int = 10
    kind: str = "dropout"


class Linear(nn.Linear):
    """torch's linear layer by faster products."""

    def forward(self, x: Tensor) -> Tensor:
        """`[..., D] -> [..., H]`."""
        return linear(x, self.weight, self.bias)


class DropoutNetwork(nn.Module):
    """An MLP with LeakyReLU and log-softmax, dropout on its input and on each hidden layer.

    Dropout never depends on `.train()` or `.eval()`: masks are drawn if, and only if, a generator
    is given. `card` says where a loaded network comes from.
    """

    layers: Sequence[nn.Linear]
    card: dict[str, Any]

    def __init__(
        self, config: DropoutConfig = DropoutConfig(), generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config, self.card = config, {}
        sizes = (config.inputs, *config.hidden, config.classes)
        self.layers = nn.ModuleList(  # type: ignore[assignment]  # a sequence in all but name
            Linear(i, o) for i, o in pairwise(sizes)
        )
        self.rates = (config.input_dropout, *[config.hidden_dropout] * len(config.hidden))
        for layer in self.layers:  # torch's own initialisation, from our generator
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Log-probabilities `[..., 28, 28] -> [..., C]`; with a generator, masks for each image."""
        h = images.flatten(-2)
        for k, (layer, rate) in enumerate(zip(self.layers, self.rates, strict=True)):
            if generator is not None:
                h = h * mask_of(h.shape, rate, generator)
            h = layer(h)
            if k < len(self.layers) - 1:
                h = F.leaky_relu(h)
        return h.float().log_softmax(-1)

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        """Make the network answer softmax(logits / T) from now on, for good."""
        for parameter in self.layers[-1].parameters():
            parameter.div_(temperature)

    def sample(
        self, images: Tensor, n_samples: int, generator: torch.Generator, first: int = 0
    ) -> Tensor:
        """Monte Carlo dropout: log-probabilities `[B, 28, 28] -> [S, B, C]`.

        Every image has masks of its own.
        """
        return self(images.expand(n_samples, *images.shape), generator)

    def draw(self, generator: torch.Generator, index: int = 0) -> Callable[[Tensor], Tensor]:
        """One thinned network, whose units are dropped for all images alike.

        It maps `[B, 28, 28]` to log-probabilities `[B, C]`.
        """
        weights = [
            layer.weight * mask_of(layer.weight.shape[1:], rate, generator)
            for layer, rate in zip(self.layers, self.rates, strict=True)
        ]

        def answer(images: Tensor) -> Tensor:
            h = images.flatten(-2)
            for k, (weight, layer) in enumerate(zip(weights, self.layers, strict=True)):
                h = linear(h, weight, layer.bias)
                if k < len(weights) - 1:
                    h = F.leaky_relu(h)
            return h.float().log_softmax(-1)

        return answer


def mask_of(shape: torch.Size, rate: float, generator: torch.Generator) -> Tensor:
    """d / (1 - rate) with d ~ Bernoulli(1 - rate): a unit is kept with probability 1 - rate."""
    keep = 1 - rate
    # bernoulli_ takes four times as long.
    return torch.rand(shape, generator=generator, device=generator.device).lt_(keep).div_(keep)
