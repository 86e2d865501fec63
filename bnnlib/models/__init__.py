"""The two networks: a dropout MLP and a Bayesian MLP with the same sizes, asked in the same way."""

from bnnlib.models.bayesian import BayesianConfig, BayesianNetwork
from bnnlib.models.dropout import DropoutConfig, DropoutNetwork

Network = DropoutNetwork | BayesianNetwork
Config = DropoutConfig | BayesianConfig

__all__ = ["BayesianConfig", "BayesianNetwork", "Config", "DropoutConfig", "DropoutNetwork", "Network"]
