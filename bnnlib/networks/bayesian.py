"""The Bayesian network: a normal prior and a normal mean-field posterior over every weight.

Pyro trains it (`model`, `guide`), plain torch answers (`sample`): Pyro's handlers are shared by all
threads of a process, so a server must not sample through them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnnlib.layers.bayesian_linear import BayesianLinear


@dataclass(frozen=True)
class BayesianConfig:
    """Sizes, prior and where the posterior starts.

    `prior_scale`: sd of the prior of every weight; None learns one a layer (empirical Bayes).
    `initial_scale`: sd of the posterior at the start, times a scale factor on hidden layers.
    `initial_factors`: those factors at the start, in [0.1, 1]. `minimum_scale`: the least sd,
    before the factor. `input_bias`: whether the first layer has a bias.
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


class BayesianNetwork(nn.Module):
    """A Bayesian MLP with LeakyReLU and log-softmax.

    `card` says where a loaded network comes from.
    """

    layers: Sequence[BayesianLinear]
    card: dict[str, Any]

    def __init__(
        self, config: BayesianConfig = BayesianConfig(), generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config, self.card = config, {}
        sizes = (config.inputs, *config.hidden, config.classes)
        factors = (*config.initial_factors, None)
        self.layers = nn.ModuleList(  # type: ignore[assignment]  # a sequence in all but name
            BayesianLinear(
                i,
                o,
                bias=config.input_bias or k > 0,
                prior_scale=config.prior_scale,
                initial_scale=config.initial_scale,
                initial_mean=config.initial_mean,
                minimum_scale=config.minimum_scale,
                factor=factors[k],
                generator=generator,
            )
            for k, (i, o) in enumerate(pairwise(sizes))
        )

    def model(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        n_train: int = 1,
        temperature: float = 1.0,
        **how: Any,
    ) -> Tensor:
        """p(y, W | x): weights from the prior, labels from the network.

        `images` `[B, 28, 28]`, `labels` `[B]`. `n_train`: N; each image carries
        temperature * KL / N. `how`: `generator` and `precision` of the layers' products.
        """
        import pyro  # here, not above: a server that only answers never loads Pyro
        from pyro.distributions import Categorical

        with pyro.plate(
            "images", n_train, subsample=torch.arange(len(images), device=images.device)
        ):
            logits = self._sample_layers(images, prior=True, kl_weight=temperature / n_train, **how)
            return pyro.sample("label", Categorical(logits=logits.log_softmax(-1)), obs=labels)

    def guide(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        n_train: int = 1,
        temperature: float = 1.0,
        **how: Any,
    ) -> None:
        """q(W): the same layers with weights from the posterior. Labels have no part in it."""
        import pyro

        with pyro.plate(
            "images", n_train, subsample=torch.arange(len(images), device=images.device)
        ):
            self._sample_layers(images, prior=False, kl_weight=temperature / n_train, **how)

    def _sample_layers(self, images: Tensor, prior: bool, **how: Any) -> Tensor:
        h = images.flatten(1)
        for k, layer in enumerate(self.layers):
            sample = layer.sample_prior if prior else layer.sample_posterior
            last = k == len(self.layers) - 1
            z = sample("logits" if last else f"h{k + 1}", h, **how)
            h = z if last else F.leaky_relu(z)
        return h

    def sample(
        self,
        images: Tensor,
        n_samples: int,
        generator: torch.Generator,
        first: int = 0,
        width: float = 1.0,
    ) -> Tensor:
        """Posterior sampling without Pyro: log-probabilities `[B, 28, 28] -> [S, B, C]`.

        Activations are drawn for every image on its own (local reparameterisation). width: what
        every standard deviation is multiplied by; 1 is the posterior, 0 its means alone.
        """
        h = images.flatten(-2)
        for k, layer in enumerate(self.layers):
            mean, variance = layer.moments(h)
            # Layer 1's moments serve all samples.
            shape = (n_samples, *mean.shape) if k == 0 else mean.shape
            noise = torch.randn(shape, generator=generator, device=generator.device)
            h = torch.addcmul(mean, variance.sqrt(), noise, value=width)
            if k < len(self.layers) - 1:
                h = F.leaky_relu(h)
        return h.float().log_softmax(-1)

    def draw(self, generator: torch.Generator, index: int = 0) -> Callable[[Tensor], Tensor]:
        """One network from the posterior, its weights drawn.

        It maps `[B, 28, 28]` to log-probabilities `[B, C]`.
        """
        layers = [layer.draw(generator) for layer in self.layers]

        def answer(images: Tensor) -> Tensor:
            h = images.flatten(-2)
            for k, layer in enumerate(layers):
                h = layer(F.leaky_relu(h) if k else h)
            return h.float().log_softmax(-1)

        return answer

    @torch.no_grad()
    def divide_logits(self, temperature: float) -> None:
        """Make every sampled network answer softmax(logits / T) from now on, for good.

        The last layer's posterior shrinks as a whole.
        """
        last = self.layers[-1]
        scale = last.scale / temperature
        last.loc.div_(temperature)
        last.raw_scale.copy_((scale - last.minimum_scale).clamp_min(1e-12).log())

    @torch.no_grad()
    def sigma_ratios(self) -> list[float]:
        """The median of sigma_q / sigma_prior in each layer.

        Near 1 nothing was learnt, near 0 the posterior is a point.
        """
        return [float((layer.scale / layer.prior_scale).median()) for layer in self.layers]
