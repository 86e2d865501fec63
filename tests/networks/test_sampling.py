"""Asking a network: shapes, seeds, bounded memory, and every fault in one sentence."""

import pytest
import torch

from bnnlib import BnnlibError, deterministic_probs, sample_probs
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork, Network
from bnnlib.networks import sampling as predict


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGES = torch.rand(7, 28, 28, generator=seeded(0))

every_layer_drawn = pytest.mark.parametrize("network", ["dropout", "bayesian"], indirect=True)
both_ways = pytest.mark.parametrize("shared", [True, False], ids=["shared", "each image its own"])


@both_ways
def test_it_returns_probabilities_of_samples_images_and_classes(
    network: Network, shared: bool
) -> None:
    probs = sample_probs(network, IMAGES, 5, 0, shared)
    assert probs.shape == (5, 7, 10)
    assert torch.allclose(probs.sum(-1), torch.ones(5, 7), atol=1e-5)
    assert (probs >= 0).all()
    assert not probs.requires_grad


@both_ways
def test_a_seed_and_its_generator_give_the_same_answer_and_none_a_fresh_one(
    network: Network, shared: bool
) -> None:
    answer = sample_probs(network, IMAGES, 5, 3, shared)
    assert torch.equal(answer, sample_probs(network, IMAGES, 5, seeded(3), shared))
    assert not torch.equal(answer, sample_probs(network, IMAGES, 5, 4, shared))
    assert not torch.equal(
        sample_probs(network, IMAGES, 5, shared=shared),
        sample_probs(network, IMAGES, 5, shared=shared),
    )


@both_ways
def test_bytes_are_scaled(network: Network, shared: bool) -> None:
    images = torch.randint(256, (3, 28, 28), dtype=torch.uint8, generator=seeded(1))
    assert torch.equal(
        sample_probs(network, images, 4, 0, shared),
        sample_probs(network, images.float() / 255, 4, 0, shared),
    )


@every_layer_drawn
@pytest.mark.parametrize(("images", "samples"), [(7, 5), (40, 1), (1, 40), (3, 40), (40, 40)])
@both_ways
def test_memory_stays_bounded_whatever_is_asked(
    network: Network, shared: bool, images: int, samples: int, monkeypatch
) -> None:
    monkeypatch.setattr(predict, "MAX_ROWS", 16)
    rows = []

    def sample(x, n_samples, generator, first):
        rows.append(n_samples * len(x))
        return type(network).sample(network, x, n_samples, generator, first)

    def draw(generator, index):
        def answer(x):
            rows.append(len(x))
            return drawn(x)

        drawn = type(network).draw(network, generator)
        return answer

    monkeypatch.setattr(network, "sample", sample)
    monkeypatch.setattr(network, "draw", draw)
    probs = sample_probs(
        network, torch.rand(images, 28, 28, generator=seeded(1)), samples, 0, shared
    )
    assert probs.shape == (samples, images, 10)
    assert torch.allclose(
        probs.sum(-1), torch.ones(samples, images), atol=1e-5
    )  # every part was filled
    assert max(rows) <= 16
    assert sum(rows) == images * samples
    assert (
        shared or len(rows) <= 2 * images * samples / 16 + images
    )  # and no part is needlessly small


def test_chunks_change_nothing_where_networks_are_shared(network: Network, monkeypatch) -> None:
    whole = sample_probs(network, IMAGES, 3, 0, shared=True)
    monkeypatch.setattr(predict, "MAX_ROWS", 2)
    assert torch.allclose(sample_probs(network, IMAGES, 3, 0, shared=True), whole, atol=1e-6)


@every_layer_drawn
def test_many_images_share_their_networks_and_few_do_not(network: Network, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        network,
        "draw",
        lambda generator, index: asked.append("draw") or type(network).draw(network, generator),
    )
    sample_probs(network, torch.zeros(predict.SHARED_FROM - 1, 28, 28), 1, 0)
    assert asked == []
    sample_probs(network, torch.zeros(predict.SHARED_FROM, 28, 28), 1, 0)
    assert asked == ["draw"]


