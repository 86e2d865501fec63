"""Bayesian and dropout networks on MNIST: train, load and ask them."""

import sys

from bnnlib import drawing
from bnnlib.datasets.mnist import load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.metrics import uncertainty
from bnnlib.networks.sampling import deterministic_probs, sample_probs
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint, save_checkpoint

__all__ = [
    "BnnlibError",
    "deterministic_probs",
    "drawing",
    "list_checkpoints",
    "load_checkpoint",
    "load_mnist",
    "sample_probs",
    "save_checkpoint",
    "uncertainty",
]

sys.modules["bnnlib.uncertainty"] = uncertainty  # `import bnnlib.uncertainty` worked before
