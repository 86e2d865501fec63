"""A dropout network whose last layer has a normal posterior: the last-layer Laplace approximation.

Kristiadi, Hein & Hennig 2020, "Being Bayesian, Even Just a Bit"; Daxberger et al. 2021, "Laplace
Redux".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnnlib.layers.products import linear, product
from bnnlib.networks.dropout import DropoutNetwork, Linear


@dataclass(frozen=True)
class LaplaceConfig:
    """The sizes; everything else comes from the dropout network and from the fit."""

    hidden: tuple[int, ...] = (1024, 1024, 1024)
    inputs: int = 784
    classes: int = 10
    kind: str = "laplace"


class LaplaceNetwork(nn.Module):
    """Fixed hidden layers with all units kept, and a normal posterior over the last layer.

    The precision of the last weights is a Kronecker product plus the prior's (Ritter, Botev &
    Barber 2018). Its eigenvectors are products of two small sets of them. So the weights, with the
    bias as a last column, are M + U (s * E) V^T, where E is standard normal, `[C, H + 1]`:

    - M: `layers[-1]`, the trained weights and bias;
    - U: `class_basis`, `[C, C]`, the eigenvectors of the curvature by the logits;
    - V: `feature_basis`, `[H, H]`, those of the features' second moments; the bias has no other;
    - s: `scale`, `[C, H + 1]`, the standard deviation along each pair of them.

    `bnnlib.training.laplace` fits it. `card` says where a loaded network comes from.
    """

    layers: Sequence[nn.Linear]
    class_basis: Tensor
    feature_basis: Tensor
    scale: Tensor
    card: dict[str, Any]

    def __init__(self, config: LaplaceConfig = LaplaceConfig()) -> None:
        super().__init__()
        self.config, self.card = config, {}
        sizes = (config.inputs, *config.hidden, config.classes)
        self.layers = nn.ModuleList(  # type: ignore[assignment]  # a sequence in all but name
            Linear(i, o) for i, o in pairwise(sizes)
        )
        features, classes = sizes[-2:]
        # Not fitted: a point. Not torch.eye, which on the meta device loads the compiler (150 MB).
        self.register_buffer("class_basis", torch.zeros(classes, classes))
        self.register_buffer("feature_basis", torch.zeros(features, features))
        self.register_buffer("scale", torch.zeros(classes, features + 1))

    @staticmethod
    def of(network: DropoutNetwork) -> "LaplaceNetwork":
        """The trained network with all units kept and no spread yet: `set_posterior` gives it."""
        config = network.config
        point = LaplaceNetwork(LaplaceConfig(config.hidden, config.inputs, config.classes))
        for layer, trained in zip(point.layers, network.layers, strict=True):
            layer.load_state_dict(trained.state_dict())
        return point.requires_grad_(False)

    def set_posterior(self, class_basis: Tensor, feature_basis: Tensor, scale: Tensor) -> None:
        """Take U `[C, C]`, V `[H, H]` and s `[C, H + 1]`; raises ValueError for other shapes."""
        given = {"class_basis": class_basis, "feature_basis": feature_basis, "scale": scale}
        for name, value in given.items():
            kept = getattr(self, name)
            if value.shape != kept.shape:
                raise ValueError(
                    f"{name} has shape {list(value.shape)}: expected {list(kept.shape)}"
                )
            kept.copy_(value)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer sees, all units kept: `[..., 28, 28] -> [..., H]`."""
        h = images.flatten(-2)
        for layer in self.layers[:-1]:
            h = F.leaky_relu(layer(h))
        return h

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of the logits, and their variances along U's columns: `[B, 28, 28] -> [B, C]` each.

        The logits' covariance is U diag(variances) U^T, exact under the posterior.
        """
        features = self.features(images)
        squares = product(features, self.feature_basis).square()
        of_weight, of_bias = self.scale[:, :-1].square(), self.scale[:, -1].square()
        return self.layers[-1](features), linear(squares, of_weight, of_bias)

    def sample(
        self, images: Tensor, n_samples: int, generator: torch.Generator, first: int = 0
    ) -> Tensor:
        """Posterior sampling: log-probabilities `[B, 28, 28] -> [S, B, C]`.

        The logits are drawn for every image on its own.
        """
        mean, variance = self.moments(images)
        shape = (n_samples, *mean.shape)
        noise = torch.randn(shape, generator=generator, device=generator.device)
        logits = mean + (variance.sqrt() * noise) @ self.class_basis.t()
        return logits.float().log_softmax(-1)

    def draw(self, generator: torch.Generator, index: int = 0) -> Callable[[Tensor], Tensor]:
        """One network from the posterior, its last layer drawn.

        It maps `[B, 28, 28]` to log-probabilities `[B, C]`.
        """
        last_layer = self.draw_last_layer(generator)
        return lambda images: last_layer(self.features(images))

    def draw_last_layer(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """`draw` for whoever has the features already.

        It maps `[B, H]` to log-probabilities `[B, C]`. All that is drawn differs here alone.
        """
        last = self.layers[-1]
        noise = torch.randn(self.scale.shape, generator=generator, device=generator.device)
        change = self.class_basis @ (self.scale * noise)
        weight = last.weight + change[:, :-1] @ self.feature_basis.t()
        bias = last.bias + change[:, -1]

        return lambda features: linear(features, weight, bias).float().log_softmax(-1)
