"""What is minimised: `elbo`, and `published`, the article's own objectives kept as they were, wrong sign and all.

Each objective maps (network, images `[B, 28, 28]`, labels `[B]`, temperature) to a `Loss`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pyro
import torch
import torch.nn.functional as F
from pyro.poutine.messenger import Messenger
from torch import Tensor

from bnnlib.layers.bound import elbo
from bnnlib.layers.products import keep_freed_memory
from bnnlib.networks import BayesianNetwork, DropoutNetwork, Trainable


@dataclass
class Loss:
    """`value` to differentiate; `reported` as the objective counts it (summed over an epoch); `nll` of the batch, nats, summed;
    `kl` of all weights, nats; `correct` predictions. `reported`, `nll` and `correct` belong to the sampled network of the step.
    """

    value: Tensor
    reported: Tensor
    nll: Tensor
    kl: Tensor | None
    correct: Tensor


Objective = Callable[[Tensor, Tensor, float], Loss]


def make_objective(
    network: Trainable,
    name: str,
    n_train: int,
    batch_size: int,
    generator: torch.Generator,
    precision: torch.dtype,
) -> Objective:
    """The objective `name` ("elbo" or "published") of a network trained on `n_train` images in batches of `batch_size`."""
    keep_freed_memory()
    if isinstance(network, DropoutNetwork):
        return _dropout(network, name, n_train, generator, precision)
    return _bayesian(network, name, n_train, batch_size, generator, precision)


def _dropout(
    network: DropoutNetwork,
    name: str,
    n_train: int,
    generator: torch.Generator,
    precision: torch.dtype,
) -> Objective:
    def loss(images: Tensor, labels: Tensor, temperature: float) -> Loss:
        with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
            log_probs = network(images, generator).float()
        nll = F.nll_loss(log_probs, labels, reduction="sum")
        if (
            name == "elbo"
        ):  # E_q log p; the KL of Monte Carlo dropout is weight decay, the optimiser's (Gal & Ghahramani 2016)
            value, reported = nll / len(labels), nll.detach() / n_train
        else:  # binary cross-entropy whose logits are the log-probabilities, a mean over images and classes
            value = F.binary_cross_entropy_with_logits(
                log_probs, torch.eye(log_probs.shape[-1], device=labels.device)[labels]
            )
            reported = value.detach()
        return Loss(value, reported, nll.detach(), None, (log_probs.argmax(-1) == labels).sum())

    return loss


def _bayesian(
    network: BayesianNetwork,
    name: str,
    n_train: int,
    batch_size: int,
    generator: torch.Generator,
    precision: torch.dtype,
) -> Objective:
    constant = article_constant(network)

    def loss(images: Tensor, labels: Tensor, temperature: float) -> Loss:
        share = len(labels) / n_train
        if (
            name == "published"
        ):  # the KL has the wrong sign, and its factor is that of a full batch, also for the last
            temperature = -batch_size / len(labels)
        with pyro.validation_enabled(False), Observed() as seen:
            how = {"generator": generator, "precision": precision}
            terms = elbo(network.model, network.guide, images, labels, n_train, temperature, **how)
        total = terms.loss
        nll = F.nll_loss(seen.log_probs, labels, reduction="sum").detach()
        kl = terms.kl.detach()
        if name == "published":
            value = total * share
            reported = (value.detach() + batch_size / n_train * constant) / n_train
        else:
            value, reported = total / n_train, total.detach() * share / n_train
        return Loss(value, reported, nll, kl, (seen.log_probs.argmax(-1) == labels).sum())

    return loss


def article_constant(network: BayesianNetwork) -> float:
    """K of the article's loss, NLL - (B / N) [sum KL(q || N(0, 1)) - K]: what its model's own layers contribute.

    Its model's first layer has scale 0.25; the means of the layers between are misshaped, with as many columns as there are
    classes: KL = (D + 1) (H - C) / 2; the last layer is the standard normal and gives 0. Nats.
    """
    config = network.config
    first, widths = torch.tensor(config.initial_factors[0]), config.hidden
    constant = config.inputs * widths[0] * float((first.square() - 1) / 2 - first.log())
    return constant + sum((d + 1) * (h - config.classes) / 2 for d, h in pairwise(widths))


class Observed(Messenger):
    """Keeps the class log-probabilities `[B, C]` that the observed labels were scored with."""

    log_probs: Tensor

    def _pyro_post_sample(self, msg: dict) -> None:
        if msg["name"] == "label":
            self.log_probs = msg["fn"].logits.detach()
