"""Uncertainties of predictions whose uncertainty is known beforehand."""

import math

import pytest
import torch

from bnnlib.metrics import uncertainty
from bnnlib.metrics.uncertainty import (
    corrected_mutual_information,
    expected_entropy,
    mutual_information,
    predictive_entropy,
    variation_ratio,
    votes,
)

SURE = torch.eye(10)


def test_sampled_networks_that_agree_and_are_sure_leave_no_doubt() -> None:
    probs = SURE[3].expand(5, 1, 10)
    for measure in uncertainty.MEASURES.values():
        assert torch.equal(measure(probs), torch.zeros(1))
    assert votes(probs).tolist() == [[0, 0, 0, 5, 0, 0, 0, 0, 0, 0]]


def test_networks_that_are_sure_of_different_classes_are_all_epistemic() -> None:
    probs = SURE[[1, 7]][:, None]
    assert predictive_entropy(probs).item() == pytest.approx(math.log(2))
    assert expected_entropy(probs).item() == 0
    assert mutual_information(probs).item() == pytest.approx(math.log(2))
    assert variation_ratio(probs).item() == 0.5
    assert votes(probs).sum() == 2


def test_networks_that_all_leave_it_open_are_all_aleatoric() -> None:
    probs = torch.full((4, 2, 10), 0.1)
    assert predictive_entropy(probs).tolist() == pytest.approx([math.log(10)] * 2)
    assert expected_entropy(probs).tolist() == pytest.approx([math.log(10)] * 2)
    assert mutual_information(probs).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert variation_ratio(probs).tolist() == [0, 0]


def test_a_mixture_is_split_as_worked_out_by_hand() -> None:
    probs = torch.tensor(
        [[[0.9, 0.1]], [[0.5, 0.5]], [[0.1, 0.9]], [[0.3, 0.7]]], dtype=torch.float64
    )

    def h(p: float) -> float:
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    assert predictive_entropy(probs).item() == pytest.approx(h(0.45))
    assert expected_entropy(probs).item() == pytest.approx((2 * h(0.9) + h(0.5) + h(0.3)) / 4)
    assert mutual_information(probs).item() == pytest.approx(
        h(0.45) - (2 * h(0.9) + h(0.5) + h(0.3)) / 4
    )
    assert votes(probs).sum() == 4
    assert votes(probs)[0, 1] >= 2


@pytest.mark.parametrize("samples", [5, 10, 30])
def test_few_samples_do_not_hide_disagreement(samples: int) -> None:
    """p ~ Beta(1, 1): the mutual information is log 2 - 1 / 2, as E[H(p)] = 1 / 2."""
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(samples, 20_000, generator=generator, dtype=torch.float64)
    probs = torch.stack([p, 1 - p], -1)
    truth = math.log(2) - 0.5
    plain = mutual_information(probs).mean().item()
    corrected = corrected_mutual_information(probs).mean().item()
    assert plain < truth - 0.1 / samples  # the bias is near -1 / (6 samples)
    assert corrected == pytest.approx(truth, abs=0.004)


def test_the_correction_by_hand_and_of_a_single_sample() -> None:
    """Two samples that contradict each other: 2 log 2 minus nothing, as each alone is sure."""
    probs = SURE[[1, 7]][:, None]
    assert corrected_mutual_information(probs).item() == pytest.approx(2 * math.log(2))
    assert torch.equal(corrected_mutual_information(probs[:1]), torch.zeros(1))
    alike = torch.full((4, 2, 10), 0.1)
    assert corrected_mutual_information(alike).tolist() == pytest.approx([0, 0], abs=1e-5)


def test_shapes_and_bounds() -> None:
    probs = torch.rand(7, 20, 10, generator=torch.Generator().manual_seed(0)).softmax(-1)
    for measure in uncertainty.MEASURES.values():
        assert measure(probs).shape == (20,)
        assert (measure(probs) >= 0).all()
    assert votes(probs).shape == (20, 10)
    assert votes(probs).dtype == torch.int64
    assert (votes(probs).sum(-1) == 7).all()
    assert (predictive_entropy(probs) <= math.log(10)).all()
    total = expected_entropy(probs) + mutual_information(probs)
    assert torch.allclose(total, predictive_entropy(probs), atol=1e-6)


def test_a_single_sample_has_no_epistemic_part() -> None:
    probs = torch.rand(1, 500, 10, generator=torch.Generator().manual_seed(0)).softmax(-1)
    assert torch.equal(mutual_information(probs), torch.zeros(500))
    assert torch.equal(variation_ratio(probs), torch.zeros(500))
