"""A compiled step: the numbers of an ordinary one, and an ordinary one where nothing can be compiled."""

import dataclasses
import shutil
import sysconfig
from pathlib import Path

import pytest
import torch

from bnnlib.compiled import CompiledStep, Draws
from bnnlib.data import Digits
from bnnlib.models import BayesianConfig, DropoutConfig, TrainableConfig
from bnnlib.objectives import Loss
from bnnlib.presets import TrainingConfig
from bnnlib.training import Trainer, build, fit

BRIEF = TrainingConfig(epochs=2, batch_size=32, lr=1e-3, temperature=0.01, temperature_warmup=1, device="cpu", compile=True)
COMPILER = any(map(shutil.which, ("g++", "clang++", "c++"))) and Path(sysconfig.get_paths()["include"], "Python.h").exists()


def trained(network: TrainableConfig, few: Digits, **changes: object) -> tuple[Trainer, torch.Tensor]:
    """A finished run and all its parameters in a row."""
    trainer = fit(build(network, 0), few, dataclasses.replace(BRIEF, **changes))
    return trainer, torch.cat([parameter.detach().flatten() for parameter in trainer.network.parameters()])


@pytest.mark.skipif(not COMPILER, reason="needs a C++ compiler and Python's headers")
@pytest.mark.parametrize(
    ("network", "changes"),
    [
        (BayesianConfig(hidden=(16,), initial_factors=(0.5,), prior_scale=None), {"epochs": 3, "adversarial": 1.0, "average": 0.9}),
        (DropoutConfig(hidden=(16,)), {"temperature_warmup": 0}),
    ],
    ids=["bayesian, its prior learnt between epochs", "dropout"],
)
def test_a_compiled_run_learns_what_an_ordinary_one_does(network: TrainableConfig, changes: dict, few: Digits) -> None:
    compiled, parameters = trained(network, few, **changes)
    ordinary, expected = trained(network, few, **changes, compile=False)
    assert compiled.compiled.program is not None
    assert not compiled.compiled.failed
    assert torch.allclose(parameters, expected, atol=1e-4)
    assert not torch.equal(expected, trained(network, few, **changes, compile=False, seed=1)[1])
    for ours, theirs in zip(compiled.history, ordinary.history, strict=True):
        assert (ours.loss, ours.nll, ours.kl or 0) == pytest.approx((theirs.loss, theirs.nll, theirs.kl or 0), rel=1e-4)


@pytest.mark.parametrize("kind", [BayesianConfig(hidden=(16,), initial_factors=(0.5,)), DropoutConfig(hidden=(16,))], ids=lambda c: c.kind)
def test_where_nothing_can_be_compiled_it_is_said_and_training_goes_on_alike(kind: TrainableConfig, few: Digits, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("No working C++ compiler found.\nMore than anyone wants to know.")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match=r"cannot be compiled here \(No working C\+\+ compiler found.\): training goes on") as said:
        _, parameters = trained(kind, few, temperature_warmup=0)
    assert len(said) == 1
    assert torch.equal(parameters, trained(kind, few, temperature_warmup=0, compile=False)[1])


def test_what_was_drawn_can_be_drawn_again_or_given() -> None:
    generator = torch.Generator().manual_seed(0)
    with Draws() as seen:
        first = torch.rand(3, generator=generator).lt_(0.5), torch.randn(2, generator=generator)
    generator.manual_seed(0)
    given = [draw() for draw in seen.draws]
    with Draws(given):
        again = torch.rand(3, generator=generator).lt_(0.5), torch.randn(2, generator=generator)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(given[0].lt(0.5), again[0].bool())  # what was given is as it was


def test_the_first_call_is_the_step_itself() -> None:
    weight = torch.ones(2, requires_grad=True)
    zero = torch.zeros(())

    def step(images: torch.Tensor, labels: torch.Tensor) -> Loss:
        value = (weight * images).sum()
        value.backward()
        return Loss(value, zero, zero, None, labels.sum())

    loss = CompiledStep(step, [weight])(torch.tensor([2.0, 3.0]), torch.tensor([4]))
    assert (float(loss.value.detach()), loss.kl, int(loss.correct)) == (5.0, None, 4)
    assert torch.equal(weight.grad, torch.tensor([2.0, 3.0]))
