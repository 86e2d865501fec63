"""A locally reparameterised Bayesian linear layer as a Pyro distribution, with a closed-form KL.

It takes the place of `pyro.contrib.bnn.HiddenLayer`: no B x D x H tensor, a proper batch shape (so it works inside a
plate), the non-linearity outside, and the right sign of the KL. Kingma, Salimans & Welling 2015, "Variational Dropout and the
Local Reparameterization Trick".
"""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.distributions import Normal, constraints, kl_divergence, register_kl

TINY = 1e-12  # keeps the root's gradient finite where a row's variance is 0 (a blank image without a bias)


class LinearNormal(TorchDistribution):
    """z = [x, 1] W with independent W_ij ~ N(loc_ij, scale_ij^2), W integrated out: z ~ N(x loc, x^2 scale^2).

    inputs: x `[..., B, D]`. loc, scale: `[D, H]`, or `[D + 1, H]` whose last row is the bias; or scalars, for an isotropic prior
    over weights of the given `shape`. kl_weight: what one image carries of the weights' KL, temperature / N: under
    `pyro.plate(size=N, subsample_size=B)` the KL is then counted once. precision: the dtype of the matrix products.
    A draw has batch shape `[..., B]` and event shape `[H]`.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        inputs: Tensor,
        loc: Tensor,
        scale: Tensor,
        shape: torch.Size | None = None,
        kl_weight: float = 1.0,
        generator: torch.Generator | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.inputs, self.loc, self.scale = inputs, loc, scale
        self.shape = loc.shape if shape is None else shape
        self.kl_weight, self.generator, self.precision = kl_weight, generator, precision
        rows, columns = self.shape
        if rows - inputs.shape[-1] not in (0, 1):
            raise ValueError(f"inputs have {inputs.shape[-1]} features, weights have {rows} rows: expected as many, or one more for a bias")
        self._moments: tuple[Tensor, Tensor] | None = None
        super().__init__(inputs.shape[:-1], torch.Size([columns]), validate_args=False)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> "LinearNormal":
        """The same layer for inputs of another batch shape; without this a plate would hide the registered KL."""
        if torch.Size(batch_shape) == self.batch_shape:
            return self
        inputs = self.inputs.expand(*batch_shape, self.inputs.shape[-1])
        return LinearNormal(inputs, self.loc, self.scale, self.shape, self.kl_weight, self.generator, self.precision)

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of the pre-activation, `[..., B, H]` each, computed once."""
        if self._moments is None:
            self._moments = self._isotropic_moments() if self.loc.dim() == 0 else self._linear_moments()
        return self._moments

    def _linear_moments(self) -> tuple[Tensor, Tensor]:
        mean, variance = LinearMoments.apply(self.inputs.flatten(0, -2), self.loc, self.scale, self.precision)
        full = (*self.batch_shape, *self.event_shape)
        return mean.view(full), variance.view(full)

    def _isotropic_moments(self) -> tuple[Tensor, Tensor]:
        x, ones = self.inputs, self.shape[0] - self.inputs.shape[-1]
        mean = self.loc * (x.sum(-1, keepdim=True) + ones)
        variance = self.scale.square() * (x.square().sum(-1, keepdim=True) + ones)
        full = (*self.batch_shape, *self.event_shape)
        return mean.expand(full), variance.expand(full)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:
        """Reparameterised draws of the pre-activation, `sample_shape + [..., B, H]`."""
        mean, variance = self.moments
        noise = torch.randn((*sample_shape, *mean.shape), generator=self.generator, dtype=mean.dtype, device=mean.device)
        return mean + variance.clamp_min(TINY).sqrt() * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of the pre-activation given the inputs, nats, `[..., B]`; the ELBO uses the registered KL instead."""
        mean, variance = self.moments
        return Normal(mean, variance.clamp_min(TINY).sqrt(), validate_args=False).log_prob(value).sum(-1)


@register_kl(LinearNormal, LinearNormal)
def _kl_linear_normal(q: LinearNormal, p: LinearNormal) -> Tensor:
    """KL of the weights, q from p, in nats, times each image's share of it, `[..., B]`."""
    if p.loc.dim() == 0:
        kl = IsotropicKL.apply(q.loc - p.loc if p.loc.requires_grad else q.loc, q.scale, p.scale)
    else:
        kl = kl_divergence(Normal(q.loc, q.scale, validate_args=False), Normal(p.loc, p.scale, validate_args=False)).sum()
    return (q.kl_weight * kl).expand(q.batch_shape)


class LinearMoments(Function):
    """(x, loc, scale) -> (x loc, x^2 scale^2): two products forward, four backward, in the given precision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, loc: Tensor, scale: Tensor, precision: torch.dtype) -> tuple[Tensor, Tensor]:
        d = x.shape[1]
        low_x, low_x2 = x.to(precision), x.square().to(precision)
        low_loc, low_variance = loc.to(precision), scale.square().to(precision)
        ctx.save_for_backward(x, scale, low_x, low_x2, low_loc, low_variance)
        mean, variance = low_x @ low_loc[:d], low_x2 @ low_variance[:d]
        if len(loc) > d:
            mean, variance = mean + low_loc[d], variance + low_variance[d]
        return mean.to(x.dtype), variance.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_mean: Tensor, grad_variance: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, low_x, low_x2, low_loc, low_variance = ctx.saved_tensors
        d = x.shape[1]
        low_gm, low_gv = grad_mean.to(low_x.dtype), grad_variance.to(low_x.dtype)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (low_gv @ low_variance[:d].t()).to(x.dtype).mul_(x).mul_(2).add_(low_gm @ low_loc[:d].t())
        grad_loc, grad_scale = torch.empty_like(scale), torch.empty_like(scale)
        grad_loc[:d], grad_scale[:d] = low_x.t() @ low_gm, low_x2.t() @ low_gv
        if len(scale) > d:
            grad_loc[d], grad_scale[d] = grad_mean.sum(0), grad_variance.sum(0)
        return grad_x, grad_loc, grad_scale.mul_(scale).mul_(2), None


class IsotropicKL(Function):
    """KL(N(loc, scale^2) || N(0, prior^2)) summed over the weights, in nats; the prior has no gradient."""

    @staticmethod
    def forward(ctx: Any, loc: Tensor, scale: Tensor, prior: Tensor) -> Tensor:
        ctx.save_for_backward(loc, scale, prior)
        squares = torch.linalg.vector_norm(loc).square() + torch.linalg.vector_norm(scale).square()
        return loc.numel() * (prior.log() - 0.5) + squares / (2 * prior.square()) - scale.log().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        loc, scale, prior = ctx.saved_tensors
        precision = prior.square().reciprocal()
        return loc * (grad * precision), (scale * precision - scale.reciprocal()).mul_(grad), None