@pytest.mark.parametrize(
    "config",
    [
        DropoutConfig(hidden=(12, 12)),
        BayesianConfig(hidden=(12, 12), initial_factors=(0.5, 0.5), initial_scale=0.2),
    ],
)
def test_both_ways_have_the_same_distribution(config) -> None:
    network = (
        DropoutNetwork(config, seeded(0))
        if isinstance(config, DropoutConfig)
        else BayesianNetwork(config, seeded(0))
    )
    n = 4_000
    shared, local = (
        sample_probs(network, IMAGES[:2], n, seed, way).flatten(1)
        for seed, way in ((1, True), (2, False))
    )
    order = torch.cat([shared, local]).argsort(0)
    steps = torch.where(order < n, 1.0, -1.0).cumsum(0) / n
    assert (
        steps.abs().max() < 0.055
    )  # Kolmogorov-Smirnov, 20 comparisons: chance passes it once in ten thousand times
    assert torch.allclose(shared.mean(0), local.mean(0), atol=5 * 0.5 / n**0.5)


def test_a_point_posterior_always_gives_the_same_answer() -> None:
    network = BayesianNetwork(
        BayesianConfig(hidden=(12, 12), initial_factors=(0.5, 0.5), initial_scale=1e-9), seeded(0)
    )
    probs = torch.cat(
        [
            sample_probs(network, IMAGES, 3, seed, shared)
            for seed in (0, 1)
            for shared in (True, False)
        ]
    )
    assert torch.allclose(probs, probs[0].expand_as(probs), atol=1e-5)


def test_dropout_that_drops_nothing_is_deterministic() -> None:
    network = DropoutNetwork(
        DropoutConfig(hidden=(12, 12), input_dropout=0.0, hidden_dropout=0.0), seeded(0)
    )
    exact = deterministic_probs(network, IMAGES)
    assert exact.shape == (7, 10)
    for shared in (True, False):
        assert torch.allclose(
            sample_probs(network, IMAGES, 3, 0, shared), exact.expand(3, 7, 10), atol=1e-6
        )


def test_the_deterministic_answer_comes_in_chunks_too(monkeypatch) -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(12, 12)), seeded(0))
    whole = deterministic_probs(network, IMAGES)
    monkeypatch.setattr(predict, "MAX_ROWS", 3)
    assert torch.allclose(deterministic_probs(network, IMAGES), whole, atol=1e-6)
    with pytest.raises(BnnlibError, match="Only a dropout network"):
        deterministic_probs(
            BayesianNetwork(BayesianConfig(hidden=(8,), initial_factors=(0.5,))), IMAGES
        )


@both_ways
def test_no_images_have_no_answers(network: Network, shared: bool) -> None:
    assert sample_probs(network, torch.empty(0, 28, 28), 3, 0, shared).shape == (3, 0, 10)


@pytest.mark.parametrize(
    "images",
    [
        *(torch.zeros(shape) for shape in ((28, 28), (1, 784), (1, 1, 28, 28))),
        *(torch.full((1, 28, 28), value) for value in (1.5, -0.1, 255.0, float("nan"))),
    ],
    ids=lambda images: f"{list(images.shape)} of {images.flatten()[0]:g}",
)
def test_images_of_another_shape_or_range_give_one_sentence(
    network: Network, images: torch.Tensor, one_sentence
) -> None:
    with pytest.raises(BnnlibError) as error:
        sample_probs(network, images, 3, 0)
    assert one_sentence(error.value)


@pytest.mark.parametrize("samples", [0, -1])
def test_no_samples_give_one_sentence(network: Network, samples: int, one_sentence) -> None:
    with pytest.raises(BnnlibError, match="number of samples") as error:
        sample_probs(network, IMAGES, samples, 0)
    assert one_sentence(error.value)
