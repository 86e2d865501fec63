"""The toy's optimiser beside torch's own Adam."""

import math

import torch

from bnnlib.toy.descent import descend


def test_it_takes_the_steps_of_torchs_adam() -> None:
    target = torch.tensor([1.0, -2.0, 0.5])
    ours, theirs = (torch.zeros(3, requires_grad=True) for _ in range(2))

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return ((weight - target) ** 4).sum() + weight.sin().sum()

    descend(lambda: loss(ours), [ours], 50, 0.1)
    optimiser = torch.optim.Adam([theirs], lr=0.1)
    for step in range(50):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 + math.cos(math.pi * step / 50)) / 2
        optimiser.zero_grad()
        loss(theirs).backward()
        optimiser.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
