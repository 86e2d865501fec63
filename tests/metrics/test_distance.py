"""Conformal p-values, principal directions and nearest neighbours, against known answers."""

import numpy as np
import pytest
import torch

from bnnlib.errors import BnnlibError
from bnnlib.metrics.conformal import conformal_p
from bnnlib.metrics.density import ClassGaussians, Directions
from bnnlib.metrics.neighbours import nearest, principal


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_conformal_p_by_hand() -> None:
    usual = torch.tensor([3.0, 1.0, 2.0, 2.0])
    score = torch.tensor([0.0, 1.0, 2.0, 2.5, 3.0, 9.0])
    expected = [5 / 5, 5 / 5, 4 / 5, 2 / 5, 2 / 5, 1 / 5]
    assert conformal_p(score, usual).tolist() == pytest.approx(expected)


def test_conformal_p_is_valid_for_scores_like_the_usual_ones() -> None:
    """P(p <= a) = floor(a (N + 1)) / (N + 1) where all N + 1 scores are alike and without ties."""
    scores = torch.randn(4_000, 20, generator=seeded(0))
    p = torch.stack([conformal_p(row[:1], row[1:])[0] for row in scores])
    for a in (0.1, 0.25, 0.5):
        exact = int(a * 20 + 1e-9) / 20
        assert (p <= a + 1e-9).double().mean().item() == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("usual", [torch.empty(0), torch.tensor([1.0, float("nan")])])
def test_conformal_p_without_usual_scores_is_one_sentence(usual, one_sentence) -> None:
    with pytest.raises(BnnlibError) as caught:
        conformal_p(torch.ones(2), usual)
    assert one_sentence(str(caught.value))


def test_principal_directions_are_numpys() -> None:
    scales = torch.tensor([9.0, 5.0, 3.0, 1.0, 0.5, 0.1])
    turn = torch.linalg.qr(torch.randn(6, 6, generator=seeded(1))).Q
    features = torch.randn(3_000, 6, generator=seeded(2)) * scales @ turn + 4
    mean, basis = principal(features, 3, seeded(3))
    values, vectors = np.linalg.eigh(np.cov(features.numpy().T))
    assert mean.numpy() == pytest.approx(features.numpy().mean(0), abs=1e-5)
    overlap = np.abs(vectors[:, ::-1][:, :3].T @ basis.numpy())
    np.testing.assert_allclose(overlap, np.eye(3), atol=1e-3)
    spread = ((features - mean) @ basis).var(0)
    np.testing.assert_allclose(spread, values[::-1][:3], rtol=1e-3)


def test_more_directions_than_there_are_is_one_sentence(one_sentence) -> None:
    with pytest.raises(BnnlibError) as caught:
        principal(torch.ones(5, 3), 4, seeded(0))
    assert one_sentence(str(caught.value))


def test_nearest_is_brute_force_and_finds_an_image_at_distance_zero(monkeypatch) -> None:
    monkeypatch.setattr("bnnlib.metrics.neighbours.CHUNK", 7)
    references = torch.randn(40, 5, generator=seeded(4)).half()
    features = torch.cat([torch.randn(3, 5, generator=seeded(5)), references[11:12].float()])
    values, index = nearest(features, references, 4)
    wide = references.double().numpy()
    for row, (found, places) in enumerate(zip(values, index, strict=True)):
        distances = np.sqrt(((wide - features[row].double().numpy()) ** 2).sum(1))
        assert places.tolist() == np.argsort(distances)[:4].tolist()
        assert found.numpy() == pytest.approx(np.sort(distances)[:4], rel=1e-5, abs=1e-7)
    assert (values[3, 0].item(), index[3, 0].item()) == (0, 11)


def test_more_neighbours_than_references_is_one_sentence(one_sentence) -> None:
    with pytest.raises(BnnlibError) as caught:
        nearest(torch.ones(1, 2), torch.ones(3, 2), 4)
    assert one_sentence(str(caught.value))


def test_the_density_is_the_mixture_of_torch_distributions() -> None:
    """Fitted to the points, each class has its own mean, covariance and share."""
    points = torch.randn(900, 3, generator=seeded(6)).double()
    labels = torch.arange(900) % 3 % 2  # shares 2/3 and 1/3
    points[labels == 1] = points[labels == 1] * torch.tensor([2.0, 0.5, 1.0]) + 3
    gaussians = ClassGaussians.fit(points.float(), labels)
    new = torch.randn(20, 3, generator=seeded(7)).double() * 4
    expected = torch.stack(
        [
            torch.distributions.MultivariateNormal(
                points[labels == c].mean(0), torch.cov(points[labels == c].T)
            ).log_prob(new)
            + (labels == c).double().mean().log()
            for c in (0, 1)
        ]
    ).logsumexp(0)
    assert gaussians.distance(new.float()).numpy() == pytest.approx(-expected.numpy(), rel=1e-4)


def test_a_class_that_is_flat_in_a_direction_has_a_finite_density() -> None:
    points = torch.randn(50, 2, generator=seeded(8)) * torch.tensor([1.0, 0.0])
    gaussians = ClassGaussians.fit(points, torch.zeros(50, dtype=torch.long))
    near, far = gaussians.distance(torch.tensor([[0.0, 0.0], [0.0, 1.0]])).tolist()
    assert np.isfinite([near, far]).all()
    assert far > near + 1_000


def test_lengths_do_not_count_and_directions_do() -> None:
    features = torch.rand(200, 8, generator=seeded(9))
    subspace = Directions.fit(features, 3)
    torch.testing.assert_close(subspace.project(5 * features), subspace.project(features))
    assert subspace.project(torch.zeros(1, 8)).isfinite().all()
    assert not torch.allclose(
        subspace.project(features.flip(1)), subspace.project(features), atol=0.01
    )


def test_a_class_without_points_is_one_sentence(one_sentence) -> None:
    for labels in (torch.tensor([0, 0, 2, 2]), torch.empty(0, dtype=torch.long)):
        with pytest.raises(BnnlibError) as caught:
            ClassGaussians.fit(torch.ones(len(labels), 2), labels)
        assert one_sentence(str(caught.value))
