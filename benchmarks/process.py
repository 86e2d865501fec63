"""What only a fresh process can show, as JSON. `memory PEER`: the peak of five training steps. `start CHECKPOINT`: time to an answer."""

import json
import sys
import time


def memory(name: str) -> dict[str, int]:
    """Peak memory before the network is built, with all libraries there, and after five steps; bytes."""
    from benchmarks.measure import peak_memory
    from benchmarks.peers import PEERS, batch

    before = peak_memory()
    peer = PEERS[name](*batch("cpu"))
    for _ in range(5):
        peer.step()
    return {"imported": before, "peak": peak_memory()}


def start(name: str) -> dict[str, float]:
    """Seconds from the first import to an answer of 200 samples to one image, from a loaded checkpoint or, without one, a new network."""
    began = time.perf_counter()
    import torch

    torch_imported = time.perf_counter()
    from bnnlib import BnnlibError, load_checkpoint, sample_probs
    from bnnlib.networks import BayesianNetwork

    imported = time.perf_counter()
    try:
        network = load_checkpoint(name)
    except BnnlibError:
        network = BayesianNetwork()
    loaded = time.perf_counter()
    sample_probs(network, torch.rand(1, 28, 28), 200, 0)
    answered = time.perf_counter()
    pyro = float("pyro" in sys.modules)
    return {
        "import torch": torch_imported - began,
        "import bnnlib": imported - torch_imported,
        "load": loaded - imported,
        "answer": answered - loaded,
        "pyro": pyro,
    }


if __name__ == "__main__":
    print(json.dumps({"memory": memory, "start": start}[sys.argv[1]](sys.argv[2])))
