"""Both ways draw from the same distribution; the variances of the gradient in closed form."""

import pytest
import torch

from bnnlib.layers.reparameterisation import DRAWS, gradient_noise

N = 40_000


@pytest.mark.parametrize("way", DRAWS)
def test_a_pre_activation_has_the_normal_distribution_of_the_paper(way: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.tensor([[1.0, -2.0, 0.5]])
    mean = torch.tensor([[0.3], [0.1], [-1.0]])
    scale = torch.tensor([[0.5], [0.2], [1.0]])
    z = torch.stack([DRAWS[way](x, mean, scale, generator)[0, 0] for _ in range(N)])
    expected, variance = 0.3 - 0.2 - 0.5, 0.25 + 4 * 0.04 + 0.25
    assert float(z.mean()) == pytest.approx(expected, abs=5 * (variance / N) ** 0.5)
    assert float(z.var()) == pytest.approx(variance, rel=5 * (2 / N) ** 0.5)


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_images_of_their_own_noise_divide_the_variance_by_the_batch(batch: int) -> None:
    """L = sum z^2 / 2B with x = 1: dL / dm = mean of z, so the variance is s^2 or s^2 / B."""
    x, mean, scale = torch.ones(batch, 1), torch.tensor([[0.7]]), torch.tensor([[0.4]])

    def loss(z: torch.Tensor) -> torch.Tensor:
        return z.square().mean() / 2

    for way, divided in (("weights", 1), ("activations", batch)):
        generator = torch.Generator().manual_seed(1)
        found = gradient_noise(DRAWS[way], loss, x, mean, scale, 6_000, generator)
        variance = 0.16 / divided
        assert float(found.mean) == pytest.approx(0.7, abs=5 * (variance / 6_000) ** 0.5)
        assert found.variance == pytest.approx(variance, rel=5 * (2 / 6_000) ** 0.5)
        assert found.seconds > 0
