"""A deep ensemble: networks that differ in where their training starts.

Lakshminarayanan, Pritzel & Blundell 2017. Each member is the most probable network (MAP) that is
found from its own start, under the prior that all methods share.
"""

import dataclasses

import torch

from bnnlib.toy.descent import descend
from bnnlib.toy.model import GRID, WIDE, Prediction, Toy, predict
from bnnlib.toy.points import Points

MEMBERS, STEPS, LEARNING_RATE = 5, 600, 0.05


def fit(points: Points, toy: Toy, generator: torch.Generator) -> Prediction:
    """Train the members side by side. Without points they stay as they start."""
    toy = dataclasses.replace(toy, units=WIDE if toy.units else 0)
    members = toy.start(MEMBERS, generator).requires_grad_()
    if len(points):
        descend(lambda: toy.energy(members, points).sum(), [members], STEPS, LEARNING_RATE)
    found = members.detach()
    return predict(toy.mean(found, GRID), toy.log_noise(found, GRID))
