"""Calibration: tables by hand, torchmetrics' ECE, an unbiased square, and known temperatures."""

import math

import pytest
import torch

from bnnlib import metrics
from bnnlib.errors import BnnlibError


def two_classes(confidence: list[float], right: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions of class 0 with these confidences, right where `right` is 1."""
    p = torch.tensor(confidence, dtype=torch.float64)
    return torch.stack([p, 1 - p], -1), 1 - torch.tensor(right)


def test_reliability_by_hand() -> None:
    probs, labels = two_classes([0.55, 0.58, 0.9, 0.92, 0.94, 1.0], [1, 0, 1, 1, 0, 1])
    table = metrics.reliability(probs, labels, bins=10)
    assert table.count.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 1, 3]  # 0.9 lies in (0.8, 0.9]
    assert table.accuracy[5].item() == 0.5
    assert table.accuracy[9].item() == pytest.approx(2 / 3)
    assert table.confidence[9].item() == pytest.approx(2.86 / 3)
    assert math.isnan(table.accuracy[0])
    assert metrics.ece(probs, labels, bins=10) == pytest.approx(
        (abs(1 - 1.13) + abs(1 - 0.9) + abs(2 - 2.86)) / 6, abs=1e-12
    )


def test_equal_mass_bins_hold_equal_counts_whatever_the_order() -> None:
    probs, labels = two_classes([0.99, 0.6, 0.8, 0.7, 0.95, 0.9, 0.65], [1, 0, 1, 1, 1, 0, 1])
    table = metrics.reliability(probs, labels, bins=3, equal_mass=True)
    assert table.count.tolist() == [3, 2, 2]
    by_hand = abs(2 - 1.95) + abs(1 - 1.7) + abs(2 - 1.94)
    assert metrics.equal_mass_ece(probs, labels, bins=3) == pytest.approx(by_hand / 7, abs=1e-12)


def test_a_calibrated_network_has_no_calibration_error() -> None:
    probs, labels = two_classes([0.75] * 8, [1, 1, 1, 0, 1, 1, 1, 0])
    assert metrics.ece(probs, labels) == pytest.approx(0, abs=1e-12)
    assert metrics.equal_mass_ece(probs, labels, bins=2) == pytest.approx(0, abs=1e-12)


def test_ece_is_torchmetrics(predictions: tuple[torch.Tensor, torch.Tensor]) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error

    probs, labels = predictions
    theirs = multiclass_calibration_error(
        probs, labels, num_classes=10, n_bins=15, norm="l1"
    ).item()
    assert metrics.ece(probs, labels) == pytest.approx(theirs, abs=1e-6)


def test_the_squared_error_of_one_confidence_is_kumars() -> None:
    """At one confidence the variance of a bin's mean is a (1 - a) / (n - 1), as in their paper."""
    probs, labels = two_classes([0.9] * 20, [1] * 14 + [0] * 6)
    expected = (0.9 - 0.7) ** 2 - 0.7 * 0.3 / 19
    assert metrics.squared_calibration_error(probs, labels, bins=1) == pytest.approx(expected)


def test_the_squared_error_by_hand_in_two_bins() -> None:
    probs, labels = two_classes([0.6, 0.7, 0.8, 0.9, 1.0], [1, 0, 1, 1, 0])
    gaps = torch.tensor([0.4, -0.7, 0.2]), torch.tensor([0.1, -1.0])
    by_hand = sum(len(g) / 5 * (g.mean() ** 2 - g.var() / len(g)).item() for g in gaps)
    assert metrics.squared_calibration_error(probs, labels, bins=2) == pytest.approx(by_hand)
    with pytest.raises(BnnlibError, match="at least two"):
        metrics.squared_calibration_error(probs[:1], labels[:1])


def simulated(sets: int, temperature: float) -> torch.Tensor:
    """Estimates and interval ends `[sets, 3]` of networks that are calibrated at temperature 1."""
    generator, rows = torch.Generator().manual_seed(1), []
    for _ in range(sets):
        probs = torch.randn(2_000, 10, generator=generator).mul_(4).softmax(-1)
        labels = torch.multinomial(probs, 1, generator=generator)[:, 0]
        said = metrics.apply_temperature(probs, temperature)
        low, high = metrics.squared_calibration_error_interval(said, labels)
        rows.append([metrics.squared_calibration_error(said, labels), low, high])
    return torch.tensor(rows, dtype=torch.float64)


def test_a_calibrated_networks_interval_holds_0_and_a_miscalibrated_ones_does_not() -> None:
    """100 sets each: 95 are expected to hold 0 (90 or more: 99 % of the time); ECE never is 0."""
    value, low, high = simulated(100, 1.0).T
    assert ((low <= 0) & (high >= 0)).sum() >= 90
    assert value.mean().abs() < 2 * value.std() / 10  # no bias: 2 standard errors
    value, low, high = simulated(100, 0.7).T
    assert (low > 0).sum() >= 98
    assert ((low <= value.mean()) & (value.mean() <= high)).sum() >= 90


@pytest.mark.parametrize(("confidence", "accuracy"), [(0.99, 0.9), (0.7, 0.95), (0.8, 0.8)])
def test_the_temperature_of_one_confidence_is_known(confidence: float, accuracy: float) -> None:
    """At confidence p and accuracy a the NLL is least where logit(p) / T = logit(a)."""
    right = round(accuracy * 100)
    probs, labels = two_classes([confidence] * 100, [1] * right + [0] * (100 - right))
    temperature = metrics.fit_temperature(probs, labels)
    assert temperature == pytest.approx(
        math.log(confidence / (1 - confidence)) / math.log(accuracy / (1 - accuracy)), rel=1e-4
    )
    assert metrics.ece(metrics.apply_temperature(probs, temperature), labels) == pytest.approx(
        0, abs=1e-4
    )


def test_temperature_one_changes_nothing_and_none_changes_the_winner(
    predictions: tuple[torch.Tensor, torch.Tensor],
) -> None:
    probs, labels = predictions
    assert torch.allclose(metrics.apply_temperature(probs, 1.0).float(), probs, atol=1e-6)
    scaled = metrics.apply_temperature(probs, metrics.fit_temperature(probs, labels))
    assert torch.equal(scaled.argmax(-1), probs.argmax(-1))
    assert metrics.nll(scaled, labels) <= metrics.nll(probs, labels) + 1e-9


def test_the_temperature_of_samples_undoes_what_was_done_to_each(
    predictions: tuple[torch.Tensor, torch.Tensor],
) -> None:
    probs, labels = predictions
    samples = torch.stack(
        [probs, probs.roll(1, 0).lerp(probs, 0.7), probs.lerp(torch.full_like(probs, 0.1), 0.2)]
    )
    best = metrics.fit_temperature(samples, labels)
    assert metrics.fit_temperature(
        metrics.apply_temperature(samples, 1 / 3), labels
    ) == pytest.approx(3 * best, rel=1e-3)
    assert metrics.fit_temperature(probs[None], labels) == pytest.approx(
        metrics.fit_temperature(probs, labels), rel=1e-5
    )


def test_the_temperature_of_samples_is_the_better_of_two_minima() -> None:
    """Three samples of three images: NLL 1.037 near T = 0.14, and a worse minimum, 1.067, at 1.86.

    A bounded search alone ends in the worse one.
    """
    counts = torch.tensor(
        [
            [[15, 8, 10], [1, 6, 9], [13, 1, 19]],
            [[9, 13, 17], [12, 4, 6], [3, 16, 14]],
            [[4, 18, 1], [2, 12, 6], [8, 18, 2]],
        ]
    )
    samples, labels = counts / counts.sum(-1, keepdim=True), torch.arange(3)

    def loss(temperature: float) -> float:
        return metrics.nll(metrics.apply_temperature(samples, temperature).mean(0), labels)

    assert loss(1.86) < min(loss(1.5), loss(2.3))
    found = metrics.fit_temperature(samples, labels)
    assert found == pytest.approx(0.14, abs=0.01)
    assert loss(found) == pytest.approx(min(loss(0.05 * 1.02**k) for k in range(300)), abs=1e-5)
    assert loss(found) < loss(1.86) - 0.03


def test_no_temperature_without_mistakes() -> None:
    probs, labels = two_classes([0.9, 0.8], [1, 1])
    with pytest.raises(BnnlibError, match="All 2 predictions are right"):
        metrics.fit_temperature(probs, labels)
