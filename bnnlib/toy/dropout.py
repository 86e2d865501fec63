"""Monte Carlo dropout: one network, asked many times while units are dropped.

Gal & Ghahramani 2016. Its loss is the misfit under random masks and the weight decay that the
shared prior gives; of the output layer only the share of units that is kept counts (their eq. 7).
"""

import dataclasses

import torch
from torch import Tensor

from bnnlib.toy.descent import descend
from bnnlib.toy.model import GRID, WIDE, Prediction, Toy, misfit, predict
from bnnlib.toy.points import Points

RATE = 0.05  # a hidden unit is dropped with this probability
MASKS, STEPS, LEARNING_RATE, SAMPLES = 8, 600, 0.05, 300


def fit(points: Points, toy: Toy, generator: torch.Generator) -> Prediction:
    """Train one network under masks. Without points it stays as it starts."""
    toy = dataclasses.replace(toy, units=WIDE if toy.units else 0)
    network = toy.start(1, generator)[0].requires_grad_()
    x, y = points.x, points.y
    decay = torch.ones(toy.size, dtype=network.dtype)
    decay[toy.below : -1] = 1 - RATE

    def loss() -> Tensor:
        thinned = masked(network, toy, MASKS, generator)
        wrong = misfit(toy.mean(thinned, x), toy.log_noise(thinned, x), y).mean()
        return wrong + (decay * network.square()).sum() / 2

    if len(points):
        descend(loss, [network], STEPS, LEARNING_RATE)
    thinned = masked(network.detach(), toy, SAMPLES, generator)
    return predict(toy.mean(thinned, GRID), toy.log_noise(thinned, GRID))


def masked(network: Tensor, toy: Toy, count: int, generator: torch.Generator) -> Tensor:
    """`count` thinned networks, `[P] -> [count, P]`.

    Dropping a hidden unit is the same as setting the weight that leaves it to 0; the others are
    divided by 1 - RATE, so that the mean stays.
    """
    mask = torch.ones(count, toy.size, dtype=network.dtype)
    units = mask[:, toy.below : -1]
    kept = torch.rand(units.shape, generator=generator) >= RATE
    mask[:, toy.below : -1] = kept / (1 - RATE)
    return network * mask
