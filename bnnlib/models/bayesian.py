"""The Bayesian network: a normal prior and a normal mean-field posterior over every weight.

Pyro trains it (`model`, `guide`), plain torch answers (`sample`): Pyro's handlers are shared by all threads of a process, so
a server must not sample through them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnnlib.models.products import product

FACTOR_RANGE = (0.1, 1.0)  # of the learnt scale factors, as in Kingma et al. 2015


@dataclass(frozen=True)
class BayesianConfig:
    """Sizes, prior and where the posterior starts.

    `prior_scale`: sd of the prior of every weight; None learns one for each layer (empirical Bayes).
    `initial_scale`: sd of the posterior at the start, times a scale factor on hidden layers. `initial_factors`: those factors at
    the start, in [0.1, 1]. `minimum_scale`: the least sd, before the factor. `input_bias`: whether the first layer has a bias.
    """

    hidden: tuple[int, ...] = (1024, 1024, 1024)
    prior_scale: float | None = 0.1
    initial_scale: float = 0.036
    initial_factors: tuple[float, ...] = (0.55, 0.55, 0.55)
    initial_mean: float | None = None  # sd of the means at the start; None: He et al. 2015
    minimum_scale: float = 0.0
    input_bias: bool = True
    inputs: int = 784
    classes: int = 10
    kind: str = "bayesian"


class BayesianLinear(nn.Module):
    """The posterior N(loc, scale^2) of one layer's weights `[D, H]`; with a bias its last row, `[D + 1, H]`.

    scale = factor * (minimum_scale + exp(raw_scale)); factor in [0.1, 1] is one learnt number on hidden layers and 1 on the last. It is
    a redundant scale of the layer, not variational dropout, whose alpha scales with the mean (sigma^2 = alpha m^2).
    """

    prior_scale: Tensor

    def __init__(
        self, inputs: int, outputs: int, bias: bool, config: BayesianConfig, factor: float | None, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        spread = config.initial_mean or (2 / inputs) ** 0.5
        self.minimum_scale = config.minimum_scale
        start = config.initial_scale - config.minimum_scale
        self.loc = nn.Parameter(torch.empty(inputs + bias, outputs))
        if not self.loc.is_meta:  # computing on the meta device imports torch's compiler: seconds before a checkpoint is loaded
            self.loc.data = spread * torch.randn(inputs + bias, outputs, generator=generator)
            if bias and config.initial_mean is None:
                self.loc.data[-1] = 0
        self.raw_scale = nn.Parameter(torch.full((inputs + bias, outputs), float(torch.tensor(start, device="cpu").log())))
        self.raw_factor = None if factor is None else nn.Parameter(_unconstrain(factor))
        self.register_buffer("prior_scale", torch.tensor(config.prior_scale if config.prior_scale else spread))

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


class BayesianNetwork(nn.Module):
    """A Bayesian MLP with LeakyReLU and log-softmax. `card` says where a loaded network comes from."""

    layers: Sequence[BayesianLinear]
    card: dict[str, Any]

    def __init__(self, config: BayesianConfig = BayesianConfig(), generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config, self.card = config, {}
        sizes = (config.inputs, *config.hidden, config.classes)
        factors = (*config.initial_factors, None)
        self.layers = nn.ModuleList(  # type: ignore[assignment]  # a sequence of modules in all but name
            BayesianLinear(i, o, config.input_bias or k > 0, config, factors[k], generator) for k, (i, o) in enumerate(pairwise(sizes))
        )

    def model(self, images: Tensor, labels: Tensor | None = None, n_train: int = 1, temperature: float = 1.0, **how: Any) -> Tensor:
        """p(y, W | x): weights from the prior, labels from the network. `images` `[B, 28, 28]`, `labels` `[B]`.

        `n_train`: N; each image carries temperature * KL / N. `how`: `generator` and `precision` of the layers' products.
        """
        import pyro  # here, not above: a server that only answers never loads Pyro
        from pyro.distributions import Categorical

        with pyro.plate("images", n_train, subsample=torch.arange(len(images), device=images.device)):
            logits = self._sample_layers(images, prior=True, kl_weight=temperature / n_train, **how)
            return pyro.sample("label", Categorical(logits=logits.log_softmax(-1)), obs=labels)

    def guide(self, images: Tensor, labels: Tensor | None = None, n_train: int = 1, temperature: float = 1.0, **how: Any) -> None:
        """q(W): the same layers with weights from the posterior; there is no conditioning on labels here."""
        import pyro

        with pyro.plate("images", n_train, subsample=torch.arange(len(images), device=images.device)):
            self._sample_layers(images, prior=False, kl_weight=temperature / n_train, **how)

    def _sample_layers(self, images: Tensor, prior: bool, **how: Any) -> Tensor:
        import pyro

        from bnnlib.models.layers import LinearNormal

        weights = [layer.prior if prior else layer.posterior for layer in self.layers]
        h = images.flatten(1)
        for k, layer in enumerate(weights[:-1]):
            h = F.leaky_relu(pyro.sample(f"h{k + 1}", LinearNormal(h, **layer, **how)))
        return pyro.sample("logits", LinearNormal(h, **weights[-1], **how))

    def sample(self, images: Tensor, n_samples: int, generator: torch.Generator, first: int = 0) -> Tensor:
        """Posterior sampling without Pyro, activations drawn for every image on its own (local reparameterisation).

        Log-probabilities `[B, 28, 28] -> [S, B, C]`.
        """
        h = images.flatten(-2)
        for k, layer in enumerate(self.layers):
            mean, variance = _affine(h, layer.loc), _affine(h.square(), layer.variance)
            shape = (n_samples, *mean.shape) if k == 0 else mean.shape  # layer 1's moments serve all samples
            noise = torch.randn(shape, generator=generator, device=generator.device)
            h = torch.addcmul(mean, variance.sqrt(), noise)
            if k < len(self.layers) - 1:
                h = F.leaky_relu(h)
        return h.float().log_softmax(-1)

    def draw(self, generator: torch.Generator, index: int = 0) -> Callable[[Tensor], Tensor]:
        """One network from the posterior, its weights drawn: log-probabilities `[B, 28, 28] -> [B, C]`."""
        noise = (torch.randn(layer.loc.shape, generator=generator, device=generator.device) for layer in self.layers)
        weights = [eps.mul_(layer.scale).add_(layer.loc) for eps, layer in zip(noise, self.layers, strict=True)]

        def answer(images: Tensor) -> Tensor:
            h = images.flatten(-2)
            for k, weight in enumerate(weights):
                h = _affine(F.leaky_relu(h) if k else h, weight)
            return h.float().log_softmax(-1)

        return answer

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        """Make every sampled network answer softmax(logits / T) from now on, for good: the last layer's posterior shrinks as a whole."""
        last = self.layers[-1]
        scale = last.scale / temperature
        last.loc.div_(temperature)
        last.raw_scale.copy_((scale - last.minimum_scale).clamp_min(1e-12).log())

    @torch.no_grad()
    def sigma_ratios(self) -> list[float]:
        """The median of sigma_q / sigma_prior in each layer: near 1 nothing was learnt, near 0 the posterior is a point."""
        return [float((layer.scale / layer.prior_scale).median()) for layer in self.layers]


def _affine(x: Tensor, weight: Tensor) -> Tensor:
    """x W, or [x, 1] W where W `[D + 1, H]` has a row for the bias; `[..., D] -> [..., H]`."""
    d = x.shape[-1]
    return product(x, weight[:d], weight[d] if len(weight) > d else None)


def _unconstrain(factor: float) -> Tensor:
    """The unconstrained value of a scale factor in [0.1, 1]; the ends lie a rounding inside, as Pyro puts them."""
    low, high = FACTOR_RANGE
    tiny = torch.finfo(torch.float32).eps
    return torch.tensor((factor - low) / (high - low), device="cpu").clamp(tiny, 1 - tiny).logit()
