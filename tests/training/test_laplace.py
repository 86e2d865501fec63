"""The fit of a last-layer Laplace approximation, against laplace-torch where it is installed."""

import sys
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bnnlib import BnnlibError
from bnnlib.datasets.mnist import Digits, Split, to_float
from bnnlib.networks import DropoutConfig, DropoutNetwork, LaplaceNetwork
from bnnlib.training.laplace import fit_laplace


@pytest.fixture
def network(few: Digits) -> DropoutNetwork:
    """A tiny network that has learnt a few digits."""
    network = DropoutNetwork(DropoutConfig(hidden=(12, 8)), torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        log_probs = network(to_float(few.train.images))
        nn.functional.nll_loss(log_probs, few.train.labels).backward()
        optimiser.step()
    return network


def test_without_laplace_torch_one_sentence_says_how_to_get_it(
    few: Digits, monkeypatch, one_sentence
) -> None:
    monkeypatch.setitem(sys.modules, "laplace", None)  # importing it raises ImportError
    with pytest.raises(BnnlibError, match=r"pip install .*bnnlib\[laplace\]") as error:
        fit_laplace(DropoutNetwork(DropoutConfig(hidden=(8,))), few.train)
    assert one_sentence(error.value)


def reference(network: DropoutNetwork, train: Split, prior_precision: float) -> Any:
    """laplace-torch's own fit of the whole network, layer by layer, as its manual has it."""
    from_torch = pytest.importorskip("laplace").Laplace
    layers: list[nn.Module] = [nn.Flatten()]
    for layer in network.layers:
        plain = nn.Linear(layer.in_features, layer.out_features)
        plain.load_state_dict(layer.state_dict())
        layers += [plain, nn.LeakyReLU()]
    found = from_torch(
        nn.Sequential(*layers[:-1]),
        "classification",
        subset_of_weights="last_layer",
        hessian_structure="kron",
        prior_precision=prior_precision,
    )
    found.fit(DataLoader(TensorDataset(to_float(train.images), train.labels), batch_size=1_000))
    return found


@pytest.fixture
def quiet() -> Any:
    """laplace-torch calls parts of torch that are deprecated, and warns of its own defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("laplace")
        yield


@torch.no_grad()
def covariance(network: LaplaceNetwork, images: torch.Tensor) -> torch.Tensor:
    basis = network.class_basis
    return basis @ torch.diag_embed(network.moments(images)[1]) @ basis.t()


def test_the_posterior_is_laplace_torchs(network: DropoutNetwork, few: Digits, quiet) -> None:
    fitted, prior = fit_laplace(network, few.train, prior_precision=0.7)
    assert prior == pytest.approx(0.7)
    images = to_float(few.test.images)
    mean, expected = reference(network, few.train, 0.7)._glm_predictive_distribution(images)
    assert torch.allclose(fitted.moments(images)[0], mean, atol=1e-4)
    # A constant added to all logits changes no probability, so the curvature has no part there.
    # What float32 leaves in its place is rounding, hence the logits less their mean.
    centre = torch.eye(10) - 0.1
    found, expected = (centre @ c @ centre for c in (covariance(fitted, images), expected.detach()))
    assert expected.diagonal(dim1=1, dim2=2).min() > 0.01
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_prior_precision_maximises_the_marginal_likelihood(
    network: DropoutNetwork, few: Digits, quiet
) -> None:
    fitted, prior = fit_laplace(network, few.train)
    last = fitted.layers[-1]
    weights = torch.cat([last.weight.flatten(), last.bias])
    # At the maximum prior * |w|^2 is the number of parameters that the data determine (MacKay 1992)
    determined = (1 - prior * fitted.scale.square()).sum()
    assert float(prior * weights.square().sum()) == pytest.approx(float(determined), rel=1e-2)
    assert 1 < float(determined) < weights.numel()
