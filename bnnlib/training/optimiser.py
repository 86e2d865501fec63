"""The optimiser of a network, and the moving average of its weights."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from bnnlib.networks import Trainable
from bnnlib.training.config import TrainingConfig

SCALES = ("raw_scale", "raw_factor")  # their 0 is a scale of 1, not a small one
Parameters = tuple[Tensor, ...] | list[Tensor]


def make_optimiser(network: Trainable, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW or SGD. Weight decay acts on weights and means, never on the posterior's scales."""
    parameters = dict(network.named_parameters())
    decayed, scales = (
        [value for name, value in parameters.items() if name.endswith(SCALES) == is_scale]
        for is_scale in (False, True)
    )
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": config.weight_decay}]
    if scales:
        groups.append({"params": scales, "weight_decay": 0.0})
    if config.optimiser == "adam":
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    return torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov, fused=True
    )


def make_schedule(
    optimiser: torch.optim.Optimizer, config: TrainingConfig, steps_per_epoch: int
) -> LambdaLR:
    """The learning rate after each step: constant, or a warm-up of one epoch and then a cosine."""
    total, warmup = steps_per_epoch * config.epochs, min(steps_per_epoch, 500)

    def factor(step: int) -> float:
        if config.schedule == "constant":
            return 1.0
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return LambdaLR(optimiser, factor)


def load_optimiser(
    optimiser: torch.optim.Optimizer,
    schedule: LambdaLR,
    network: nn.Module,
    saved: dict[str, Any],
    saved_schedule: dict[str, Any],
) -> None:
    """Take over a saved state; earlier versions had one group of all parameters, in their order."""
    own = optimiser.state_dict()["param_groups"]
    if len(saved["param_groups"]) == 1 < len(own):
        place = {id(value): k for k, value in enumerate(network.parameters())}
        grouped = [value for group in optimiser.param_groups for value in group["params"]]
        values = {k: saved["state"].get(place[id(value)]) for k, value in enumerate(grouped)}
        ours = ("params", "weight_decay")
        saved = {
            "state": {k: value for k, value in values.items() if value is not None},
            "param_groups": [
                {**saved["param_groups"][0], **{name: group[name] for name in ours}}
                for group in own
            ],
        }
        each = {
            name: saved_schedule[name] * len(own) for name in ("base_lrs", "_last_lr", "lr_lambdas")
        }
        saved_schedule = {**saved_schedule, **each}
    optimiser.load_state_dict(saved)
    schedule.load_state_dict(saved_schedule)


def moving_average(decay: float) -> Callable[[Parameters, Parameters, Tensor | int], None]:
    """An exponential moving average; its decay rises from 0.1 to `decay`, to forget the start."""

    @torch.no_grad()
    def update(averaged: Parameters, current: Parameters, n: Tensor | int) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + int(n)) / (10 + int(n))))

    return update
