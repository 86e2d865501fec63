"""The figures of layers and the spread of their weights, worked out by hand."""

import math

import pytest
import torch

from bnnlib.evaluation.weights import QUANTITIES, layer_figures, point_spread, spread
from bnnlib.networks.posterior import LayerPosterior

PRIOR = 0.5


def layer(mean: list[float], scale: list[float], name: str = "layer 1") -> LayerPosterior:
    return LayerPosterior(
        name, torch.tensor(mean)[None], torch.tensor(scale)[None], PRIOR, factor=0.7
    )


def test_the_figures_of_four_weights() -> None:
    found = layer_figures([layer([0.0, 1.0, -2.0, 0.0], [0.5, 0.1, 0.5, 1e-26])])[0]
    assert (found.weights, found.left_out) == (4, 0.25)
    assert found.mean == 1.0  # the median of 0, 1, 2
    assert found.sigma == 0.5
    assert found.signal_to_noise == 4.0  # of 0, 10, 4
    assert found.alpha == pytest.approx(1 / 16)  # of infinity, 1 / 100, 1 / 16
    assert found.at_prior == 0.25  # the first weight alone
    by_hand = [0.0, (0.04 + 4 - 1) / 2 + math.log(5), (1 + 16 - 1) / 2]
    assert found.kl == pytest.approx(sum(by_hand), rel=1e-5)
    assert (found.prior, found.factor) == (PRIOR, 0.7)


def test_a_layer_without_weights_left_has_no_medians() -> None:
    found = layer_figures([layer([0.0, 0.0], [1e-26, 1e-26])])[0]
    assert found.left_out == 1
    assert math.isnan(found.sigma)
    assert found.at_prior == 0
    for quantity in QUANTITIES:
        assert float(spread([layer([0.0], [1e-26])], quantity).shares[0].sum()) == 0


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_weight_is_in_one_bin(quantity: str) -> None:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(5_000, generator=generator).tolist()
    scale = torch.rand(5_000, generator=generator).add(0.01).tolist()
    found = spread([layer(mean, scale), layer([3.0], [0.2], "output layer")], quantity)
    assert found.names == ("layer 1", "output layer")
    for shares in found.shares:
        assert float(shares.sum()) == pytest.approx(1)
    assert (found.edges.diff() > 0).all()
    if quantity == "sigma":
        assert found.edges[0] < PRIOR < found.edges[-1]


def test_the_shares_of_the_prior_are_those_of_a_normal_distribution() -> None:
    generator = torch.Generator().manual_seed(1)
    mean = (PRIOR * torch.randn(200_000, generator=generator)).tolist()
    found = spread([layer(mean, [0.1] * len(mean))], "mean")
    assert found.prior is not None
    assert float(found.prior[0].sum()) == pytest.approx(1)
    difference = (found.shares[0] - found.prior[0]).abs().max()
    assert float(difference) < 5 * (float(found.prior[0].max()) / len(mean)) ** 0.5


def test_point_weights_are_spread_without_a_prior() -> None:
    found = point_spread(["layer 1"], [torch.tensor([[-1.0, 0.0], [0.0, 1.0]])])
    middle = int(torch.bucketize(torch.tensor(0.0, dtype=torch.float64), found.edges)) - 1
    assert float(found.shares[0][middle]) == 0.5
    assert found.prior is None
    assert found.quantity == "weight"
