"""Selective prediction, detection and the bootstrap.

Closed forms, ties, scikit-learn, and what cannot be measured.
"""

import math

import pytest
import torch

from bnnlib import metrics
from bnnlib.errors import BnnlibError


@pytest.fixture(scope="module")
def ranked() -> tuple[torch.Tensor, torch.Tensor]:
    """5,000 scores with many ties, and labels that go with them."""
    generator = torch.Generator().manual_seed(5)
    positive = torch.rand(5_000, generator=generator) < 0.3
    return ((torch.randn(5_000, generator=generator) + positive) * 10).round() / 10, positive


def test_risk_coverage_by_hand() -> None:
    doubt, wrong = torch.tensor([0.4, 0.1, 0.3, 0.2]), torch.tensor([True, False, False, True])
    coverage, risk = metrics.risk_coverage(doubt, wrong)
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert metrics.aurc(doubt, wrong) == pytest.approx((0.25 + 5 / 12 + 5 / 12) / 3)
    assert metrics.accuracy_at_coverage(doubt, wrong, 0.5) == 0.5
    assert metrics.accuracy_at_coverage(doubt, wrong, 0.6) == pytest.approx(2 / 3)


def test_doubt_that_knows_nothing_leaves_the_risk_where_it_was() -> None:
    """All in equal doubt: no order is better than another, and the area is the error itself."""
    wrong = torch.tensor([True] * 3 + [False] * 7)
    assert metrics.aurc(torch.zeros(10), wrong) == pytest.approx(0.3)
    assert metrics.aurc(torch.zeros(1), wrong[:1]) == 1
    assert metrics.accuracy_at_coverage(torch.zeros(10), wrong, 0.9) == pytest.approx(0.7)


def test_perfect_doubt_refuses_exactly_the_mistakes() -> None:
    wrong = torch.arange(1_000) >= 990
    doubt = wrong.float()
    assert metrics.accuracy_at_coverage(doubt, wrong, 0.99) == 1
    assert metrics.auroc(doubt, wrong) == 1
    # risk is 0 up to 990 and (k - 990) / k after, tied mistakes in any order: all alike
    risk = [0.0] * 990 + [(k - 990) / k for k in range(991, 1_001)]
    by_hand = (sum(risk) - (risk[0] + risk[-1]) / 2) / 999
    assert metrics.aurc(doubt, wrong) == pytest.approx(by_hand)


def test_a_refusal_threshold_answers_the_coverage_it_was_learnt_for() -> None:
    doubt = torch.rand(10_000, generator=torch.Generator().manual_seed(1))
    threshold = metrics.refusal_threshold(doubt, 0.95)
    assert int((doubt <= threshold).sum()) == 9_500
    assert metrics.refusal_threshold(torch.tensor([3.0, 1.0, 2.0]), 1.0) == 3


@pytest.mark.parametrize("coverage", [0, -0.1, 1.2])
def test_a_coverage_out_of_range(coverage: float) -> None:
    with pytest.raises(BnnlibError, match="expected a share"):
        metrics.refusal_threshold(torch.ones(3), coverage)


def test_detection_by_hand() -> None:
    found = metrics.detection(torch.tensor([0.1, 0.2, 0.4]), torch.tensor([0.3, 0.4, 0.9]))
    assert found["auroc"] == pytest.approx((2 + 2.5 + 3) / 9)  # 0.4 ties with 0.4
    assert found["aupr"] == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 4)
    assert found["fpr95"] == pytest.approx(1 / 3)


def test_detection_is_scikit_learns_with_ties(ranked: tuple[torch.Tensor, torch.Tensor]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    score, positive = ranked
    assert metrics.auroc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-9)
    assert metrics.average_precision(score, positive) == pytest.approx(
        average_precision_score(positive, score), abs=1e-9
    )
    fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
    assert metrics.fpr_at_tpr(score, positive) == pytest.approx(fpr[tpr >= 0.95][0], abs=1e-9)


def test_detection_is_torchmetrics(ranked: tuple[torch.Tensor, torch.Tensor]) -> None:
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    score, positive = ranked
    probability = score.sigmoid()
    assert metrics.auroc(probability, positive) == pytest.approx(
        binary_auroc(probability, positive.long()).item(), abs=1e-6
    )
    theirs = binary_average_precision(probability, positive.long()).item()
    assert metrics.average_precision(probability, positive) == pytest.approx(theirs, abs=1e-6)


