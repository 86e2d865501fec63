"""The model that all four methods share: one hidden layer, and noise whose size depends on x.

    y = f(x) + sigma(x) e,  e ~ N(0, 1)
    f(x) = sum_k v_k tanh(w_k x + b_k) + c,  log sigma(x) = log sigma_0 + r + s x

Every parameter has a normal prior with mean 0. The parameters are kept as standard normal numbers
`t` `[..., P]` (non-centred), in the order w, b `[H]` each, r, s, v `[H]`, c. Leading dimensions are
several networks. Shapes: P parameters, H hidden units, N points, G places of the grid.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.toy.points import EDGE, Points

WIDE = 50  # hidden units of the networks without a posterior: of ten one more or less is much
GRID = torch.linspace(-EDGE, EDGE, 81, dtype=torch.float64)


@dataclass(frozen=True)
class Toy:
    """The size of the network and its priors. Without hidden units f is a straight line in x."""

    units: int = 10
    hidden_scale: float = 2.0  # prior standard deviation of w and b
    output_scale: float = 2.0  # of v and c, times the root of 1 / H
    noise: float = 0.2  # sigma_0
    noise_scale: float = 0.3  # prior standard deviation of r and s; 0 means that sigma is known

    @property
    def below(self) -> int:
        """How many parameters are not of the output layer."""
        return 2 * self.units + 2

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return self.below + max(self.units, 1) + 1

    @property
    def scale(self) -> float:
        """Prior standard deviation of the output layer's weights."""
        return self.output_scale / math.sqrt(max(self.units, 1))

    def features(self, t: Tensor, x: Tensor) -> Tensor:
        """What the output layer sees: `[..., P]` and `[N] -> [..., N, H + 1]`, the last one 1."""
        h = self.units
        w, b = t[..., None, :h], t[..., None, h : 2 * h]
        column = x[:, None]
        hidden = torch.tanh(self.hidden_scale * (w * column + b)) if h else column
        hidden = hidden.expand(*t.shape[:-1], *hidden.shape[-2:])
        return torch.cat([hidden, torch.ones_like(hidden[..., :1])], -1)

    def log_noise(self, t: Tensor, x: Tensor) -> Tensor:
        """log sigma(x), `[..., P]` and `[N] -> [..., N]`."""
        r, s = t[..., 2 * self.units, None], t[..., 2 * self.units + 1, None]
        return math.log(self.noise) + self.noise_scale * (r + s * x)

    def mean(self, t: Tensor, x: Tensor) -> Tensor:
        """f(x), `[..., P]` and `[N] -> [..., N]`."""
        return self.scale * (self.features(t, x) * t[..., None, self.below :]).sum(-1)

    def energy(self, t: Tensor, points: Points) -> Tensor:
        """-log p(y, t) without its constants, nats, `[..., P] -> [...]`."""
        x, y = points.x, points.y
        return t.square().sum(-1) / 2 + misfit(self.mean(t, x), self.log_noise(t, x), y)

    def prior(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws from the prior, float64 `[count, P]`."""
        return torch.randn(count, self.size, generator=generator, dtype=torch.float64)

    def start(self, count: int, generator: torch.Generator) -> Tensor:
        """Networks to start a training from, `[count, P]`: prior draws whose noise is sigma_0."""
        drawn = self.prior(count, generator)
        drawn[:, 2 * self.units : self.below] = 0
        return drawn


def misfit(mean: Tensor, log_noise: Tensor, y: Tensor) -> Tensor:
    """-log p(y | f, sigma) without its constant, nats, `[..., N] -> [...]`."""
    return (((y - mean) * (-log_noise).exp()).square() / 2 + log_noise).sum(-1)


@dataclass(frozen=True)
class Prediction:
    """What one method says at every place of the grid; each `[G]`, standard deviations but mean.

    epistemic: of f, which more points would shrink. aleatoric: of the noise, which they would not.
    """

    mean: Tensor
    epistemic: Tensor
    aleatoric: Tensor

    @property
    def total(self) -> Tensor:
        """Of a new y: by the law of total variance the root of both squares' sum."""
        return torch.hypot(self.epistemic, self.aleatoric)


def predict(means: Tensor, log_noises: Tensor) -> Prediction:
    """From sampled functions f and log sigma `[S, G]` each, S > 1."""
    return Prediction(means.mean(0), means.std(0), (2 * log_noises).exp().mean(0).sqrt())
