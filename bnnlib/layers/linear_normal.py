"""A locally reparameterised Bayesian linear layer as a Pyro distribution, with a closed-form KL.

It takes the place of `pyro.contrib.bnn.HiddenLayer`: no B x D x H tensor, a proper batch shape (so
it works inside a plate), the non-linearity outside, and the right sign of the KL. Kingma, Salimans
& Welling 2015, "Variational Dropout and the Local Reparameterization Trick".
"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.distributions import Normal, constraints, kl_divergence, register_kl

from bnnlib.errors import BnnlibError
from bnnlib.layers.products import product

# Added to a variance: keeps the root's gradient finite where it is 0 (a blank image, no bias).
TINY = 1e-12


class LinearNormal(TorchDistribution):
    """z = [x, 1] W with independent W_ij ~ N(loc_ij, scale_ij^2): z ~ N(x loc, x^2 scale^2).

    inputs: x `[..., B, D]`. loc, scale: `[D, H]`, or `[D + 1, H]` whose last row is the bias; or
    scalars, for an isotropic prior over weights of the given `shape`. In place of scale its
    logarithm may be given, with a scalar factor: scale = factor * exp(log_scale).
    kl_weight: what one input carries of the weights' KL, 1 / N for N data points, or
    temperature / N. It has no default: 1 would count the KL N times. Under
    `pyro.plate(size=N, subsample_size=B)` the KL is then counted once.
    generator: of the noise; None is torch's own. precision: the dtype of the matrix products;
    None is that of the inputs. A draw has batch shape `[..., B]` and event shape `[H]`.

    `kl_divergence` of two such layers is the KL of the weights. `TraceMeanField_ELBO` and
    `bnnlib.layers.elbo` take it. `log_prob` is the density of the pre-activations. An ELBO made of
    it (`Trace_ELBO` and others) has another objective, so its gradient raises BnnlibError. A loss
    computed without gradients cannot be refused: nothing tells there what the density is for.

    Raises BnnlibError for weights that do not fit the inputs, or with no scale.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        inputs: Tensor,
        loc: Tensor | float,
        scale: Tensor | None = None,
        shape: torch.Size | None = None,
        *,
        kl_weight: float,
        generator: torch.Generator | None = None,
        precision: torch.dtype | None = None,
        log_scale: Tensor | None = None,
        factor: Tensor | float = 1.0,
    ) -> None:
        if log_scale is None:
            if scale is None:
                raise BnnlibError("A layer has neither scale nor log_scale: give one of them.")
            log_scale = scale.log()
        self.inputs, self.loc, self.log_scale, self.factor = inputs, loc, log_scale, factor
        self.weight_shape = shape or log_scale.shape
        self.kl_weight, self.generator = kl_weight, generator
        self.precision = precision or inputs.dtype
        rows, columns = self.weight_shape
        if inputs.dim() < 2:
            raise BnnlibError(
                f"The inputs of a layer have shape {list(inputs.shape)}: expected [..., B, D]."
            )
        if rows - inputs.shape[-1] not in (0, 1):
            raise BnnlibError(
                f"The inputs have {inputs.shape[-1]} features, weights have {rows} rows: "
                "expected as many, or one more for a bias."
            )
        self._statistics: tuple[Tensor, ...] | None = None
        super().__init__(inputs.shape[:-1], torch.Size([columns]), validate_args=False)

    def expand(self, batch_shape: torch.Size, _instance: object = None) -> "LinearNormal":
        """The same layer for inputs of another batch shape.

        Without this a plate would hide the registered KL.
        """
        if torch.Size(batch_shape) == self.batch_shape:
            return self
        inputs = self.inputs.expand(*batch_shape, self.inputs.shape[-1])
        return type(self)(
            inputs,
            self.loc,
            shape=self.weight_shape,
            kl_weight=self.kl_weight,
            generator=self.generator,
            precision=self.precision,
            log_scale=self.log_scale,
            factor=self.factor,
        )

    @property
    def scale(self) -> Tensor:
        """Standard deviations of the weights, `[D (+ 1), H]`, or a scalar."""
        return self.factor * self.log_scale.exp()

    @property
    def statistics(self) -> tuple[Tensor, ...]:
        """All that training needs to know of the weights, computed once: see `LinearStatistics`."""
        if self._statistics is None:
            self._statistics = LinearStatistics.apply(
                self.inputs.flatten(0, -2), self.loc, self.log_scale, self.precision
            )
        return self._statistics

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of the pre-activation, `[..., B, H]` each."""
        full = (*self.batch_shape, *self.event_shape)
        if isinstance(self.loc, Tensor) and self.loc.dim():
            mean, variance, *_ = self.statistics
            return mean.view(full), (self.factor**2 * variance).view(full)
        x, ones = self.inputs, self.weight_shape[0] - self.inputs.shape[-1]
        mean = self.loc * (x.sum(-1, keepdim=True) + ones)
        variance = self.scale.square() * (x.square().sum(-1, keepdim=True) + ones)
        return mean.expand(full), variance.expand(full)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:
        """Reparameterised draws of the pre-activation, `sample_shape + [..., B, H]`."""
        mean, variance = self.moments
        noise = torch.randn(
            (*sample_shape, *mean.shape),
            generator=self.generator,
            dtype=mean.dtype,
            device=mean.device,
        )
        return torch.addcmul(mean, (variance + TINY).sqrt(), noise)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of the pre-activation given the inputs, nats, `[..., B]`; has no gradient."""
        mean, variance = self.moments
        density = Normal(mean, (variance + TINY).sqrt(), validate_args=False).log_prob(value)
        return NoGradient.apply(density.sum(-1))

    def weights_kl(self, prior: "LinearNormal") -> Tensor:
        """KL of all weights from those of `prior`, a scalar in nats, whatever `kl_weight` is."""
        if isinstance(prior.loc, Tensor) or prior.loc:
            return kl_divergence(
                Normal(self.loc, self.scale, validate_args=False),
                Normal(prior.loc, prior.scale, validate_args=False),
            ).sum()
        # Every weight's prior is N(0, p^2): sums over the weights, there already, are enough.
        _, _, sum_loc2, sum_scale2, sum_log_scale = self.statistics
        factor, n = torch.as_tensor(self.factor), self.weight_shape.numel()
        return (
            (sum_loc2 + factor**2 * sum_scale2) / (2 * prior.scale**2)
            - sum_log_scale
            - n * (factor.log() - prior.scale.log() + 0.5)
        )


