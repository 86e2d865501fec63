"""Adversarial training: beside each image the network learns the one nearby that it finds hardest.

Goodfellow, Shlens & Szegedy 2015, "Explaining and Harnessing Adversarial Examples"; a deep ensemble's recipe too
(Lakshminarayanan, Pritzel & Blundell 2017). The perturbation has a bounded L2 norm, as Miyato et al. 2018 have it.
"""

import torch
from torch import Tensor

TINY = 1e-12  # keeps the direction finite where the gradient is zero


@torch.no_grad()
def perturbed(images: Tensor, radius: float) -> Tensor:
    """Each image moved by `radius` (L2 norm, pixels in [0, 1]) along its gradient, within [0, 1]; `[B, 28, 28]`, with `.grad` set."""
    if images.grad is None:
        raise ValueError(
            "the images have no gradient: expected a loss of them to be differentiated first"
        )
    norm = images.grad.flatten(1).norm(dim=1)[:, None, None]
    return (images + radius / (norm + TINY) * images.grad).clamp_(0, 1)
