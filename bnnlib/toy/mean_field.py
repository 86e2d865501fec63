"""Mean-field variational inference: every weight has a normal posterior of its own.

Blundell et al. 2015 (Bayes by Backprop), with the local reparameterisation of Kingma, Salimans &
Welling 2015. The layers are `bnnlib.layers.BayesianLinear`. The ELBO is written out here, because
Pyro, which `bnnlib.layers.elbo` needs, must not be loaded in a server.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from bnnlib.layers import BayesianLinear
from bnnlib.toy.descent import descend
from bnnlib.toy.model import GRID, Prediction, Toy, misfit, predict
from bnnlib.toy.points import Points

NOISES, STEPS, LEARNING_RATE, SAMPLES = 8, 500, 0.04, 300
FIRST = 200, 0.05  # steps and learning rate of the search for the start
START = 0.1  # a posterior's standard deviation at the start, as a share of the prior's


class MeanField(nn.Module):
    """The toy's layers with their posteriors. The prior is that of `toy`."""

    def __init__(self, toy: Toy, generator: torch.Generator) -> None:
        super().__init__()
        self.toy = toy

        def layer(inputs: int, outputs: int, scale: float) -> BayesianLinear:
            return BayesianLinear(
                inputs,
                outputs,
                prior_scale=scale,
                initial_scale=START * scale,
                initial_mean=scale,
                generator=generator,
            ).double()

        self.hidden = layer(1, toy.units, toy.hidden_scale) if toy.units else None
        self.output = layer(max(toy.units, 1), 1, toy.scale)
        self.noise = layer(1, 1, toy.noise_scale) if toy.noise_scale else None

    @property
    def layers(self) -> list[BayesianLinear]:
        return [layer for layer in (self.hidden, self.output, self.noise) if layer is not None]

    @torch.no_grad()
    def begin_at(self, t: Tensor) -> None:
        """Let the posteriors' means be the network `t` `[P]`."""
        h, below, toy = self.toy.units, self.toy.below, self.toy
        if self.hidden is not None:
            self.hidden.loc[:] = toy.hidden_scale * t[: 2 * h].view(2, h)
        if self.noise is not None:
            self.noise.loc[:, 0] = toy.noise_scale * t[2 * h : below].flip(0)
        self.output.loc[:, 0] = toy.scale * t[below:]

    def kl(self) -> Tensor:
        """KL(q || p) of all weights, a scalar in nats."""
        return torch.stack(
            [
                kl_divergence(Normal(layer.loc, layer.scale), Normal(0.0, layer.prior_scale)).sum()
                for layer in self.layers
            ]
        ).sum()

    def sample(self, x: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """f and log sigma, `[N] -> [count, N]` each, with gradients; every point has its weights.

        Each layer's values are drawn from their normal distribution given the layer before.
        """

        def draw(layer: BayesianLinear, inputs: Tensor) -> Tensor:
            mean, variance = layer.moments(inputs)
            noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
            return mean + (variance + 1e-12).sqrt() * noise

        column = x.expand(count, -1)[..., None]
        hidden = column if self.hidden is None else draw(self.hidden, column).tanh()
        log_noise = torch.full_like(column, math.log(self.toy.noise))
        if self.noise is not None:
            log_noise = log_noise + draw(self.noise, column)
        return draw(self.output, hidden)[..., 0], log_noise[..., 0]

    @torch.no_grad()
    def draw(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """f and log sigma of one network, its weights drawn from q, `[N]` each."""
        column = x[:, None]
        hidden = column if self.hidden is None else self.hidden.draw(generator)(column).tanh()
        log_noise = torch.full_like(x, math.log(self.toy.noise))
        if self.noise is not None:
            log_noise += self.noise.draw(generator)(column)[:, 0]
        return self.output.draw(generator)(hidden)[:, 0], log_noise

    def negative_elbo(self, points: Points, count: int, generator: torch.Generator) -> Tensor:
        """KL(q || p) - E_q[log p(y | weights)] without the constant, nats, from `count` draws."""
        mean, log_noise = self.sample(points.x, count, generator)
        return self.kl() + misfit(mean, log_noise, points.y).mean()


def fit(points: Points, toy: Toy, generator: torch.Generator) -> Prediction:
    """Maximise the ELBO. Without points the best posterior is the prior, exactly."""
    if not len(points):
        prior = toy.prior(SAMPLES, generator)
        return predict(toy.mean(prior, GRID), toy.log_noise(prior, GRID))
    network = posterior(points, toy, generator)
    drawn = [network.draw(GRID, generator) for _ in range(SAMPLES)]
    return predict(*map(torch.stack, zip(*drawn, strict=True)))


def posterior(points: Points, toy: Toy, generator: torch.Generator) -> MeanField:
    """The layers with the posterior that the points give.

    The means start at the most probable network, from where a better bound is found than from a
    prior draw: 20 instead of 42 nats for the points of the preset `gap`.
    """
    network = MeanField(toy, generator)
    start = toy.start(1, generator)[0].requires_grad_()
    descend(lambda: toy.energy(start, points), [start], *FIRST)
    network.begin_at(start.detach())
    descend(
        lambda: network.negative_elbo(points, NOISES, generator),
        network.parameters(),
        STEPS,
        LEARNING_RATE,
    )
    return network