@register_kl(LinearNormal, LinearNormal)
def _kl_linear_normal(q: LinearNormal, p: LinearNormal) -> Tensor:
    """KL of the weights, q from p, in nats, times each input's share of it, `[..., B]`."""
    return (q.kl_weight * q.weights_kl(p)).expand(q.batch_shape)


class NoGradient(Function):
    """The density as it is, whose gradient is refused.

    Every ELBO computes densities of all sites, but only one that uses them differentiates them:
    `TraceMeanField_ELBO` drops them where a KL is registered.
    """

    @staticmethod
    def forward(ctx: Any, density: Tensor) -> Tensor:
        return density.view_as(density)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise BnnlibError(
            "The loss differentiates the density of a Bayesian layer's activations, which is not "
            "the KL of its weights: use TraceMeanField_ELBO or bnnlib.layers.negative_elbo, with "
            "the layer in both model and guide."
        )


class LinearStatistics(Function):
    """(x, loc, log s) -> ([x, 1] loc, [x, 1]^2 s^2, sum of loc^2, sum of s^2, sum of log s).

    The moments of z and what the KL is made of. The 1 is there if the weights have a row for it.
    Two products forward, four backward, in the given precision; all else in the inputs' dtype.
    One node for moments and KL, so that each weight's gradient is written once.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, loc: Tensor, log_scale: Tensor, precision: torch.dtype
    ) -> tuple[Tensor, ...]:
        d, variance = x.shape[1], (2 * log_scale).exp_()
        low = [part.to(precision) for part in (x, x.square(), loc, variance)]
        ctx.save_for_backward(x, loc, variance, *low)
        low_x, low_x2, low_loc, low_variance = low
        mean = product(low_x, low_loc[:d]).to(x.dtype).add_(loc[d:].sum(0))
        variance_of_z = product(low_x2, low_variance[:d]).to(x.dtype).add_(variance[d:].sum(0))
        flat = loc.flatten()
        return mean, variance_of_z, flat @ flat, variance.sum(), log_scale.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        of_mean, of_variance, of_loc2, of_scale2, of_log_scale = gradients
        x, loc, variance, low_x, low_x2, low_loc, low_variance = ctx.saved_tensors
        low_m, low_v, d = of_mean.to(low_x.dtype), of_variance.to(low_x.dtype), x.shape[1]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (
                product(low_v, low_variance[:d].t())
                .to(x.dtype)
                .mul_(2 * x)
                .add_(product(low_m, low_loc[:d].t()))
            )
        low_x, low_x2 = (F.pad(part, (0, len(loc) - d), value=1.0) for part in (low_x, low_x2))
        of_loc = product(low_x.t(), low_m).to(x.dtype).addcmul_(loc, 2 * of_loc2)
        of_square = product(low_x2.t(), low_v).to(x.dtype).add_(of_scale2)
        return of_x, of_loc, torch.addcmul(of_log_scale, of_square, variance, value=2), None
