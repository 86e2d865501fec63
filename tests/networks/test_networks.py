"""The two networks: their sizes, their two ways to answer, and that asking changes nothing."""

import pytest
import torch
import torch.nn.functional as F

from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork, Network
from bnnlib.training.presets import preset


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights_of(network: Network) -> int:
    """How many weights and biases the network has, each with a mean of its own."""
    return sum(
        p.numel()
        for name, p in network.named_parameters()
        if name.endswith(("loc", "weight", "bias"))
    )


POINTED = BayesianConfig((16,), initial_factors=(0.5,), initial_scale=0.2, minimum_scale=0.01)


@pytest.mark.parametrize("temperature", [0.5, 3.0])
@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_logits_are_divided_for_every_sampled_network(kind: str, temperature: float) -> None:
    network = (
        DropoutNetwork(DropoutConfig((16,)), seeded(0))
        if kind == "dropout"
        else BayesianNetwork(POINTED, seeded(0))
    )
    images = torch.rand(4, 28, 28, generator=seeded(1))
    before = network.sample(images, 3, seeded(2)).detach()
    network.divide_logits(temperature)
    assert torch.allclose(
        network.sample(images, 3, seeded(2)), (before / temperature).log_softmax(-1), atol=1e-4
    )


def test_the_networks_have_the_articles_sizes() -> None:
    sizes = 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10
    biases = 3 * 1024 + 10
    assert weights_of(DropoutNetwork()) == sizes + biases == 2_913_290
    assert weights_of(BayesianNetwork()) == 2_913_290
    article, _ = preset("bayesian", "article")
    assert (
        weights_of(BayesianNetwork(article)) == sizes + biases - 1024 == 2_912_266
    )  # no bias in its first layer


def test_a_bayesian_network_has_a_mean_and_a_scale_a_weight_and_a_factor_a_hidden_layer() -> None:
    network = BayesianNetwork()
    assert sum(p.numel() for p in network.parameters()) == 2 * 2_913_290 + 3
    assert [layer.raw_factor is None for layer in network.layers] == [False, False, False, True]


@torch.no_grad()
def test_the_articles_posterior_starts_where_the_article_starts_it() -> None:
    config, _ = preset("bayesian", "article")
    network = BayesianNetwork(config, seeded(0))
    assert [float(layer.factor) for layer in network.layers] == pytest.approx(
        [0.25, 1.0, 1.0, 1.0], abs=1e-5
    )
    for layer, factor in zip(network.layers, (0.25, 1, 1, 1), strict=True):
        assert torch.allclose(layer.scale, torch.tensor(0.1 * factor), rtol=1e-4)
        assert float(layer.loc.std()) == pytest.approx(0.01, rel=0.05)
        assert float(layer.prior_scale) == 1.0


@pytest.mark.parametrize("raw", [-100.0, -1.0, 0.0, 3.0, 100.0])
def test_scale_factors_stay_between_a_tenth_and_one_whatever_is_learnt(raw: float) -> None:
    layer = BayesianNetwork(BayesianConfig(hidden=(8, 8, 8))).layers[0]
    layer.raw_factor.data.fill_(raw)
    assert 0.1 <= layer.factor.item() <= 1.0


def test_sigma_ratios_are_medians_of_posterior_over_prior() -> None:
    network = BayesianNetwork(
        BayesianConfig(
            hidden=(8, 8, 8), prior_scale=0.5, initial_scale=0.2, initial_factors=(0.25, 0.5, 1.0)
        )
    )
    assert network.sigma_ratios() == pytest.approx([0.1, 0.2, 0.4, 0.4], rel=1e-4)


def test_a_learnt_prior_starts_at_the_spread_of_the_means() -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(50, 50, 50), prior_scale=None), seeded(0))
    assert float(network.layers[0].prior_scale) == pytest.approx((2 / 784) ** 0.5)


