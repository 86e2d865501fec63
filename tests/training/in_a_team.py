"""Run by torchrun: each process compares the team's step with that of one process alone.

Prints "equal" once a process, or fails with what is not.
"""

import copy
import dataclasses

import torch
import torch.distributed as dist

from bnnlib.datasets.mnist import Split
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.training.compiled_step import Draws
from bnnlib.training.config import TrainingConfig
from bnnlib.training.start import build
from bnnlib.training.team import joined
from bnnlib.training.trainer import Trainer

SMALL, BATCH, NOT_DIGITS = (16, 16), 13, 9  # 13: shares of 7 and 6
CONFIG = TrainingConfig(batch_size=BATCH, temperature=0.3, device="cpu", epochs=1)
BAYESIAN = BayesianConfig(hidden=SMALL, initial_factors=(0.5, 0.5))
NETWORKS = {
    "bayesian": BAYESIAN,
    "learnt prior": dataclasses.replace(BAYESIAN, prior_scale=None),
    "dropout": DropoutConfig(hidden=SMALL),
}


def digits() -> Split:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 28, 28), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(40) % 10)


def step(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor, weight: float):
    loss = trainer._differentiate(images, labels, 0.3, weight)
    return loss, [parameter.grad.clone() for parameter in trainer.network.parameters()]


def trainer_of(network: str, adversarial: float) -> Trainer:
    config, split = dataclasses.replace(CONFIG, adversarial=adversarial), digits()
    return Trainer(build(NETWORKS[network], 0), split, split, config)


def alone(network: str, adversarial: float) -> tuple:
    """The step of one process with the whole batch, and its noise."""
    trainer, (images, labels) = trainer_of(network, adversarial), whole_batch()
    with Draws() as seen:
        loss, gradients = step(trainer, images, labels, 1.0)
    return loss, gradients, seen.drawn


def whole_batch() -> tuple[torch.Tensor, torch.Tensor]:
    return digits().images[:BATCH] / 255, digits().labels[:BATCH]


def compare(network: str, adversarial: float, loss, expected, drawn) -> None:
    """The team's step from the same weights with the same noise."""
    together, (images, labels) = trainer_of(network, adversarial), whole_batch()
    index, weight = together.team.share(torch.arange(BATCH))
    with Draws([noise[index] for noise in drawn]):
        mine, found = step(together, images[index], labels[index], weight)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    value = together.team.total(mine.value.detach() * weight) / together.team.size
    torch.testing.assert_close(value, loss.value.detach(), rtol=1e-5, atol=1e-5)
    sums = torch.stack([mine.reported, mine.nll, mine.correct.float()]).detach()
    whole = torch.stack([loss.reported, loss.nll, loss.correct.float()]).detach()
    torch.testing.assert_close(together.team.total(sums), whole, rtol=1e-5, atol=1e-5)


def train() -> None:
    """In use: the same weights in every process, from noise of its own; also with outliers."""
    split, outliers = digits(), digits().images[:NOT_DIGITS]
    # batches of 13, 13, 13 and 1
    config = dataclasses.replace(CONFIG, epochs=2, adversarial=1.0, average=0.5)
    for given in (None, outliers):
        trainer = Trainer(build(BAYESIAN, 0), split, split, config, given)
        report = trainer.run_epoch()
        resumed = Trainer(build(BAYESIAN, 1), split, split, config, given)
        resumed.load_state_dict(copy.deepcopy(trainer.state_dict()))
        assert resumed.run_epoch().loss == trainer.run_epoch().loss
        own = torch.cat([p.detach().flatten() for p in trainer.network.parameters()])
        numbers = torch.tensor([report.loss, report.nll, report.kl, report.accuracy])
        for mine in (own, numbers):
            gathered = [torch.empty_like(mine) for _ in range(trainer.team.size)]
            dist.all_gather(gathered, mine)
            assert torch.equal(gathered[0], gathered[1])
        states = [torch.empty_like(trainer.noise.get_state()) for _ in range(trainer.team.size)]
        dist.all_gather(states, trainer.noise.get_state())
        assert not torch.equal(states[0], states[1])
    kl = sum(
        (
            (layer.scale.square() + layer.loc.square()).sum() / (2 * 0.01)
            - layer.scale.log().sum()
            + layer.loc.numel() * (torch.tensor(0.1).log() - 0.5)
        ).item()
        for layer in build(BAYESIAN, 0).layers
    )
    assert abs(report.kl * len(split) / kl - 1) < 0.05  # four steps on: once, not once a process


if __name__ == "__main__":
    torch.set_num_threads(1)
    cases = [(name, radius) for name in NETWORKS for radius in (0.0, 1.5)]
    references = [alone(*case) for case in cases]  # before the processes know of each other
    with joined("cpu"):
        for case, reference in zip(cases, references, strict=True):
            compare(*case, *reference)
        train()
    print("equal", flush=True)
