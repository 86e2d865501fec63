"""Learning to doubt: where there is no digit, the sampled networks shall contradict each other.

For an image x that is no digit, two networks W and W' drawn from q answer with p and p'. The term

    R(q; x) = E[sum_c p_c p'_c] - v E[sum_c p_c^2]

is the probability that answers drawn from two networks agree, less v times the probability that two
answers drawn from one network do. With G = E[sum_c p_c^2] and C = sum_c (E p_c)^2 it is
R = -(G - C) + (1 - v) G. The first part, G - C = sum_c Var(p_c), is the epistemic part of the
quadratic score, as mutual information is of the logarithmic one. So R is least where each network
is sure and no two agree: 1 / 10 - v. Flat answers, alike in all networks, have (1 - v) / 10. That
is what outlier exposure teaches by flat targets (Hendrycks, Mazeika & Dietterich 2019); it would
come out as an ambiguous digit. The mean over pairs of networks estimates R without bias from two
networks on. An entropy of their mean would need many.

The trained q minimises the negative ELBO of the digits plus weight * mean of R over outliers. R is
no expectation of a loss of one network, so q is no posterior of Bayes' rule, nor a Gibbs posterior:
it is the solution of a variational problem with a further term (Knoblauch, Jewson & Damoulas 2022,
"An Optimization-centric View on Bayes' Rule"). Hafner et al. 2018, "Noise Contrastive Priors", ask
the same of the prior's predictions by a KL at outliers.

Half of a step's outliers are drawn at random. The others are the hardest, those with the largest R,
of four times as many candidates, as in Chen et al. 2021, "ATOM: Robustifying Out-of-distribution
Detection Using Outlier Mining": most outliers are soon easy, and teach nothing more.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from bnnlib.datasets.augment import augment
from bnnlib.networks import BayesianNetwork, DropoutNetwork, Trainable
from bnnlib.training.team import Team

SHARPNESS = 0.7  # v: sure contradiction, -0.6, is worth more than flat answers, 0.03; not tuned
NETWORKS = 2  # sampled for each outlier
SHARE = 0.5  # outliers in a step for each digit: with two networks each they cost as much
CANDIDATES = 4  # drawn for each hard outlier of a step


def disagreement(logits: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """R of each image, `[K, B, C] -> [B]`, by all pairs of the K >= 2 sampled networks.

    Raises ValueError for fewer than two networks.
    """
    count = len(logits)
    if count < 2:
        raise ValueError(f"There are {count} sampled networks: contradiction takes at least two.")
    probs = logits.softmax(-1)
    alone = probs.square().sum(-1).mean(0)  # G
    everyone = probs.mean(0).square().sum(-1)
    pairs = (count * everyone - alone) / (count - 1)  # C without bias
    return pairs - sharpness * alone


class Outliers:
    """The term of a training: `images`, uint8 `[M, 28, 28]`, and its `weight` in the loss.

    Batches are drawn and bent by `bend`, the networks by `noise`; both on the images' device.
    """

    def __init__(
        self,
        network: Trainable,
        images: Tensor,
        weight: float,
        how: str,
        precision: torch.dtype,
        noise: torch.Generator,
        bend: torch.Generator,
        team: Team,
    ) -> None:
        self.network, self.images, self.weight, self.how = network, images, weight, how
        self.precision, self.noise, self.bend, self.team = precision, noise, bend, team

    def differentiate(self, digits: int) -> Tensor:
        """Add the gradient of weight * R beside that of so many digits; returns R's mean over the
        outliers learnt from.
        """
        images = self._chosen(max(2, round(SHARE * digits)))
        term = self.team.loss(lambda: disagreement(self._logits(images)).mean())
        (self.weight * term).backward()
        return term.detach()

    def _chosen(self, size: int) -> Tensor:
        """Outliers to learn from, `[size, 28, 28]`: half at random, half the hardest candidates."""
        hard = size // 2
        many = size - hard + CANDIDATES * hard
        index = torch.randint(
            len(self.images), (many,), generator=self.bend, device=self.images.device
        )
        images = augment(self.images[index], self.how, self.bend)
        anyhow, candidates = images[: size - hard], images[size - hard :]
        with torch.no_grad():
            hardest = disagreement(self._logits(candidates)).topk(hard).indices
        return torch.cat([anyhow, candidates[hardest]])

    def _logits(self, images: Tensor) -> Tensor:
        """`[B, 28, 28] -> [K, B, C]`, with a gradient; every image has networks of its own."""
        with torch.autocast(
            images.device.type, self.precision, enabled=self.precision != torch.float32
        ):
            if isinstance(self.network, DropoutNetwork):
                many = images.expand(NETWORKS, *images.shape)
                return self.network(many, self.noise).float()
            return self._bayesian(self.network, images)

    def _bayesian(self, network: BayesianNetwork, images: Tensor) -> Tensor:
        from bnnlib.layers.linear_normal import LinearNormal  # here, not above: it loads Pyro

        h = images.flatten(1)
        for k, layer in enumerate(network.layers):
            given = LinearNormal(
                h,
                **layer.posterior,
                generator=self.noise,
                precision=self.precision,
                kl_weight=0.0,
            )
            # Layer 1's moments serve all networks.
            z = given.rsample(torch.Size([NETWORKS]) if k == 0 else torch.Size())
            h = F.leaky_relu(z) if k < len(network.layers) - 1 else z
        return h
