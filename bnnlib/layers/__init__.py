"""Bayesian linear layers for anybody's Pyro model; knows no digits.

Names are loaded on demand (PEP 562): `BayesianLinear` and `convert` need no Pyro, the others do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnnlib.layers.bayesian_linear import BayesianLinear
    from bnnlib.layers.bound import Elbo, elbo, negative_elbo
    from bnnlib.layers.linear_normal import LinearNormal
    from bnnlib.layers.sequential import BayesianSequential, convert

__all__ = [
    "BayesianLinear",
    "BayesianSequential",
    "Elbo",
    "LinearNormal",
    "convert",
    "elbo",
    "negative_elbo",
]

FILES = {
    "BayesianLinear": "bayesian_linear",
    "BayesianSequential": "sequential",
    "Elbo": "bound",
    "LinearNormal": "linear_normal",
    "convert": "sequential",
    "elbo": "bound",
    "negative_elbo": "bound",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
