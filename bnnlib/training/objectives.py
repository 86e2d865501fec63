"""What is minimised: `elbo`, and `published`, the article's own objectives, kept as they were.

The article's KL has the wrong sign. Each objective maps images `[B, 28, 28]`, labels `[B]` and the
temperature to a `Loss`.
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
    """value: to differentiate. reported: as the objective counts it; the sum over an epoch's
    batches is the epoch's loss. nll: of the batch, nats, summed. kl: of all weights, nats, whatever
    the temperature; None for a dropout network. correct: right predictions in the batch.

    `reported`, `nll` and `correct` belong to the sampled network of the step. In adversarial
    training `clean` and `adversarial` are `reported` of the two halves, and `reported` their mean.
    """

    value: Tensor
    reported: Tensor
    nll: Tensor
    kl: Tensor | None
    correct: Tensor
    clean: Tensor | None = None
    adversarial: Tensor | None = None


Objective = Callable[[Tensor, Tensor, float], Loss]


def make_objective(
    network: Trainable,
    name: str,
    n_train: int,
    batch_size: int,
    generator: torch.Generator,
    precision: torch.dtype,
) -> Objective:
    """The objective `name`, "elbo" or "published".

    n_train: training images. batch_size: images in a full batch. generator: on the images' device.
    precision: of the matrix products.
    """
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
        if name == "elbo":
            # E_q log p. The KL of Monte Carlo dropout is the optimiser's weight decay
            # (Gal & Ghahramani 2016).
            value, reported = nll / len(labels), nll.detach() / n_train
        else:
            # Binary cross-entropy whose logits are the log-probabilities: a mean over images and
            # classes.
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
        if name == "published":
            # The KL has the wrong sign. Its factor is a full batch's, also in the last batch.
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
    """K of the article's loss, NLL - (B / N) [sum KL(q || N(0, 1)) - K], nats.

    It is what the layers of the article's model contribute. The first layer has scale 0.25. The
    means of the layers between have as many columns as there are classes, which is a mistake:
    KL = (D + 1) (H - C) / 2. The last layer is the standard normal and gives 0.
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
