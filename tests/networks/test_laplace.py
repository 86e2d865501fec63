"""A last-layer Laplace approximation against the closed form of a normal posterior."""

import itertools

import pytest
import torch
from torch import Tensor

from bnnlib import BnnlibError, deterministic_probs, load_checkpoint, sample_probs, save_checkpoint
from bnnlib.cli.ensemble import assemble
from bnnlib.networks import DropoutConfig, DropoutNetwork, LaplaceConfig, LaplaceNetwork

H, C = 6, 10
PRIOR = 2.0  # precision
IMAGES = torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(0))
WAYS = ("sample", "draw")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def positive(size: int, seed: int) -> Tensor:
    """A matrix like a curvature, `[size, size]`, float64: symmetric, no negative eigenvalue."""
    root = torch.randn(size, size, generator=seeded(seed), dtype=torch.float64)
    return root @ root.t()


BY_CLASS, BY_FEATURE, IMAGES_FITTED = positive(C, 1), positive(H, 2), 3.0


@pytest.fixture
def dropout() -> DropoutNetwork:
    return DropoutNetwork(DropoutConfig(hidden=(8, H)), seeded(3))


@pytest.fixture
def laplace(dropout: DropoutNetwork) -> LaplaceNetwork:
    """The posterior whose precision is BY_CLASS (x) BY_FEATURE + PRIOR."""
    of_classes, class_basis = torch.linalg.eigh(BY_CLASS)
    of_features, feature_basis = torch.linalg.eigh(BY_FEATURE)
    curvature = torch.outer(of_classes, torch.cat([of_features, torch.tensor([IMAGES_FITTED])]))
    network = LaplaceNetwork.of(dropout)
    network.set_posterior(class_basis, feature_basis, (curvature + PRIOR).rsqrt())
    return network


def covariance(features: Tensor) -> Tensor:
    """The logits' covariance by one large inverse: `[B, H] -> [B, C, C]`."""
    identity = torch.eye(C, dtype=torch.float64)
    weights = torch.kron(BY_CLASS, BY_FEATURE) + PRIOR * torch.eye(C * H, dtype=torch.float64)
    biases = IMAGES_FITTED * BY_CLASS + PRIOR * identity
    of_logits = torch.stack([torch.kron(identity, row[None]) for row in features.double()])
    return of_logits @ weights.inverse() @ of_logits.mT + biases.inverse()


def logits(network: LaplaceNetwork, way: str, n: int) -> Tensor:
    """Sampled logits of all classes less the first one's, float64 `[S, B, C - 1]`."""
    generator = seeded(4)
    if way == "sample":
        answers = network.sample(IMAGES, n, generator)
    else:
        answers = torch.stack([network.draw(generator)(IMAGES) for _ in range(n)])
    return (answers[..., 1:] - answers[..., :1]).double()


