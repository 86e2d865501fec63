"""The gradient of the lead, against differences of the lead itself."""

import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianNetwork, DropoutNetwork, LaplaceNetwork
from bnnlib.networks.bayesian import BayesianConfig
from bnnlib.networks.dropout import DropoutConfig
from bnnlib.networks.saliency import ink_map


def lead(network, image, found, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        log_probs = network.sample(image[None], 20, generator)[:, 0]
    return float((log_probs[:, found.winner] - log_probs[:, found.rival]).mean())


@pytest.mark.parametrize("kind", ["dropout", "bayesian", "laplace"])
def test_the_gradient_is_that_of_the_lead(kind) -> None:
    torch.manual_seed(0)
    network = (
        BayesianNetwork(BayesianConfig(hidden=(16,)))
        if kind == "bayesian"
        else DropoutNetwork(DropoutConfig(hidden=(16,)))
    )
    if kind == "laplace":
        network = LaplaceNetwork.of(network)
        network.set_posterior(torch.eye(10), torch.eye(16), torch.full((10, 17), 0.3))
    image = torch.rand(28, 28, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    found = ink_map(network, image, 20, 3)
    assert found.lead == pytest.approx(lead(network, image, found, 3), abs=1e-5)
    for row, column in [(3, 5), (14, 14), (20, 9)]:
        moved = []
        for step in (0.01, -0.01):
            other = image.clone()
            other[row, column] += step
            moved.append(lead(network, other, found, 3))
        slope = (moved[0] - moved[1]) / 0.02
        assert found.gradient[row, column] == pytest.approx(slope, abs=2e-3, rel=0.05)
    dark = image < 0.5
    full = torch.where(dark, 1 - image, -image)
    assert torch.allclose(
        torch.from_numpy(found.change), full * torch.from_numpy(found.gradient), atol=1e-6
    )


def test_a_wrong_request_gets_a_sentence() -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(4,)))
    with pytest.raises(BnnlibError, match="at least 1"):
        ink_map(network, torch.zeros(28, 28), 0)
    with pytest.raises(BnnlibError, match=r"expected \[B, 28, 28\]"):
        ink_map(network, torch.zeros(27, 28))
