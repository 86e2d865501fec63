"""The graph of the model that the Method page shows: `python -m benchmarks.method_graph`.

Pyro draws it from the model itself (`pyro.render_model`); the Python package graphviz is needed,
its programs are not. The result is the text that the browser turns into a picture.
"""

from pathlib import Path

import pyro
import torch

from bnnlib.networks import BayesianConfig, BayesianNetwork

FILE = Path(__file__).resolve().parents[1] / "ui" / "method" / "model.dot"


def source() -> str:
    """The graph of a Bayesian network with three hidden layers, in the language of graphviz."""
    network = BayesianNetwork(BayesianConfig(hidden=(8, 8, 8)), torch.Generator().manual_seed(0))
    images, labels = torch.zeros(2, 28, 28), torch.zeros(2, dtype=torch.int64)
    graph = pyro.render_model(
        network.model,
        model_args=(images, labels),
        model_kwargs={"n_train": 2},
        render_distributions=True,
    )
    return str(graph.source)


if __name__ == "__main__":
    FILE.write_text(source())
