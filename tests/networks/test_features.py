"""The last hidden layer of the mean network gives the answers of the mean network."""

import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    EnsembleNetwork,
    LaplaceNetwork,
)
from bnnlib.networks.features import last_hidden, width


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(7, 28, 28, generator=seeded(0))


def test_dropout_features_lead_to_its_answer_with_all_units_kept(images) -> None:
    network = DropoutNetwork(DropoutConfig((12, 8)), seeded(1))
    features = last_hidden(network, images)
    assert features.shape == (7, width(network)) == (7, 8)
    with torch.no_grad():
        answer = network.layers[-1](features).log_softmax(-1)
        torch.testing.assert_close(answer, network(images))


def test_a_laplace_approximation_has_the_features_of_its_dropout_network(images) -> None:
    network = DropoutNetwork(DropoutConfig((12, 8)), seeded(1))
    laplace = LaplaceNetwork.of(network)
    assert width(laplace) == 8
    torch.testing.assert_close(last_hidden(laplace, images), last_hidden(network, images))


@pytest.mark.parametrize("bias", [True, False])
def test_bayesian_features_are_those_of_the_posterior_means(bias, images) -> None:
    config = BayesianConfig((12, 8), initial_factors=(0.5, 0.5), input_bias=bias)
    network = BayesianNetwork(config, seeded(2))
    with torch.no_grad():
        for layer in network.layers:
            layer.raw_scale.fill_(-40)  # a posterior that is a point: every sample is the mean
    features = last_hidden(network, images)
    with torch.no_grad():
        answer = network.layers[-1].mean(features).log_softmax(-1)
        sampled = network.sample(images, 2, seeded(3))
    torch.testing.assert_close(sampled, answer.expand(2, 7, 10), rtol=1e-4, atol=1e-4)


def test_an_ensembles_features_are_its_members_side_by_side(images) -> None:
    members = [DropoutNetwork(DropoutConfig((12, 8)), seeded(k)) for k in (4, 5)]
    ensemble = EnsembleNetwork.of(members)
    expected = torch.cat([last_hidden(member, images) for member in members], 1)
    assert width(ensemble) == 16
    torch.testing.assert_close(last_hidden(ensemble, images), expected)


def test_no_images_and_wrong_images(images, one_sentence) -> None:
    network = DropoutNetwork(DropoutConfig((12, 8)), seeded(1))
    assert last_hidden(network, images[:0]).shape == (0, 8)
    with pytest.raises(BnnlibError) as caught:
        last_hidden(network, images[0])
    assert one_sentence(str(caught.value))
