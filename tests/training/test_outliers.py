"""Contradiction on what is no digit: known values, known minima, and that training raises it."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from bnnlib import sample_probs
from bnnlib.datasets.mnist import Digits
from bnnlib.metrics.uncertainty import mutual_information
from bnnlib.networks import BayesianConfig, Config, DropoutConfig
from bnnlib.training.config import TrainingConfig
from bnnlib.training.outliers import Outliers, disagreement
from bnnlib.training.start import build
from bnnlib.training.team import Team
from bnnlib.training.trainer import Trainer

CONFIGS: dict[str, Config] = {
    "dropout": DropoutConfig(hidden=(64, 64)),
    "bayesian": BayesianConfig(hidden=(64, 64), initial_factors=(0.55, 0.55)),
}
BRIEF = TrainingConfig(epochs=6, batch_size=25, lr=3e-3, temperature=0.001, device="cpu")


def logits(*answers: int, size: float = 200.0) -> torch.Tensor:
    """One image, a network a sure answer: `[K, 1, 10]`."""
    return size * F.one_hot(torch.tensor(answers), 10).float()[:, None]


def test_flat_answers_have_the_known_value() -> None:
    assert disagreement(torch.zeros(4, 2, 10), 0.7).tolist() == pytest.approx([0.03, 0.03])


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((3, 3), 1 - 0.7),  # sure and alike: the largest value there is
        ((3, 5), -0.7),  # sure and contrary: the least
        ((1, 1, 2), 1 / 3 - 0.7),  # one of three pairs agrees
        (tuple(range(10)), -0.7),
    ],
)
def test_sure_answers_count_the_pairs_that_agree(answers: tuple[int, ...], expected: float) -> None:
    assert disagreement(logits(*answers), 0.7).item() == pytest.approx(expected, abs=1e-6)


def test_the_mean_over_pairs_is_what_many_networks_give() -> None:
    generator = torch.Generator().manual_seed(0)
    many = 2 * torch.randn(4_000, 1, 10, generator=generator)
    pairs = disagreement(many.view(2, 2_000, 1, 10).flatten(1, 2), 0.7).mean()
    assert pairs.item() == pytest.approx(disagreement(many, 0.7).item(), abs=0.01)


def test_the_gradient_is_that_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 2, 10, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: disagreement(x, 0.7), z)
    flat = torch.zeros(2, 1, 10, dtype=torch.float64, requires_grad=True)
    disagreement(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.abs().max() == pytest.approx(0)


def test_a_step_downhill_makes_sure_networks_that_agree_contradict() -> None:
    z = logits(3, 3, size=2.0) + 0.1 * torch.randn(
        2, 1, 10, generator=torch.Generator().manual_seed(0)
    )
    z.requires_grad_()
    for _ in range(300):
        (slope,) = torch.autograd.grad(disagreement(z).sum(), z)
        with torch.no_grad():
            z -= 10 * slope
    assert disagreement(z).item() < -0.6
    assert z[0].argmax() != z[1].argmax()


def test_one_network_cannot_contradict_itself() -> None:
    with pytest.raises(ValueError, match="at least two"):
        disagreement(torch.zeros(1, 5, 10))


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_training_raises_mutual_information_on_outliers_and_keeps_the_last_epoch(
    kind: str, few: Digits
) -> None:
    """The outliers are frames with noise in them, which no digit has."""
    generator = torch.Generator().manual_seed(0)
    outliers = torch.randint(0, 60, (200, 28, 28), generator=generator).to(torch.uint8)
    outliers[:, 2:5] = outliers[:, -5:-2] = 255
    doubts = {}
    for with_them in (False, True):
        network = build(CONFIGS[kind], 0)
        trainer = Trainer(
            network, few.train, few.validation, BRIEF, outliers if with_them else None
        )
        reports = [trainer.run_epoch() for _ in range(BRIEF.epochs)]
        doubts[with_them] = mutual_information(sample_probs(network, outliers, 30, 0)).mean()
        if with_them:
            assert trainer.best_epoch == BRIEF.epochs
            assert reports[-1].outlier_loss is not None
            assert reports[-1].outlier_loss < reports[0].outlier_loss  # type: ignore[operator]
        else:
            assert reports[-1].outlier_loss is None
    assert doubts[True] > doubts[False] + 0.2


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_a_resumed_training_with_outliers_is_the_same_to_the_bit(kind: str, few: Digits) -> None:
    outliers = few.validation.images.flip(1)
    config = dataclasses.replace(BRIEF, epochs=2, augment="full", average=0.9)

    def begin() -> Trainer:
        return Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config, outliers)

    whole, first, resumed = begin(), begin(), begin()
    for _ in range(2):
        whole.run_epoch()
    first.run_epoch()
    resumed.load_state_dict(first.state_dict())
    resumed.run_epoch()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])
    assert whole.history[1].outlier_loss == resumed.history[1].outlier_loss


@pytest.mark.parametrize("kind", ["dropout", "bayesian"])
def test_half_of_the_outliers_are_the_hardest_candidates(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One outlier in eight is named alike by every network; R of the others is far lower."""
    images = torch.zeros(400, 28, 28, dtype=torch.uint8)
    images[::8] = 255
    noise, bend = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    network = build(CONFIGS[kind], 0)
    outliers = Outliers(network, images, 1.0, "none", torch.float32, noise, bend, Team(network))

    def sure_where_white(given: torch.Tensor) -> torch.Tensor:
        white = given.flatten(1).mean(1) > 0.5
        one_hot = F.one_hot(torch.zeros(len(given), dtype=torch.long), 10)
        return (50.0 * white[:, None] * one_hot).expand(2, -1, -1)

    monkeypatch.setattr(outliers, "_logits", sure_where_white)
    hard = (outliers._chosen(64).flatten(1).mean(1) > 0.5).double()
    assert len(hard) == 64
    assert hard[:32].mean() < 0.4  # at random: an eighth
    # 128 candidates hold about 16 of them, all taken; 32 are chosen.
    assert 8 <= hard[32:].sum() <= 26
    assert hard[32:].mean() > 2 * hard[:32].mean()
