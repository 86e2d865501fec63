"""Two ways to draw the noise of a Bayesian layer, and how noisy the gradient is by each.

By weights: W = mean + scale * E, one draw for the whole batch (Kingma & Welling 2014; Blundell et
al. 2015). By activations: z ~ N(x mean, x^2 scale^2), drawn for every image on its own (Kingma,
Salimans & Welling 2015). Both have the same distribution of z for any one image, so both gradients
have the same expectation. They differ in variance: by weights, all images share their noise.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# Inputs `[B, D]`, means and scales `[D, H]` and a generator to pre-activations `[B, H]`.
Draw = Callable[[Tensor, Tensor, Tensor, torch.Generator], Tensor]


def by_weights(x: Tensor, mean: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
    """z = x (mean + scale * E) with one E `[D, H]` for all images."""
    noise = torch.randn(mean.shape, generator=generator, device=generator.device)
    return x @ (mean + scale * noise)


def by_activations(x: Tensor, mean: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
    """z = x mean + sqrt(x^2 scale^2) * e with an e `[B, H]` of every image's own."""
    centre = x @ mean
    noise = torch.randn(centre.shape, generator=generator, device=generator.device)
    return centre + (x.square() @ scale.square() + 1e-12).sqrt() * noise


DRAWS: dict[str, Draw] = {"weights": by_weights, "activations": by_activations}


@dataclass(frozen=True)
class GradientNoise:
    """The gradient of a mean loss by the means, over many draws.

    mean: its average `[D, H]`. variance: of one entry, averaged over the entries. seconds: the
    median of one draw with its gradient.
    """

    mean: Tensor
    variance: float
    seconds: float


def gradient_noise(
    draw: Draw,
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    mean: Tensor,
    scale: Tensor,
    repeats: int,
    generator: torch.Generator,
) -> GradientNoise:
    """Draw `repeats` times, each time the gradient of `loss(z)` by `mean`.

    x: `[B, D]`. mean, scale: `[D, H]`. loss: `[B, H]` to a scalar, the mean over the images.
    """
    parameter = mean.clone().requires_grad_()
    total, squares, seconds = torch.zeros_like(mean), torch.zeros_like(mean), []
    for _ in range(repeats):
        started = time.perf_counter()
        (gradient,) = torch.autograd.grad(loss(draw(x, parameter, scale, generator)), parameter)
        seconds.append(time.perf_counter() - started)
        total += gradient
        squares += gradient.square()
    average = total / repeats
    variance = (squares / repeats - average.square()).clamp_min(0) * repeats / (repeats - 1)
    return GradientNoise(average, float(variance.mean()), sorted(seconds)[repeats // 2])
