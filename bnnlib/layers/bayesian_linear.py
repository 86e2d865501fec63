"""The posterior of one linear layer's weights, and the products of a layer with its bias in the last row."""

from typing import Any

import torch
from torch import Tensor, nn

from bnnlib.layers.products import product

FACTOR_RANGE = (0.1, 1.0)  # of the learnt scale factors, as in Kingma et al. 2015


class BayesianLinear(nn.Module):
    """The posterior N(loc, scale^2) of one layer's weights `[D, H]`; with a bias its last row, `[D + 1, H]`.

    scale = factor * (minimum_scale + exp(raw_scale)); factor in [0.1, 1] is one learnt number on hidden layers and 1 on the last. It is
    a redundant scale of the layer, not variational dropout, whose alpha scales with the mean (sigma^2 = alpha m^2).
    """

    prior_scale: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = True,
        prior_scale: float | None = 0.1,
        initial_scale: float = 0.036,
        initial_mean: float | None = None,
        minimum_scale: float = 0.0,
        factor: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        spread = (2 / inputs) ** 0.5 if initial_mean is None else initial_mean
        self.minimum_scale = minimum_scale
        start = initial_scale - minimum_scale
        self.loc = nn.Parameter(torch.empty(inputs + bias, outputs))
        if not self.loc.is_meta:  # computing on the meta device imports torch's compiler: seconds before a checkpoint is loaded
            self.loc.data = spread * torch.randn(inputs + bias, outputs, generator=generator)
            if bias and initial_mean is None:
                self.loc.data[-1] = 0
        self.raw_scale = nn.Parameter(
            torch.full((inputs + bias, outputs), float(torch.tensor(start, device="cpu").log()))
        )
        self.raw_factor = None if factor is None else nn.Parameter(_unconstrain(factor))
        self.register_buffer(
            "prior_scale", torch.tensor(spread if prior_scale is None else prior_scale)
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
        """Mean and standard deviation of every weight's prior, scalars, as `LinearNormal` takes them."""
        return {"loc": 0.0, "scale": self.prior_scale, "shape": self.loc.shape}

    @property
    def posterior(self) -> dict[str, Any]:
        """Means and standard deviations of the weights' posterior, `[D (+ 1), H]` each, as `LinearNormal` takes them."""
        return {"loc": self.loc, "log_scale": self.log_scale, "factor": self.factor}


def affine(x: Tensor, weight: Tensor) -> Tensor:
    """x W, or [x, 1] W where W `[D + 1, H]` has a row for the bias; `[..., D] -> [..., H]`."""
    d = x.shape[-1]
    return product(x, weight[:d], weight[d] if len(weight) > d else None)


def _unconstrain(factor: float) -> Tensor:
    """The unconstrained value of a scale factor in [0.1, 1]; the ends lie a rounding inside, as Pyro puts them."""
    low, high = FACTOR_RANGE
    tiny = torch.finfo(torch.float32).eps
    return torch.tensor((factor - low) / (high - low), device="cpu").clamp(tiny, 1 - tiny).logit()
