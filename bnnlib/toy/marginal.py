"""The toy's posterior without its output layer, which is linear and so integrated out exactly.

With A = scale Phi / sigma `[N, H + 1]` and z = y / sigma `[N]`, the whitened output weights v have
the prior N(0, I) and z | v ~ N(A v, I). So, given all parameters below the output layer,

    v | y ~ N(M^-1 A'z, M^-1),  M = I + A'A,

and -log p(y, t) = |t|^2 / 2 + sum log sigma + (|z - A m|^2 + |m|^2 + log det M) / 2 with the mean
m = M^-1 A'z. (Bishop 2006, section 3.3 and 3.5.) Shapes: P parameters, H hidden units, N points.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from bnnlib.toy.model import Toy
from bnnlib.toy.points import Points


def marginal_energy(toy: Toy, t: Tensor, points: Points) -> Tensor:
    """-log p(y, t) without its constants, nats, `[P - H - 1] -> []`, with one gradient."""
    return _Energy.apply(t, toy, points)


def draw_output(toy: Toy, t: Tensor, points: Points, generator: torch.Generator) -> Tensor:
    """All parameters `[P]`, those of the output layer drawn given those below it."""
    mean, factor = output_posterior(toy, t, points)
    noise = torch.randn(len(mean), 1, generator=generator, dtype=mean.dtype)
    spread = torch.linalg.solve_triangular(factor.T, noise, upper=True)[:, 0]
    return torch.cat([t[: toy.below], mean + spread])


def output_posterior(toy: Toy, t: Tensor, points: Points) -> tuple[Tensor, Tensor]:
    """m `[H + 1]`, and L `[H + 1, H + 1]` lower triangular with L L' = M."""
    *_, mean, factor = _solve(toy, t, points)
    return mean, factor


def _solve(toy: Toy, t: Tensor, points: Points) -> tuple[Tensor, ...]:
    """Phi, log sigma, A, z, m and L."""
    features, log_noise = toy.features(t, points.x), toy.log_noise(t, points.x)
    precision = (-log_noise).exp()
    a, z = toy.scale * precision[:, None] * features, precision * points.y
    factor = torch.linalg.cholesky(torch.eye(a.shape[1], dtype=a.dtype).addmm_(a.T, a))
    mean = torch.cholesky_solve((a.T @ z)[:, None], factor)[:, 0]
    return features, log_noise, a, z, mean, factor


class _Energy(Function):
    """With its gradient by hand: NUTS asks thousands of times, and autograd takes thrice as long.

    Of m only the explicit terms are differentiated, for m minimises |z - A m|^2 + |m|^2.
    """

    @staticmethod
    def forward(ctx: Any, t: Tensor, toy: Toy, points: Points) -> Tensor:
        features, log_noise, a, z, mean, factor = _solve(toy, t, points)
        rest = z - a @ mean
        by_a = torch.cholesky_solve(a.T, factor).T - torch.outer(rest, mean)
        by_noise = 1 - (by_a * a).sum(1) - rest * z
        gradient = t.clone()
        if h := toy.units:
            hidden = features[:, :h]
            by_hidden = (1 - hidden.square()) * by_a[:, :h] * (-log_noise).exp()[:, None]
            by_hidden *= toy.scale * toy.hidden_scale
            gradient[:h] += points.x @ by_hidden
            gradient[h : 2 * h] += by_hidden.sum(0)
        gradient[2 * h] += toy.noise_scale * by_noise.sum()
        gradient[2 * h + 1] += toy.noise_scale * (points.x @ by_noise)
        ctx.save_for_backward(gradient)
        squares = t @ t + rest @ rest + mean @ mean
        return squares / 2 + log_noise.sum() + factor.diagonal().log().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_energy: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return by_energy * gradient, None, None
