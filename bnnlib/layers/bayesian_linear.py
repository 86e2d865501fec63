"""A Bayesian linear layer that owns its prior and its posterior, for anybody's Pyro model.

In the model the layer samples under its prior, in the guide under its posterior:

    layer = BayesianLinear(4, 1)

    def model(x, y):
        with pyro.plate("data", len(x)):
            mean = layer.sample_prior("mean", x, n_data=len(x))[:, 0]
            pyro.sample("y", Normal(mean, 0.5), obs=y)

    def guide(x, y):
        with pyro.plate("data", len(x)):
            layer.sample_posterior("mean", x, n_data=len(x))

    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.01}), TraceMeanField_ELBO())

The layer itself needs no Pyro: a server that only answers never loads it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bnnlib.errors import BnnlibError
from bnnlib.layers.products import product

FACTOR_RANGE = (0.1, 1.0)  # of the learnt scale factors, as in Kingma et al. 2015


class BayesianLinear(nn.Module):
    """z = [x, 1] W; prior W_ij ~ N(0, prior_scale^2), posterior W_ij ~ N(loc_ij, scale_ij^2).

    `loc` and `scale` are `[D, H]`, or `[D + 1, H]` with the bias in the last row.
    scale = factor * (minimum_scale + exp(raw_scale)). `factor`: None for 1, or the start of one
    learnt number in [0.1, 1] for the whole layer. It is a redundant scale, not variational
    dropout, whose alpha scales with the mean (sigma^2 = alpha m^2).

    `prior_scale`: None starts at the spread of the means, for whoever learns it (empirical Bayes).
    `initial_mean`: standard deviation of the means at the start; None is that of He et al. 2015,
    with biases at 0. `generator` draws the means; None is torch's own, as for `nn.Linear`.

    Which ELBO: `pyro.infer.TraceMeanField_ELBO` and `bnnlib.layers.negative_elbo` take the KL of
    the weights. An ELBO that takes the density of the activations instead (`Trace_ELBO`,
    `TraceGraph_ELBO`, `RenyiELBO`) has another objective: its first backward pass raises
    BnnlibError. Its value without gradients (`SVI.evaluate_loss`) cannot be told apart: that
    number is not the ELBO of the weights. Pyro's `Jit...` losses look parameters up in its store
    and raise KeyError. A layer used twice in one guide counts its KL twice.

    Raises BnnlibError for scales that are not positive.
    """

    prior_scale: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        prior_scale: float | None = 1.0,
        initial_scale: float = 0.05,
        initial_mean: float | None = None,
        minimum_scale: float = 0.0,
        factor: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if prior_scale is not None and not prior_scale > 0:
            raise BnnlibError(f"prior_scale is {prior_scale}: expected a positive number.")
        if not initial_scale > minimum_scale >= 0:
            raise BnnlibError(
                f"initial_scale is {initial_scale} and minimum_scale {minimum_scale}: "
                "expected 0 <= minimum_scale < initial_scale."
            )
        spread = (2 / inputs) ** 0.5 if initial_mean is None else initial_mean
        self.minimum_scale = minimum_scale
        start = initial_scale - minimum_scale
        self.loc = nn.Parameter(torch.empty(inputs + bias, outputs))
        # Computing on the meta device imports torch's compiler: seconds before a checkpoint loads.
        if not self.loc.is_meta:
            self.loc.data = spread * torch.randn(inputs + bias, outputs, generator=generator)
            if bias and initial_mean is None:
                self.loc.data[-1] = 0
        self.raw_scale = nn.Parameter(
            torch.full((inputs + bias, outputs), float(torch.tensor(start, device="cpu").log()))
        )
        self.raw_factor = None if factor is None else nn.Parameter(_unconstrain(factor))
        # Means that all start at 0 have no spread, and a prior of scale 0 has an infinite KL.
        learnt = spread or initial_scale
        self.register_buffer(
            "prior_scale", torch.tensor(learnt if prior_scale is None else prior_scale)
        )

    @property
    def factor(self) -> Tensor | float:
        """The learnt scale factor of a hidden layer, scalar in [0.1, 1]; 1 on the last layer."""
        low, high = FACTOR_RANGE
        return 1.0 if self.raw_factor is None else low + (high - low) * self.raw_factor.sigmoid()

    @property
    def log_scale(self) -> Tensor:
        """log(scale / factor), `[D (+ 1), H]`."""
        if not self.minimum_scale:
            return self.raw_scale
        return torch.logaddexp(self.raw_scale, self.raw_scale.new_tensor(self.minimum_scale).log())

    @property
    def scale(self) -> Tensor:
        """The posterior's standard deviations, `[D (+ 1), H]`, factor included."""
        return self.factor * self.log_scale.exp()

    @property
    def variance(self) -> Tensor:
        """The squares of `scale`, by one pass over the weights."""
        log_factor = self.raw_scale.new_tensor(1.0).mul(self.factor).log()
        return torch.add(2 * log_factor, self.log_scale, alpha=2).exp_()

    @property
    def prior(self) -> dict[str, Any]:
        """Mean and standard deviation of every weight's prior, scalars, for `LinearNormal`."""
        return {"loc": 0.0, "scale": self.prior_scale, "shape": self.loc.shape}

    @property
    def posterior(self) -> dict[str, Any]:
        """Means and standard deviations of the weights, `[D (+ 1), H]` each, for `LinearNormal`."""
        return {"loc": self.loc, "log_scale": self.log_scale, "factor": self.factor}

    def sample_prior(
        self,
        name: str,
        x: Tensor,
        *,
        n_data: int | None = None,
        kl_weight: float | None = None,
        **how: Any,
    ) -> Tensor:
        """In the model: the site `name` of pre-activations under the prior, `[B, D] -> [B, H]`.

        Give one of `n_data` and `kl_weight`, the same in model and guide. `n_data` is N, the number
        of all data points; `kl_weight` is what one of them carries of the weights' KL: 1 / N, or
        T / N for a posterior tempered by T. Under `pyro.plate(size=N, subsample_size=B)` the loss
        holds the KL once; under `pyro.plate(size=B)` its share B / N, as of the likelihood.
        `how`: `generator` of the noise and `precision` of the products, see `LinearNormal`.

        Raises BnnlibError unless exactly one of the two is given.
        """
        return _sample(name, x, self.prior, n_data, kl_weight, how)

    def sample_posterior(
        self,
        name: str,
        x: Tensor,
        *,
        n_data: int | None = None,
        kl_weight: float | None = None,
        **how: Any,
    ) -> Tensor:
        """In the guide: the same site under the posterior, whose parameters `SVI` then trains.

        Arguments, shapes and errors are those of `sample_prior`. The parameters are those of this
        module, whatever Pyro's parameter store holds: keep them by `state_dict()`.
        """
        register(name, self)
        return _sample(name, x, self.posterior, n_data, kl_weight, how)

    def mean(self, x: Tensor) -> Tensor:
        """The answer of the posterior's means, without uncertainty, `[..., D] -> [..., H]`."""
        return affine(x, self.loc)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the pre-activations, `[..., D] -> [..., H]` each."""
        return affine(x, self.loc), affine(x.square(), self.variance)

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """One layer from the posterior, its weights drawn: a function `[..., D] -> [..., H]`.

        All its answers come from the same weights. Sampled pre-activations do not: there every
        input has weights of its own.
        """
        noise = torch.randn(
            self.loc.shape, generator=generator, device=generator.device, dtype=self.loc.dtype
        )
        weight = noise.mul_(self.scale).add_(self.loc)
        return lambda x: affine(x, weight)

    def forward(self, x: Tensor) -> Tensor:
        """Raises BnnlibError: a Bayesian layer has many answers, so say which is meant."""
        raise BnnlibError(
            "A Bayesian layer has no single answer: use draw(generator)(x) for one sampled layer, "
            "mean(x) for the posterior's means, or sample_prior and sample_posterior in Pyro."
        )


def affine(x: Tensor, weight: Tensor) -> Tensor:
    """x W, or [x, 1] W where W `[D + 1, H]` has a row for the bias; `[..., D] -> [..., H]`."""
    d = x.shape[-1]
    return product(x, weight[:d], weight[d] if len(weight) > d else None)


def register(name: str, module: nn.Module) -> None:
    """Tell Pyro of the module's own parameters, so that `SVI` trains them; others stay out.

    A statement of type "param" with the parameter itself, not `pyro.param`: Pyro's store is
    global by name, and a second layer of the same name would silently train the first one's.
    """
    from pyro.poutine.runtime import effectful

    for key, parameter in module._parameters.items():
        if parameter is not None and parameter.requires_grad:
            value: Any = parameter.detach()  # an alias: the parameter itself stays as torch made it
            value.unconstrained = lambda parameter=parameter: parameter
            effectful(lambda value=value: value, type="param")(name=f"{name}.{key}")


def _sample(
    name: str,
    x: Tensor,
    weights: dict[str, Any],
    n_data: int | None,
    kl_weight: float | None,
    how: dict[str, Any],
) -> Tensor:
    import pyro  # here, not above: a server that only answers never loads Pyro

    from bnnlib.layers.linear_normal import LinearNormal

    if (n_data is None) == (kl_weight is None):
        raise BnnlibError(
            f"The layer {name!r} has {'neither' if n_data is None else 'both'} of n_data and "
            "kl_weight: give the number of all data points or one point's share of the KL."
        )
    if n_data is not None:
        if n_data < 1:
            raise BnnlibError(f"n_data is {n_data}: expected the number of all data points.")
        kl_weight = 1 / n_data
    assert kl_weight is not None
    return pyro.sample(name, LinearNormal(x, **weights, kl_weight=kl_weight, **how))


def _unconstrain(factor: float) -> Tensor:
    """The unconstrained value of a scale factor in [0.1, 1].

    The ends lie a rounding inside, as Pyro puts them.
    """
    low, high = FACTOR_RANGE
    tiny = torch.finfo(torch.float32).eps
    return torch.tensor((factor - low) / (high - low), device="cpu").clamp(tiny, 1 - tiny).logit()
