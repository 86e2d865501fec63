"""Dropout from inside: the same answer as the network's own, and masks that keep the mean."""

import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.networks import DropoutConfig, DropoutNetwork
from bnnlib.networks.masks import masked_pass

NETWORK = DropoutNetwork(
    DropoutConfig(hidden=(40, 30), input_dropout=0.0, hidden_dropout=0.5),
    torch.Generator().manual_seed(0),
).requires_grad_(False)
IMAGE = torch.rand(28, 28, generator=torch.Generator().manual_seed(1))


def test_nothing_dropped_is_the_networks_own_answer() -> None:
    found = masked_pass(NETWORK, IMAGE, 0.0, torch.Generator().manual_seed(2))
    torch.testing.assert_close(found.probs, NETWORK(IMAGE).exp(), rtol=1e-4, atol=1e-6)
    assert torch.equal(found.after, found.before)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_a_mask_keeps_the_mean_of_every_unit(rate: float) -> None:
    generator, n = torch.Generator().manual_seed(3), 4_000
    passes = [masked_pass(NETWORK, IMAGE, rate, generator) for _ in range(n)]
    kept = torch.stack([one.mask for one in passes])
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    spread = (rate / (1 - rate) / n) ** 0.5
    assert float((kept.mean(0) - 1).abs().max()) < 5 * spread
    assert torch.equal(passes[0].before, passes[1].before)


def test_its_answers_are_those_of_monte_carlo_dropout_on_average() -> None:
    generator = torch.Generator().manual_seed(4)
    ours = torch.stack([masked_pass(NETWORK, IMAGE, 0.5, generator).probs for _ in range(2_000)])
    theirs = NETWORK.sample(IMAGE[None], 2_000, torch.Generator().manual_seed(5))[:, 0].exp()
    error = (ours.var(0) / 2_000 + theirs.var(0) / 2_000).sqrt()
    assert float(((ours.mean(0) - theirs.mean(0)) / error).abs().max()) < 5


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(BnnlibError, match="expected a number from 0 to below 1"):
        masked_pass(NETWORK, IMAGE, rate, torch.Generator())
