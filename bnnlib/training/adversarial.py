"""Adversarial training: beside each image the network learns that image, moved to raise its loss.

The move is one step along the gradient (Goodfellow, Shlens & Szegedy 2015, "Explaining and
Harnessing Adversarial Examples"); it is part of a deep ensemble's recipe too (Lakshminarayanan,
Pritzel & Blundell 2017). Its length is bounded in the L2 norm, as in Miyato et al. 2018. The result
is clipped to valid pixels. It is not the image nearby with the largest loss: that would take a
search of many steps.
"""

import torch
from torch import Tensor

TINY = 1e-12  # keeps the direction finite where the gradient is zero


@torch.no_grad()
def perturbed(images: Tensor, radius: float) -> Tensor:
    """Each image moved by `radius` (L2 norm) along its gradient, clipped to [0, 1].

    images: `[B, 28, 28]` in [0, 1], with `.grad` set. Raises ValueError if they have none.
    """
    if images.grad is None:
        raise ValueError(
            "The images have no gradient: expected a loss of them to be differentiated first."
        )
    norm = images.grad.flatten(1).norm(dim=1)[:, None, None]
    return (images + radius / (norm + TINY) * images.grad).clamp_(0, 1)
