"""A compiled step gives an ordinary one's numbers; without a compiler it is an ordinary one."""

import dataclasses
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bnnlib.datasets.mnist import Digits
from bnnlib.networks import BayesianConfig, DropoutConfig, TrainableConfig
from bnnlib.training.compiled_step import Draws
from bnnlib.training.config import TrainingConfig
from bnnlib.training.session import fit
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer

BRIEF = TrainingConfig(
    epochs=2,
    batch_size=32,
    lr=1e-3,
    temperature=0.01,
    temperature_warmup=1,
    device="cpu",
    compile=True,
)
BAYESIAN, DROPOUT = (
    BayesianConfig(hidden=(16,), initial_factors=(0.5,)),
    DropoutConfig(hidden=(16,)),
)
COMPILER = (
    any(map(shutil.which, ("g++", "clang++", "c++")))
    and Path(sysconfig.get_paths()["include"], "Python.h").exists()
)


def fitted(
    network: TrainableConfig, few: Digits, **changes: object
) -> tuple[Trainer, torch.Tensor]:
    """A finished run and all its parameters in a row."""
    trainer = fit(build(network, 0), few, dataclasses.replace(BRIEF, **changes))
    return trainer, torch.cat(
        [parameter.detach().flatten() for parameter in trainer.network.parameters()]
    )


@pytest.mark.skipif(not COMPILER, reason="needs a C++ compiler and Python's headers")
@pytest.mark.parametrize(
    ("network", "changes"),
    [
        (
            dataclasses.replace(BAYESIAN, prior_scale=None),
            {"epochs": 3, "adversarial": 1.0, "average": 0.9},
        ),
        (BAYESIAN, {"precision": "bf16", "temperature_warmup": 0}),
        (DROPOUT, {"temperature_warmup": 0, "objective": "published"}),
    ],
    ids=["bayesian, its prior learnt between epochs", "bfloat16", "dropout, published"],
)
def test_a_compiled_run_learns_what_an_ordinary_one_does(
    network: TrainableConfig, changes: dict, few: Digits
) -> None:
    compiled, parameters = fitted(network, few, **changes)
    ordinary, expected = fitted(network, few, **changes, compile=False)
    assert compiled.compiled.program is not None
    assert not compiled.compiled.failed
    assert torch.allclose(parameters, expected, atol=1e-5)
    assert not torch.equal(expected, fitted(network, few, **changes, compile=False, seed=1)[1])
    for ours, theirs in zip(compiled.history, ordinary.history, strict=True):
        assert (ours.loss, ours.nll, ours.kl or 0) == pytest.approx(
            (theirs.loss, theirs.nll, theirs.kl or 0), rel=1e-4
        )


@pytest.mark.parametrize("kind", [BAYESIAN, DROPOUT], ids=lambda c: c.kind)
@pytest.mark.parametrize("works", [0, 3], ids=["at once", "after three steps"])
def test_where_the_program_fails_it_is_said_and_training_goes_on_alike(
    kind: TrainableConfig, works: int, few: Digits, monkeypatch, caplog
) -> None:
    def compiler(graph: Callable, **_: object) -> Callable:
        calls = iter(range(works))

        def program(*inputs: torch.Tensor) -> list:
            if next(calls, None) is None:
                raise RuntimeError(
                    "No working C++ compiler found.\nMore than anyone wants to know."
                )
            return graph(*inputs)

        return program

    monkeypatch.setattr(torch, "compile", compiler)
    trainer, parameters = fitted(kind, few, temperature_warmup=0)
    assert trainer.compiled.failed
    assert caplog.messages == [
        "Training goes on without a compiled step: No working C++ compiler found."
    ]
    ordinary = fitted(kind, few, temperature_warmup=0, compile=False)[1]
    assert torch.allclose(parameters, ordinary, atol=1e-6)
    assert works or torch.equal(parameters, ordinary)


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


def test_a_step_stopped_and_resumed_gives_the_same_numbers(few: Digits, monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda graph, **_: graph)
    config = dataclasses.replace(BRIEF, epochs=3, temperature_warmup=0)
    whole, half = (Trainer(build(DROPOUT, 0), few.train, few.validation, config) for _ in range(2))
    for trainer, epochs in ((whole, 3), (half, 1)):
        for _ in range(epochs):
            trainer.run_epoch()
    resumed = Trainer(build(DROPOUT, 1), few.train, few.validation, config)
    resumed.load_state_dict(half.state_dict())
    for _ in range(2):
        resumed.run_epoch()
    assert all(map(torch.equal, resumed.network.parameters(), whole.network.parameters()))
