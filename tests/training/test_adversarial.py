"""The hardest image nearby, where it is known; and the loss that learns from it."""

import dataclasses

import pytest
import torch

from bnnlib.datasets.mnist import Digits
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.training.adversarial import perturbed
from bnnlib.training.config import TrainingConfig
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer


def test_an_image_moves_by_the_radius_along_the_gradient() -> None:
    images = torch.full((2, 28, 28), 0.5, requires_grad=True)
    weight = torch.randn(28, 28, generator=torch.Generator().manual_seed(0))
    (images * weight).sum().backward()  # a linear loss: its gradient is the weight everywhere
    moved = perturbed(images, 1.5) - images.detach()
    assert torch.allclose(moved.flatten(1).norm(dim=1), torch.tensor(1.5))
    assert torch.allclose(moved, (1.5 * weight / weight.norm()).expand_as(moved), atol=1e-6)
    assert not moved.requires_grad


def test_it_stays_an_image_and_needs_a_gradient() -> None:
    images = torch.tensor([0.0, 1.0]).repeat(1, 28, 14).requires_grad_()
    with pytest.raises(ValueError, match="no gradient"):
        perturbed(images, 1.0)
    (images.sum() * 0).backward()
    assert torch.equal(perturbed(images, 1.0), images)  # no direction, no move
    images.grad = None
    (images * torch.where(images > 0, 1.0, -1.0)).sum().backward()  # outwards
    assert torch.equal(perturbed(images, 3.0), images)


@pytest.mark.parametrize(
    "network",
    [
        DropoutConfig((16,), 0.0, 0.0),
        BayesianConfig((16,), initial_factors=(0.5,), initial_scale=1e-9),
    ],
)
def test_the_gradient_is_that_of_the_mean_loss(network, few: Digits) -> None:
    config = TrainingConfig(
        epochs=1, batch_size=32, temperature=0.01, adversarial=2.0, device="cpu"
    )
    trainer = Trainer(build(network, 0), few.train, few.validation, config)
    images, labels = few.train.images[:32].float() / 255, few.train.labels[:32]
    loss = trainer._differentiate(images, labels, 0.01)
    found = [p.grad.clone() for p in trainer.network.parameters()]

    inputs = images.clone().requires_grad_()
    trainer.optimiser.zero_grad()
    clean = trainer.objective(inputs, labels, 0.01)
    clean.value.backward()
    hard = trainer.objective(perturbed(inputs, 2.0), labels, 0.01)
    hard.value.backward()
    assert hard.nll > 1.05 * clean.nll  # it is harder
    assert torch.allclose(
        loss.nll, clean.nll, rtol=1e-4
    )  # what is reported is of the images themselves
    for gradient, parameter in zip(found, trainer.network.parameters(), strict=True):
        assert torch.allclose(gradient, parameter.grad / 2, rtol=1e-3, atol=1e-6)


def test_it_teaches_something_else(few: Digits) -> None:
    config = TrainingConfig(epochs=1, batch_size=32, device="cpu")
    plain, hard = (
        Trainer(
            build(DropoutConfig((16,)), 0),
            few.train,
            few.validation,
            dataclasses.replace(config, adversarial=radius),
        )
        .run_epoch()
        .nll
        for radius in (0.0, 2.0)
    )
    assert plain != hard
