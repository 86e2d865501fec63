"""Temperature scaling: one number that mends confidence where it is too high or too low."""

import math

import torch
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics.precision import wide
from bnnlib.metrics.scores import check_labels, check_probs, nll

MAX_LOG_TEMPERATURE = math.log(20.0)
GRID = 61  # temperatures looked at first, a tenth apart in the logarithm


def apply_temperature(probs: Tensor, temperature: float) -> Tensor:
    """p ** (1 / T), normalised, `[..., C]`: above T = 1 less sure, below surer.

    The winner does not change.
    """
    return (wide(probs).clamp_min(1e-30).log() / temperature).softmax(-1)


def fit_temperature(probs: Tensor, labels: Tensor) -> float:
    """The temperature in [1/20, 20] at which `probs` have the least NLL on `labels`.

    Fit it on validation images. Of a mean, `[B, C]`, it mends the mean itself (pool, then
    calibrate: Rahaman & Thiery 2021). Of samples, `[S, B, C]`, it is the temperature of each,
    before the mean is taken.
    The NLL of a mean is convex in 1 / T (Guo et al. 2017), so one search finds the least. That of
    samples is not: it may have several minima, so a grid is looked at first and the search goes on
    around its best temperature.
    Raises BnnlibError if all predictions are right: then there is no best temperature.
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probs, math.exp(log_temperature))
        return nll(scaled.mean(0) if scaled.dim() == 3 else scaled, labels)

    mean = probs if probs.dim() == 2 else probs.mean(0)
    check_labels(check_probs(mean), labels)
    if not (mean.argmax(-1) != labels).any():
        raise BnnlibError(
            f"All {len(labels):,} predictions are right: no temperature fits them best, "
            "give more images."
        )
    bounds = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE)
    if probs.dim() == 3:
        grid = torch.linspace(*bounds, GRID, dtype=torch.float64).tolist()
        best = min(range(GRID), key=[loss(place) for place in grid].__getitem__)
        bounds = (grid[max(0, best - 1)], grid[min(GRID - 1, best + 1)])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    return math.exp(found.x)
