"""One-dimensional regression with error bars: `python examples/regression.py`.

A network with one hidden layer learns 60 noisy points of a sine between -1 and 1. Sampled networks
agree where there is data and part where there is none, so the error bars widen outside.
"""

import pyro
import torch
from pyro.distributions import Normal
from pyro.infer import SVI, TraceMeanField_ELBO

from bnnlib.layers import BayesianLinear

NOISE, N = 0.1, 60
generator = torch.Generator().manual_seed(0)
x = torch.linspace(-1, 1, N)[:, None]
y = torch.sin(3 * x[:, 0]) + NOISE * torch.randn(N, generator=generator)
first = BayesianLinear(1, 20, prior_scale=2.0, generator=generator)
last = BayesianLinear(20, 1, prior_scale=0.5, generator=generator)


def model():
    with pyro.plate("data", N):
        h = first.sample_prior("h", x, n_data=N, generator=generator).relu()
        mean = last.sample_prior("mean", h, n_data=N, generator=generator)[:, 0]
        pyro.sample("y", Normal(mean, NOISE), obs=y)


def guide():
    with pyro.plate("data", N):
        h = first.sample_posterior("h", x, n_data=N, generator=generator).relu()
        last.sample_posterior("mean", h, n_data=N, generator=generator)


svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.03}), TraceMeanField_ELBO())
for _ in range(600):
    svi.step()


def draw():
    """One network from the posterior."""
    a, b = first.draw(generator), last.draw(generator)
    return lambda x: b(a(x).relu())[:, 0]


grid = torch.linspace(-3, 3, 25)[:, None]
answers = torch.stack([draw()(grid) for _ in range(200)]).detach()
mean, sd = answers.mean(0), answers.std(0)
for position, m, s in zip(grid[:, 0].tolist(), mean.tolist(), sd.tolist(), strict=True):
    print(f"x = {position:5.2f}: {m:5.2f} +- {s:.2f}")
