"""The networks: a dropout MLP, a Bayesian MLP and an ensemble, asked in the same way."""

from bnnlib.networks.bayesian import BayesianConfig, BayesianNetwork
from bnnlib.networks.dropout import DropoutConfig, DropoutNetwork
from bnnlib.networks.ensemble import EnsembleConfig, EnsembleNetwork

Trainable = DropoutNetwork | BayesianNetwork
Network = Trainable | EnsembleNetwork
TrainableConfig = DropoutConfig | BayesianConfig
Config = TrainableConfig | EnsembleConfig

__all__ = [
    "BayesianConfig",
    "BayesianNetwork",
    "Config",
    "DropoutConfig",
    "DropoutNetwork",
    "EnsembleConfig",
    "EnsembleNetwork",
    "Network",
    "Trainable",
    "TrainableConfig",
]
