"""How far features are from those seen in training, by a Gaussian for each class.

Mukhoti et al. 2021, "Deep Deterministic Uncertainty", with two changes chosen in docs/recipes.md:
features are scaled to length 1 first (as Sun et al. 2022 do for nearest neighbours), and only
their principal directions count.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.neighbours import principal

RIDGE = 1e-6  # of the mean variance, added to every variance: a class may be flat somewhere


def normalised(features: Tensor) -> Tensor:
    """Features `[B, H]` scaled to length 1; a row of zeros stays."""
    return F.normalize(features.float())


@dataclass(frozen=True)
class Directions:
    """The subspace in which features are compared: `centre` `[H]`, orthonormal `basis` `[H, D]`."""

    centre: Tensor
    basis: Tensor

    @staticmethod
    def fit(features: Tensor, directions: int, seed: int = 0) -> "Directions":
        """The principal directions of normalised features `[N, H]`; raises BnnlibError."""
        start = torch.Generator(features.device).manual_seed(seed)
        return Directions(*principal(normalised(features), directions, start))

    def project(self, features: Tensor) -> Tensor:
        """Coordinates of the normalised features, `[B, H] -> [B, D]`."""
        return (normalised(features) - self.centre.float()) @ self.basis.float()


@dataclass(frozen=True)
class ClassGaussians:
    """A Gaussian for each class: `means` `[C, D]`, `factors` `[C, D, D]`, `shares` `[C]`.

    Each factor is lower triangular and whitens its class: (x - mean) factor^T has the covariance 1.
    """

    means: Tensor
    factors: Tensor
    shares: Tensor

    @staticmethod
    def fit(points: Tensor, labels: Tensor) -> "ClassGaussians":
        """Fitted to points `[N, D]` with labels `[N]`, by their means and covariances.

        Raises BnnlibError for a class of fewer than two points.
        """
        means, factors, shares = [], [], []
        for label in range(int(labels.max()) + 1 if len(labels) else 0):
            of_class = points[labels == label].double()
            if len(of_class) < 2:
                raise BnnlibError(
                    f"Class {label} has {len(of_class)} points: a Gaussian takes at least two."
                )
            covariance = torch.atleast_2d(torch.cov(of_class.T))
            one = torch.eye(len(covariance), dtype=torch.double, device=points.device)
            ridge = RIDGE * covariance.diagonal().mean().clamp_min(1e-12)
            root = torch.linalg.cholesky(covariance + ridge * one)
            means.append(of_class.mean(0))
            factors.append(torch.linalg.solve_triangular(root, one, upper=False))
            shares.append(len(of_class) / len(points))
        if not means:
            raise BnnlibError("There are no points: a Gaussian for each class takes some of each.")
        return ClassGaussians(
            torch.stack(means).float(),
            torch.stack(factors).float(),
            torch.tensor(shares, device=points.device),
        )

    def distance(self, points: Tensor) -> Tensor:
        """-log of the density at points `[B, D] -> [B]`, in nats: the higher, the farther.

        The density is the sum over the classes of share N(mean, covariance).
        """
        factors = self.factors.double()
        offset = points.double()[:, None] - self.means.double()  # [B, C, D]
        squared = torch.einsum("bcd,ced->bce", offset, factors).square().sum(-1)
        log_root = factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        size = points.shape[-1] * torch.log(torch.tensor(2 * torch.pi))
        logs = self.shares.double().log() + log_root - (squared + size) / 2
        return -logs.logsumexp(-1)
