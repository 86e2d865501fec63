"""Answers with the posterior made wider or narrower."""

import torch

from bnnlib.networks import BayesianConfig, BayesianNetwork

NETWORK = BayesianNetwork(
    BayesianConfig(hidden=(20, 20), initial_factors=(0.5, 0.5)), torch.Generator().manual_seed(0)
).requires_grad_(False)
IMAGES = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(1))


def widened(samples: int, width: float, seed: int) -> torch.Tensor:
    """Probabilities `[S, B, C]` with every standard deviation times `width`."""
    generator = torch.Generator().manual_seed(seed)
    return NETWORK.sample(IMAGES, samples, generator, width=width).exp()


def test_without_width_it_is_the_answer_of_the_means() -> None:
    found = widened(4, 0.0, 2)
    h = IMAGES.flatten(1)
    for k, layer in enumerate(NETWORK.layers):
        h = layer.mean(torch.nn.functional.leaky_relu(h) if k else h)
    torch.testing.assert_close(found, h.softmax(-1).expand(4, 3, 10), rtol=1e-4, atol=1e-6)


def test_with_its_own_width_it_is_the_posterior() -> None:
    ours = widened(4_000, 1.0, 3)
    theirs = NETWORK.sample(IMAGES, 4_000, torch.Generator().manual_seed(4)).exp()
    error = ((ours.var(0) + theirs.var(0)) / 4_000).sqrt()
    assert float(((ours.mean(0) - theirs.mean(0)) / error).abs().max()) < 5


def test_wider_answers_lie_farther_apart() -> None:
    spreads = [float(widened(500, width, 5).std(0).mean()) for width in (0.25, 1.0, 4.0)]
    assert spreads == sorted(spreads)
    assert spreads[0] < spreads[-1] / 2
