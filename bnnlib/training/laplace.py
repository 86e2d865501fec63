"""Fit the last-layer Laplace approximation of a trained dropout network, by laplace-torch."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bnnlib.datasets.mnist import Split, to_float
from bnnlib.errors import BnnlibError
from bnnlib.networks import DropoutNetwork, LaplaceNetwork

BATCH = 1_000
STEPS = 1_000  # of Adam on one number, the prior precision: a second


def fit_laplace(
    network: DropoutNetwork, train: Split, prior_precision: float | None = None
) -> tuple[LaplaceNetwork, float]:
    """The network with a posterior over its last layer, and the prior precision of its weights.

    The posterior's precision is the generalised Gauss-Newton matrix of the training images, as a
    Kronecker product (Ritter et al. 2018), plus `prior_precision`. None finds the value that
    maximises the marginal likelihood of the training images. No other images are looked at.

    Raises BnnlibError where laplace-torch is missing.
    """
    fit_to = _laplace_torch()
    laplace = LaplaceNetwork.of(network)
    # The hidden layers are fixed, so each image passes through them once.
    features = _features(laplace, train.images)
    model = nn.Sequential(nn.Identity(), nn.Linear(features.shape[1], network.config.classes))
    model[1].load_state_dict(network.layers[-1].state_dict())
    found = fit_to(
        model,
        "classification",
        subset_of_weights="last_layer",
        hessian_structure="kron",
        last_layer_name="1",
        prior_precision=1.0 if prior_precision is None else prior_precision,
    )
    found.fit(DataLoader(TensorDataset(features, train.labels.cpu()), batch_size=BATCH))
    if prior_precision is None:
        found.optimize_prior_precision(method="marglik", n_steps=STEPS)
    prior = float(found.prior_precision)
    # The bias has a block of its own, with the curvature by the logits that the weights have.
    (class_basis, feature_basis), _ = found.H.eigenvectors
    (by_class, by_feature), (of_bias,) = found.H.eigenvalues
    curvature = torch.cat([torch.outer(by_class, by_feature), of_bias[:, None]], 1)
    scale = (curvature.clamp_min(0) + prior).rsqrt()
    laplace.set_posterior(class_basis, feature_basis, scale)
    return laplace, prior


def _laplace_torch() -> Any:
    """The library's `Laplace`. Imported here, not above: its import takes many seconds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses parts of torch that are deprecated
            from laplace import Laplace
    except ImportError as error:
        raise BnnlibError(
            "A Laplace approximation is fitted by laplace-torch, which is not installed: "
            "run pip install bnnlib[laplace]."
        ) from error
    return Laplace


@torch.no_grad()
def _features(network: LaplaceNetwork, images: Tensor) -> Tensor:
    return torch.cat([network.features(to_float(part).float()) for part in images.split(BATCH)])
