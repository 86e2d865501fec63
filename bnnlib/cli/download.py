"""`python -m bnnlib download`: fetch MNIST if it is not here."""

import argparse
import sys

from bnnlib.datasets.mnist import data_folders, find_mnist, load_mnist
from bnnlib.errors import BnnlibError


def download(options: argparse.Namespace) -> int:
    """Fetch MNIST if it is not here; returns the exit code. Raises BnnlibError if that fails."""
    if find_mnist() is None:
        print("Downloading MNIST (11 MB); given up after 20 s without progress.", file=sys.stderr)
        if load_mnist(download=True).source != "mnist":
            raise BnnlibError(
                f"MNIST could not be downloaded to {data_folders()[-1]}: "
                "the embedded digits serve instead; check the network, "
                f"or copy the four MNIST files to {data_folders()[-1] / 'MNIST' / 'raw'}."
            )
    print(f"MNIST is in {find_mnist()}.")
    return 0
