"""The networks: dropout, Bayesian, ensemble and Laplace approximation, asked in the same way."""

from bnnlib.networks.bayesian import BayesianConfig, BayesianNetwork
from bnnlib.networks.dropout import DropoutConfig, DropoutNetwork
from bnnlib.networks.ensemble import EnsembleConfig, EnsembleNetwork
from bnnlib.networks.laplace import LaplaceConfig, LaplaceNetwork

Trainable = DropoutNetwork | BayesianNetwork
Network = Trainable | EnsembleNetwork | LaplaceNetwork
TrainableConfig = DropoutConfig | BayesianConfig
Config = TrainableConfig | EnsembleConfig | LaplaceConfig

__all__ = [
    "BayesianConfig",
    "BayesianNetwork",
    "Config",
    "DropoutConfig",
    "DropoutNetwork",
    "EnsembleConfig",
    "EnsembleNetwork",
    "LaplaceConfig",
    "LaplaceNetwork",
    "Network",
    "Trainable",
    "TrainableConfig",
]
