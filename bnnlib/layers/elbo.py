"""The evidence lower bound of models whose latent sites all have a closed-form KL."""

from collections.abc import Callable
from typing import Any

from pyro import poutine
from pyro.poutine.util import prune_subsample_sites
from torch import Tensor
from torch.distributions import kl_divergence


def negative_elbo(model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> Tensor:
    """-ELBO, nats: the KL of every latent site less the log-likelihood of the observed ones, each times its plate's scale.

    For models whose every latent site is reparameterised and has a registered KL, without masks. Pyro's TraceMeanField_ELBO gives the
    same, but asks every site for a density too, `[B, H]` numbers at a time, and reads its value back to look for NaN; the trainer
    looks once an epoch.
    """
    guide_trace = prune_subsample_sites(poutine.trace(guide).get_trace(*args, **kwargs))
    model_trace = prune_subsample_sites(
        poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(*args, **kwargs)
    )
    model_trace.compute_log_prob(lambda _, site: site["is_observed"])
    sites = [(name, site) for name, site in model_trace.nodes.items() if site["type"] == "sample"]
    log_likelihood = sum(site["log_prob_sum"] for _, site in sites if site["is_observed"])
    latent = [
        (guide_trace.nodes[name], site["fn"]) for name, site in sites if not site["is_observed"]
    ]
    return (
        sum(q["scale"] * kl_divergence(q["fn"], prior).sum() for q, prior in latent)
        - log_likelihood
    )
