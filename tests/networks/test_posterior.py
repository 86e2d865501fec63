"""The posterior seen from outside, and pruning, against closed forms and Pyro's own KL."""

import pytest
import torch
from pyro.distributions import Normal
from torch.distributions import kl_divergence

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.networks.posterior import draw_unit, posterior_of, pruned, weights_of

SIZES = BayesianConfig(hidden=(6, 5), initial_factors=(0.5, 0.8), prior_scale=0.3)


@pytest.fixture
def network() -> BayesianNetwork:
    """A small network whose standard deviations differ."""
    generator = torch.Generator().manual_seed(0)
    made = BayesianNetwork(SIZES, generator)
    for layer in made.layers:
        layer.raw_scale.data += torch.randn(layer.raw_scale.shape, generator=generator)
    return made.requires_grad_(False)


def test_means_scales_prior_and_factor_are_those_of_the_layers(network: BayesianNetwork) -> None:
    layers = posterior_of(network)
    assert [layer.name for layer in layers] == ["layer 1", "layer 2", "output layer"]
    assert [layer.factor for layer in layers] == pytest.approx([0.5, 0.8, 1.0], abs=1e-6)
    for seen, layer in zip(layers, network.layers, strict=True):
        assert seen.prior_scale == pytest.approx(0.3)
        assert torch.equal(seen.mean, layer.loc)
        torch.testing.assert_close(seen.scale, seen.factor * layer.raw_scale.exp())


def test_signal_alpha_and_kl_are_their_closed_forms(network: BayesianNetwork) -> None:
    for layer in posterior_of(network):
        torch.testing.assert_close(layer.signal_to_noise, layer.mean.abs() / layer.scale)
        torch.testing.assert_close(layer.alpha, layer.signal_to_noise**-2)
        expected = kl_divergence(
            Normal(layer.mean.double(), layer.scale.double()), Normal(0.0, layer.prior_scale)
        )
        torch.testing.assert_close(layer.kl.double(), expected, rtol=1e-4, atol=1e-6)


def test_a_drawn_unit_has_the_posteriors_mean_and_spread(network: BayesianNetwork) -> None:
    layer, n = posterior_of(network)[0], 20_000
    drawn = draw_unit(layer, 3, n, torch.Generator().manual_seed(1))
    assert drawn.shape == (n, 785)
    z = (drawn.mean(0) - layer.mean[:, 3]) / layer.scale[:, 3] * n**0.5
    assert float(z.abs().max()) < 5
    ratio = drawn.std(0) / layer.scale[:, 3]
    assert float((ratio - 1).abs().max()) < 0.03


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.995])
def test_pruning_leaves_out_the_noisiest_share_and_nothing_else(
    network: BayesianNetwork, share: float
) -> None:
    before, after = posterior_of(network), posterior_of(pruned(network, share))
    total = sum(layer.mean.numel() for layer in before)
    out = torch.cat([~layer.kept.flatten() for layer in after])
    assert int(out.sum()) == round(share * total)
    signal = torch.cat([layer.signal_to_noise.flatten() for layer in before])
    if share:
        assert signal[out].max() <= signal[~out].min()
    for old, new in zip(before, after, strict=True):
        assert torch.equal(old.mean[new.kept], new.mean[new.kept])
        assert torch.equal(old.scale[new.kept], new.scale[new.kept])
        assert not new.mean[~new.kept].any()


def test_a_weight_left_out_is_zero_in_every_draw(network: BayesianNetwork) -> None:
    empty = pruned(network, 0.9999)
    kept = sum(int(layer.kept.sum()) for layer in posterior_of(empty))
    assert kept <= 1
    images = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(2))
    for k in range(3):
        answer = empty.draw(torch.Generator().manual_seed(k))(images).exp()
        assert float((answer - answer[0]).abs().max()) < 1e-6  # the image has no way through
    sampled = empty.sample(images, 3, torch.Generator().manual_seed(3))
    assert torch.isfinite(sampled).all()


def test_pruning_twice_and_pruning_in_float16_stay_the_same(network: BayesianNetwork) -> None:
    once = pruned(network, 0.6)
    again = pruned(once, 0.6)
    for first, second in zip(once.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)
    assert torch.equal(network.layers[0].loc, posterior_of(network)[0].mean)  # untouched
    halves = [layer.raw_scale.half().float().exp() for layer in once.layers]
    assert all(
        (half > 1e-20).sum() == (layer.raw_scale > -50).sum()
        for half, layer in zip(halves, once.layers, strict=True)
    )


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(network: BayesianNetwork, share: float) -> None:
    with pytest.raises(BnnlibError, match="expected a number from 0 to 1"):
        pruned(network, share)


def test_a_least_standard_deviation_cannot_be_pruned() -> None:
    least = BayesianNetwork(BayesianConfig(hidden=(4,), initial_factors=(0.5,), minimum_scale=0.01))
    with pytest.raises(BnnlibError, match=r"at least 0\.01"):
        pruned(least, 0.5)


def test_weights_of_a_dropout_network_have_the_bias_in_the_last_row() -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(6, 5)))
    found = weights_of(network)
    assert [(name, tuple(w.shape)) for name, w in found] == [
        ("layer 1", (785, 6)),
        ("layer 2", (7, 5)),
        ("output layer", (6, 10)),
    ]
    x = torch.rand(784)
    torch.testing.assert_close(
        torch.cat([x, torch.ones(1)]) @ found[0][1], network.layers[0](x), rtol=1e-4, atol=1e-5
    )
