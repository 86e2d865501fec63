"""Training on CUDA and on Apple's MPS, on devices that are simulated (`tests.devices`)."""

import dataclasses
from pathlib import Path

import pytest
import torch

from bnnlib import sample_probs
from bnnlib.datasets.mnist import Digits
from bnnlib.networks import BayesianConfig, DropoutConfig, TrainableConfig
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint
from bnnlib.storage.tensors import read_state, write_state
from bnnlib.training.config import TrainingConfig
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer
from tests.devices import simulated_devices

CONFIGS: dict[str, TrainableConfig] = {
    "dropout": DropoutConfig(hidden=(8, 8)),
    "bayesian": BayesianConfig(hidden=(8, 8), initial_factors=(0.5, 0.5)),
}
EVERYTHING = TrainingConfig(
    epochs=2,
    batch_size=64,
    lr=0.01,
    temperature=0.1,
    average=0.9,
    adversarial=1.0,
    augment="full",
    calibrate=True,
    images=200,
)
CHANGES: dict[str, dict] = {
    "everything": {},
    "some digits": {"classes": (1, 7), "augment": "none", "average": 0.0, "adversarial": 0.0},
    "sgd": {"optimiser": "sgd", "shuffle": False, "weight_decay": 0.01},
    "published": {"objective": "published", "lr": 1e-3, "calibrate": False},
}


def trained(kind: str, device: str, few: Digits, **changes: object) -> Trainer:
    config = dataclasses.replace(EVERYTHING, device=device, **changes)  # type: ignore[arg-type]
    trainer = Trainer(build(CONFIGS[kind], 0), few.train, few.validation, config)
    trainer.run_epoch()
    return trainer


def numbers(trainer: Trainer) -> list[tuple]:
    """Everything that the epochs report but the time they took."""
    rows = [dataclasses.asdict(report) for report in trainer.history]
    return [tuple(v for k, v in row.items() if k != "seconds" and v is not None) for row in rows]


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("changes", CHANGES)
def test_a_network_trains_and_answers_on_any_device(
    kind: str, device: str, changes: str, few: Digits, tmp_path: Path
) -> None:
    on_cpu = trained(kind, "cpu", few, **CHANGES[changes])
    with simulated_devices():
        trainer = trained(kind, device, few, **CHANGES[changes])
        assert {value.device.type for value in trainer.network.state_dict().values()} == {device}
        assert trainer.noise.device.type == trainer.bend.device.type == device
        trainer.finish()
        probs = sample_probs(
            trainer.network, few.test.images[:5].to(device), 3, torch.Generator(device)
        )
        assert probs.device.type == device
        write_state(tmp_path / "state.safetensors", trainer.state_dict())
        resumed = trained(kind, device, few, **CHANGES[changes])
        resumed.load_state_dict(read_state(tmp_path / "state.safetensors"))
        assert {value.device.type for value in resumed.network.state_dict().values()} == {device}
        for each in (trainer, resumed):
            each.run_epoch()
        assert numbers(resumed) == numbers(trainer)
        save_checkpoint(tmp_path / "kept", trainer.network, {})
    kept = load_checkpoint(tmp_path / "kept")
    for name, value in kept.state_dict().items():
        torch.testing.assert_close(value, trainer.network.state_dict()[name].half().float())
    # The simulation computes on the CPU: only the width of the sums may differ.
    torch.testing.assert_close(
        torch.tensor(numbers(trainer)[0]), torch.tensor(numbers(on_cpu)[0]), rtol=1e-4, atol=1e-6
    )


def test_a_run_of_another_device_is_resumed(few: Digits, tmp_path: Path) -> None:
    """The states of a GPU's generator and of the CPU's have different sizes."""
    trainer = trained("bayesian", "cpu", few)
    state = trainer.state_dict()
    state["noise"] = state["bend"] = torch.zeros(16, dtype=torch.uint8)
    trainer.load_state_dict(state)
    trainer.run_epoch()
    assert len(trainer.history) == 2
