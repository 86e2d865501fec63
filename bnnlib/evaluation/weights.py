"""The weights of a network in numbers: the figures of each layer, and how the weights are spread.

Nothing is sampled here: all follows from means and standard deviations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.networks.posterior import AT_PRIOR, LayerPosterior

BINS = 90
RARE = 0.0005  # the share of the weights on either side that the outermost bins take in
LOOKED_AT = 200_000  # weights from which the ends of an axis are found
# What is spread, and whether its axis is logarithmic.
QUANTITIES = {"mean": False, "sigma": True, "signal_to_noise": True, "alpha": True}


@dataclass(frozen=True)
class LayerFigures:
    """One layer: medians over its weights, without those that were left out.

    `at_prior` and `left_out` are shares of its weights; `kl` is the sum over the layer in nats.
    """

    name: str
    weights: int
    mean: float
    sigma: float
    prior: float
    signal_to_noise: float
    alpha: float
    at_prior: float
    factor: float
    kl: float
    left_out: float


@dataclass(frozen=True)
class Spread:
    """Shares of the weights by bin: `edges` `[bins + 1]`, `shares` a list of `[bins]` by layer.

    `prior` has the shares that the prior of each layer expects; None where it has no such quantity.
    The outermost bins hold all that is farther out.
    """

    quantity: str
    names: tuple[str, ...]
    edges: Tensor
    shares: tuple[Tensor, ...]
    prior: tuple[Tensor, ...] | None
    prior_scales: tuple[float, ...]


def layer_figures(layers: Sequence[LayerPosterior]) -> list[LayerFigures]:
    """The figures of each layer."""
    return [_figures(layer) for layer in layers]


def _figures(layer: LayerPosterior) -> LayerFigures:
    kept = layer.kept
    mean, scale = layer.mean[kept], layer.scale[kept]
    left = LayerPosterior(layer.name, mean, scale, layer.prior_scale, layer.factor)
    return LayerFigures(
        layer.name,
        kept.numel(),
        _median(mean.abs()),
        _median(scale),
        layer.prior_scale,
        _median(left.signal_to_noise),
        _median(left.alpha),
        float((left.kl <= AT_PRIOR).sum()) / kept.numel(),
        layer.factor,
        float(left.kl.double().sum()),
        1 - len(mean) / kept.numel(),
    )


def _median(values: Tensor) -> float:
    return float(values.median()) if len(values) else math.nan


def spread(layers: Sequence[LayerPosterior], quantity: str) -> Spread:
    """How `quantity`, one of `QUANTITIES`, is spread over the weights of each layer.

    Weights that were left out are not counted. Logarithmic bins where the axis is logarithmic.
    """
    values = [_values(layer, quantity) for layer in layers]
    logarithmic, scales = QUANTITIES[quantity], tuple(layer.prior_scale for layer in layers)
    edges = _edges(values, logarithmic, scales if quantity == "sigma" else ())
    shares = tuple(_shares(part, edges) for part in values)
    prior = tuple(_normal(edges, scale) for scale in scales) if quantity == "mean" else None
    return Spread(quantity, tuple(layer.name for layer in layers), edges, shares, prior, scales)


def point_spread(names: Sequence[str], weights: Sequence[Tensor]) -> Spread:
    """How the weights of a network without a posterior are spread, as the quantity `weight`."""
    values = [part.flatten() for part in weights]
    edges = _edges(values, False, ())
    shares = tuple(_shares(part, edges) for part in values)
    return Spread("weight", tuple(names), edges, shares, None, ())


def _values(layer: LayerPosterior, quantity: str) -> Tensor:
    whole = {
        "mean": layer.mean,
        "sigma": layer.scale,
        "signal_to_noise": layer.signal_to_noise,
        "alpha": layer.alpha,
    }[quantity]
    return whole[layer.kept]


def _edges(values: Sequence[Tensor], logarithmic: bool, inside: Sequence[float]) -> Tensor:
    """Bins for all layers, with `inside` on the axis."""
    seen = torch.cat([part[:: max(1, len(part) // LOOKED_AT)] for part in values]).double()
    if logarithmic:
        seen = seen[(seen > 0) & seen.isfinite()].log10()
        inside = [math.log10(value) for value in inside]
    if not len(seen):
        seen = torch.zeros(1).double()
    low, high = torch.quantile(seen[:: max(1, len(seen) // LOOKED_AT)], _ends()).tolist()
    if not logarithmic:  # around 0
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    low, high = min([low, *inside]), max([high, *inside])
    room = 0.03 * (high - low) or 0.5
    ends = torch.linspace(low - room, high + room, BINS + 1, dtype=torch.float64)
    return 10**ends if logarithmic else ends


def _ends() -> Tensor:
    return torch.tensor([RARE, 1 - RARE], dtype=torch.float64)


def _shares(values: Tensor, edges: Tensor) -> Tensor:
    """The share of the values in each bin; those outside go to the bins at the ends."""
    if not len(values):
        return torch.zeros(len(edges) - 1)
    place = torch.bucketize(values, edges[1:-1].to(values.dtype))
    return torch.bincount(place, minlength=len(edges) - 1).double() / len(values)


def _normal(edges: Tensor, scale: float) -> Tensor:
    """The shares that N(0, scale^2) expects in each bin, the outermost with their tails."""
    below = torch.special.ndtr(edges / scale)
    below[0], below[-1] = 0, 1
    return below.diff()
