"""Error, NLL, Brier, confusion: closed forms, torchmetrics and scikit-learn.

And one sentence for what is not a prediction.
"""

import math

import pytest
import torch

from bnnlib import metrics
from bnnlib.errors import BnnlibError

PROBS = torch.tensor(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64
)
LABELS = torch.tensor([0, 1, 0, 1])


def test_the_scores_by_hand() -> None:
    assert metrics.error(PROBS, LABELS) == 0.5
    assert metrics.nll(PROBS, LABELS) == pytest.approx(
        -(math.log(0.7) + math.log(0.8) + math.log(0.25) + math.log(0.3)) / 4, abs=1e-12
    )
    squares = (
        (0.3**2 + 0.2**2 + 0.1**2)
        + (0.1**2 + 0.2**2 + 0.1**2)
        + (0.75**2 + 0.25**2 + 0.5**2)
        + (0.6**2 + 0.7**2 + 0.1**2)
    )
    assert metrics.brier(PROBS, LABELS) == pytest.approx(squares / 4, abs=1e-12)
    assert set(metrics.figures(PROBS, LABELS)) == {"error", "nll", "ece", "brier"}


def test_a_uniform_guess_has_the_known_scores() -> None:
    probs, labels = torch.full((20, 10), 0.1), torch.arange(20) % 10
    assert metrics.nll(probs, labels) == pytest.approx(math.log(10), abs=1e-6)
    assert metrics.brier(probs, labels) == pytest.approx(0.9, abs=1e-6)


def test_the_scores_are_torchmetrics_and_scikit_learns(
    predictions: tuple[torch.Tensor, torch.Tensor],
) -> None:
    from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss
    from torchmetrics.functional.classification import multiclass_accuracy

    probs, labels = predictions
    accuracy = multiclass_accuracy(probs, labels, num_classes=10, average="micro").item()
    assert metrics.error(probs, labels) == pytest.approx(1 - accuracy, abs=1e-6)
    exact = probs.double() / probs.double().sum(-1, keepdim=True)
    assert metrics.nll(exact, labels) == pytest.approx(
        log_loss(labels, exact.numpy(), labels=range(10)), abs=1e-6
    )
    summed = brier_score_loss(
        labels.numpy(), exact.numpy(), labels=list(range(10)), scale_by_half=False
    )
    assert metrics.brier(exact, labels) == pytest.approx(summed, abs=1e-6)
    assert (
        metrics.confusion(probs, labels).numpy()
        == confusion_matrix(labels, probs.argmax(-1), labels=range(10))
    ).all()


def test_per_class_error_knows_a_class_without_images() -> None:
    matrix = metrics.confusion(PROBS, LABELS)
    assert matrix.tolist() == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert metrics.per_class_error(matrix) == [0.5, 0.5, None]


@pytest.mark.parametrize(
    ("probs", "labels", "word"),
    [
        (
            torch.tensor([[0.5, 0.5], [float("nan"), 0.5]]),
            torch.tensor([0, 1]),
            "1 of 2 predictions are not finite",
        ),
        (torch.tensor([[0.5, 0.1]]), torch.tensor([0]), "sum to 1"),
        (torch.tensor([[1.5, -0.5]]), torch.tensor([0]), "negative"),
        (torch.empty(0, 10), torch.empty(0, dtype=torch.int64), "at least one image"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0, 1]), "expected one for each"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([2]), "from 0 to 1"),
        (torch.tensor([[0.5, 0.5]]), torch.tensor([0.0]), "whole numbers"),
    ],
)
def test_what_is_no_prediction_gets_one_sentence(
    probs: torch.Tensor, labels: torch.Tensor, word: str
) -> None:
    with pytest.raises(BnnlibError, match=word) as caught:
        metrics.figures(probs, labels)
    assert "\n" not in str(caught.value)