def test_the_logits_moments_are_those_of_the_dense_posterior(
    laplace: LaplaceNetwork, dropout: DropoutNetwork
) -> None:
    mean, variance = laplace.moments(IMAGES)
    basis = laplace.class_basis
    assert torch.allclose(mean.log_softmax(-1), dropout(IMAGES), atol=1e-6)
    assert torch.allclose(
        (basis @ torch.diag_embed(variance) @ basis.t()).double(),
        covariance(laplace.features(IMAGES)),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("way", WAYS)
def test_sampled_logits_have_the_posteriors_mean_and_covariance(
    laplace: LaplaceNetwork, way: str
) -> None:
    n = 4_000
    less_first = torch.cat([-torch.ones(C - 1, 1), torch.eye(C - 1)], 1).double()
    mean = laplace.moments(IMAGES)[0].double() @ less_first.t()
    expected = less_first @ covariance(laplace.features(IMAGES)) @ less_first.t()
    sampled = logits(laplace, way, n)
    sd = expected.diagonal(dim1=1, dim2=2).sqrt()
    assert ((sampled.mean(0) - mean).abs() < 5 * sd / n**0.5).all()
    for image, matrix in enumerate(expected):
        found = torch.cov(sampled[:, image].t())
        # The variance of a covariance from n normal samples is (s_ii s_jj + s_ij^2) / n.
        noise = ((sd[image, :, None] * sd[image]).square() + matrix.square()).div(n).sqrt()
        assert ((found - matrix).abs() < 5 * noise).all()


def test_a_drawn_network_and_samples_for_each_image_have_the_same_distribution(
    laplace: LaplaceNetwork,
) -> None:
    n = 4_000
    one, other = (logits(laplace, way, n).flatten(1) for way in WAYS)
    order = torch.cat([one, other]).argsort(0)
    steps = torch.where(order < n, 1.0, -1.0).cumsum(0) / n
    # Kolmogorov-Smirnov, 36 comparisons: chance passes it less than once in a thousand times
    assert steps.abs().max() < 0.055


def test_a_drawn_network_answers_two_images_with_the_same_weights(laplace: LaplaceNetwork) -> None:
    """Equal images get equal answers from it, but samples of their own otherwise."""
    twice = IMAGES[:1].expand(2, 28, 28)
    drawn, sampled = laplace.draw(seeded(5))(twice), laplace.sample(twice, 1, seeded(5))[0]
    assert torch.allclose(drawn[0], drawn[1])
    assert not torch.allclose(sampled[0], sampled[1], atol=1e-3)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_many_drawn_networks_pass_each_image_through_the_hidden_layers_once(
    laplace: LaplaceNetwork, rows: int, monkeypatch
) -> None:
    generator = seeded(6)
    expected = torch.stack([laplace.draw(generator)(IMAGES).exp() for _ in range(5)])
    asked, features = [], laplace.features
    monkeypatch.setattr("bnnlib.networks.sampling.MAX_ROWS", rows)
    monkeypatch.setattr(laplace, "features", lambda x: asked.append(len(x)) or features(x))
    assert torch.allclose(sample_probs(laplace, IMAGES, 5, 6, shared=True), expected, atol=1e-6)
    assert sum(asked) == len(IMAGES)
    assert max(asked) <= rows


def test_an_unfitted_one_is_the_dropout_network_with_all_units(dropout: DropoutNetwork) -> None:
    network, exact = LaplaceNetwork.of(dropout), deterministic_probs(dropout, IMAGES)
    for shared in (True, False):
        asked = sample_probs(network, IMAGES, 3, 0, shared)
        assert torch.allclose(asked, exact.expand(3, -1, -1), atol=1e-6)
    network.layers[-1].weight.data.zero_()
    assert torch.equal(deterministic_probs(dropout, IMAGES), exact)  # its weights are its own


def test_it_is_stored_and_loaded(laplace: LaplaceNetwork, tmp_path) -> None:
    save_checkpoint(tmp_path / "kept", laplace, {"source": "mnist"})
    loaded = load_checkpoint(tmp_path / "kept")
    assert isinstance(loaded, LaplaceNetwork)
    assert loaded.config == LaplaceConfig(hidden=(8, H))
    for found, expected in zip(loaded.moments(IMAGES), laplace.moments(IMAGES), strict=True):
        assert torch.allclose(found, expected, rtol=5e-3, atol=2e-3)  # float16


def test_what_does_not_fit_is_refused(
    laplace: LaplaceNetwork, dropout: DropoutNetwork, tmp_path
) -> None:
    right = {
        "class_basis": torch.eye(C),
        "feature_basis": torch.eye(H),
        "scale": torch.ones(C, H + 1),
    }
    for name, wrong in itertools.product(right, (torch.ones(3, 3), torch.ones(C, H + 2))):
        with pytest.raises(ValueError, match=f"{name} has shape"):
            laplace.set_posterior(**{**right, name: wrong})
    save_checkpoint(tmp_path / "a", dropout, {})
    save_checkpoint(tmp_path / "b", laplace, {})
    with pytest.raises(BnnlibError, match="is of kind laplace"):
        assemble([str(tmp_path / "a"), str(tmp_path / "b")])