def test_one_sample_has_no_mutual_information_and_says_nothing_by_it() -> None:
    probs = torch.rand(1, 50, 10, generator=torch.Generator().manual_seed(0)).softmax(-1)
    doubts = metrics.doubts(probs)
    assert doubts["mutual_information"].max() == 0
    wrong = torch.arange(50) % 5 == 0
    assert metrics.auroc(doubts["mutual_information"], wrong) == 0.5


def test_the_measures_by_hand() -> None:
    """Two networks that contradict each other with certainty: all their doubt is epistemic."""
    doubts = metrics.doubts(torch.eye(2)[:, None, :])
    assert doubts["least_confidence"].item() == 0.5
    assert doubts["predictive_entropy"].item() == pytest.approx(math.log(2))
    assert doubts["mutual_information"].item() == pytest.approx(math.log(2))
    assert doubts["expected_entropy"].item() == 0
    assert doubts["variation_ratio"].item() == 0.5


@pytest.mark.parametrize(
    "positive", [torch.zeros(4, dtype=torch.bool), torch.ones(4, dtype=torch.bool)]
)
@pytest.mark.parametrize("metric", [metrics.auroc, metrics.average_precision, metrics.fpr_at_tpr])
def test_a_set_of_one_kind_gets_one_sentence(metric, positive: torch.Tensor) -> None:
    with pytest.raises(BnnlibError, match="All 4 images are"):
        metric(torch.rand(4), positive)


def test_damaged_scores_get_one_sentence() -> None:
    damaged = torch.tensor([0.1, float("nan")])
    with pytest.raises(BnnlibError, match="not finite"):
        metrics.auroc(damaged, torch.tensor([True, False]))
    with pytest.raises(BnnlibError, match="not finite"):
        metrics.aurc(damaged, torch.tensor([True, False]))
    with pytest.raises(BnnlibError, match="no images"):
        metrics.aurc(torch.empty(0), torch.empty(0, dtype=torch.bool))


def share(values: torch.Tensor) -> float:
    return values.double().mean().item()


def test_the_bootstrap_interval_of_a_mean_is_the_normal_one() -> None:
    """1,000 draws with share p = 0.2: the standard error is sqrt(p (1 - p) / 1,000) = 0.01265."""
    wrong = torch.arange(1_000) < 200
    low, high = metrics.bootstrap_interval(
        lambda w: w.double().mean().item(), wrong, resamples=2_000
    )
    assert low == pytest.approx(0.2 - 1.96 * 0.01265, abs=0.003)
    assert high == pytest.approx(0.2 + 1.96 * 0.01265, abs=0.003)
    assert metrics.bootstrap_interval(lambda w: w.double().mean().item(), torch.ones(5)) == (1, 1)


def test_a_paired_interval_is_mcnemars() -> None:
    """Two networks are wrong on the same 300 of 4,000 images, and each on 60 and 30 others.

    The difference of their errors has the variance (b + c - (b - c)^2 / n) / n^2 with b = 60 and
    c = 30. Two intervals of their own errors are twice as wide and overlap.
    """
    image = torch.arange(4_000)
    first, second = image < 360, (image < 300) | (image >= 3_970)
    low, high = metrics.paired_interval(share, [first], [second], resamples=2_000)
    deviation = math.sqrt(60 + 30 - 30**2 / 4_000) / 4_000
    assert low == pytest.approx(30 / 4_000 - 1.96 * deviation, abs=4e-4)
    assert high == pytest.approx(30 / 4_000 + 1.96 * deviation, abs=4e-4)
    assert low > 0
    each = [metrics.bootstrap_interval(share, wrong) for wrong in (second, first)]
    assert each[0][1] > each[1][0]


def test_a_paired_interval_of_the_same_network_is_0_and_of_other_images_refused() -> None:
    wrong = torch.arange(50) % 7 == 0
    assert metrics.paired_interval(share, [wrong], [wrong], resamples=20) == (0, 0)
    with pytest.raises(BnnlibError, match="50, 49 images: expected the same images"):
        metrics.paired_interval(share, [wrong], [wrong[1:]])


def test_the_bootstrap_leaves_out_resamples_without_mistakes() -> None:
    doubt, wrong = torch.arange(20.0), torch.arange(20) == 19
    low, high = metrics.bootstrap_interval(metrics.auroc, doubt, wrong, resamples=50)
    assert (low, high) == (1, 1)
    with pytest.raises(BnnlibError, match="undefined on every resample"):
        metrics.bootstrap_interval(
            metrics.auroc, doubt, torch.zeros(20, dtype=torch.bool), resamples=5
        )
