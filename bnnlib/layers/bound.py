"""The evidence lower bound (ELBO) of models whose latent sites all have a closed-form KL.

`elbo` gives its terms apart, `negative_elbo` the loss alone, as `pyro.infer.SVI` takes it.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor
from torch.distributions import kl_divergence

from bnnlib.layers.linear_normal import LinearNormal


class Elbo(NamedTuple):
    """The terms of one estimate of the ELBO; scalars in nats, with gradients.

    kl: KL(q || p) of all latent sites. For the weights of a `LinearNormal` it is the whole KL:
    no `kl_weight`, no temperature and no share of the batch is in it, so it is exact at
    temperature 0 too.
    weighted_kl: the KL as the loss counts it, each image's share times its plate's scale.
    log_likelihood: of the observed sites, times their plates' scales.
    """

    kl: Tensor
    weighted_kl: Tensor
    log_likelihood: Tensor

    @property
    def loss(self) -> Tensor:
        """The negative ELBO, weighted_kl - log_likelihood."""
        return self.weighted_kl - self.log_likelihood


def elbo(model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> Elbo:
    """One estimate of the ELBO of `model` and `guide`, called with the other arguments.

    For models whose every latent site is reparameterised and has a registered KL, without masks.
    The loss equals that of Pyro's TraceMeanField_ELBO, which asks every site for a density too,
    `[B, H]` numbers at a time, and reads its value back to look for NaN. This one does neither.

    Raises NotImplementedError where a latent site has no closed-form KL.
    """
    guide_trace = prune_subsample_sites(poutine.trace(guide).get_trace(*args, **kwargs))
    model_trace = prune_subsample_sites(
        poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(*args, **kwargs)
    )
    model_trace.compute_log_prob(lambda _, site: site["is_observed"])
    sites = [(name, site) for name, site in model_trace.nodes.items() if site["type"] == "sample"]
    log_likelihood = _total(site["log_prob_sum"] for _, site in sites if site["is_observed"])
    kls = [
        _site_kl(guide_trace.nodes[name], site["fn"])
        for name, site in sites
        if not site["is_observed"]
    ]
    return Elbo(_total(kl for kl, _ in kls), _total(kl for _, kl in kls), log_likelihood)


def negative_elbo(model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> Tensor:
    """`elbo(...).loss` as a loss of Pyro's: `SVI(model, guide, optim, loss=negative_elbo)`."""
    return elbo(model, guide, *args, **kwargs).loss


def _total(parts: Iterable[Tensor]) -> Tensor:
    return torch.as_tensor(sum(parts))  # 0 where there is no such site


def _site_kl(q: dict[str, Any], prior: Any) -> tuple[Tensor, Tensor]:
    """The KL of one latent site, whole and as the loss counts it."""
    layer = q["fn"]
    if not (isinstance(layer, LinearNormal) and isinstance(prior, LinearNormal)):
        kl = q["scale"] * kl_divergence(layer, prior).sum()
        return kl, kl
    kl = layer.weights_kl(prior)
    return kl, q["scale"] * (layer.kl_weight * kl).expand(layer.batch_shape).sum()