def test_without_a_generator_dropout_keeps_every_unit_even_in_training_mode() -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(16, 16, 16)), seeded(0))
    images = torch.rand(5, 28, 28, generator=seeded(1))
    h = images.flatten(1)
    for layer in list(network.layers)[:-1]:
        h = F.leaky_relu(h @ layer.weight.T + layer.bias)
    expected = F.log_softmax(h @ network.layers[-1].weight.T + network.layers[-1].bias, -1)
    assert torch.allclose(network.eval()(images), expected, atol=1e-6)
    assert torch.equal(network.train()(images), network.eval()(images))
    sampled = network.train().sample(images, 3, seeded(2))
    assert torch.equal(network.eval().sample(images, 3, seeded(2)), sampled)


@torch.no_grad()
def test_units_are_dropped_at_the_articles_rates_and_kept_ones_scaled_up() -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(100,)))
    seen = []
    for layer in network.layers:
        layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.ones_(layer.bias)
    network.sample(torch.ones(50, 28, 28), 2, seeded(0))
    for inputs, rate in zip(seen, (0.2, 0.5), strict=True):
        assert float((inputs == 0).double().mean()) == pytest.approx(rate, abs=0.02)
        assert inputs.max() == 1 / (1 - rate)
        assert not torch.equal(
            inputs[0, 0], inputs[1, 0]
        )  # each sample and each image has a mask of its own
        assert not torch.equal(inputs[0, 0], inputs[0, 1])


@torch.no_grad()
def test_a_thinned_network_and_masks_for_each_image_have_the_same_distribution() -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(12, 12, 12)), seeded(0))
    image, n, generator = torch.rand(1, 28, 28, generator=seeded(1)), 4_000, seeded(3)
    local = network.sample(image, n, seeded(2))[:, 0]
    drawn = torch.stack([network.draw(generator)(image)[0] for _ in range(n)])
    order = torch.cat([local, drawn]).argsort(0)
    steps = torch.where(order < n, 1.0, -1.0).cumsum(0) / n
    assert (
        steps.abs().max() < 0.055
    )  # Kolmogorov-Smirnov, 10 comparisons: chance passes it once in ten thousand times


def test_one_drawn_network_answers_all_images_with_the_same_weights(network: Network) -> None:
    images = torch.rand(4, 28, 28, generator=seeded(1))
    answer = network.draw(seeded(2))
    assert torch.allclose(answer(images)[2], answer(images[2:3])[0], atol=1e-6)
    assert torch.equal(answer(images), answer(images))
    assert not torch.equal(answer(images), network.draw(seeded(3))(images))


def test_answers_are_log_probabilities_of_ten_classes(network: Network) -> None:
    images = torch.rand(4, 28, 28, generator=seeded(1))
    sampled, drawn = network.sample(images, 6, seeded(2)), network.draw(seeded(3))(images)
    assert (sampled.shape, drawn.shape) == ((6, 4, 10), (4, 10))
    assert torch.allclose(sampled.exp().sum(-1), torch.ones(6, 4), atol=1e-5)
    assert torch.allclose(drawn.exp().sum(-1), torch.ones(4), atol=1e-5)


def test_asking_leaves_torchs_own_generator_and_the_network_alone(network: Network) -> None:
    images = torch.rand(4, 28, 28, generator=seeded(1))
    state, before = (
        torch.get_rng_state(),
        {name: value.clone() for name, value in network.state_dict().items()},
    )
    network.train()
    network.sample(images, 2, seeded(2))
    network.draw(seeded(3))(images)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("kind", [DropoutNetwork, BayesianNetwork])
def test_the_same_seed_gives_the_same_start(kind) -> None:
    config = (DropoutConfig if kind is DropoutNetwork else BayesianConfig)(hidden=(8, 8, 8))
    one, same, other = (
        torch.cat([p.flatten() for p in kind(config, seeded(seed)).parameters()])
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
