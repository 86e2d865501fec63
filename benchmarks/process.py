"""What only a fresh process can show, printed as JSON.

`memory PEER`: the peak of five training steps.
`start CHECKPOINT`: the time to an answer.
`stock DEVICE ROUNDS`: seconds of our step and of stock Pyro's, in turn.
"""

import json
import sys
import time
from collections.abc import Callable


def memory(name: str) -> dict[str, int]:
    """Peak memory in bytes, after the imports and after five steps."""
    from benchmarks.measure import peak_memory
    from benchmarks.peers import PEERS, batch

    before = peak_memory()
    peer = PEERS[name](*batch("cpu"))
    for _ in range(5):
        peer.step()
    return {"imported": before, "peak": peak_memory()}


def start(name: str) -> dict[str, float]:
    """Seconds from the first import to an answer of 200 samples to one image.

    The network is the checkpoint, or a new one where there is no such checkpoint.
    """
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


def stock(device: str, rounds: str) -> dict[str, tuple[float, ...]]:
    """Seconds of each step."""
    from benchmarks.measure import interleaved
    from benchmarks.peers import OURS, STOCK, build
    from bnnlib.layers.products import keep_freed_memory

    keep_freed_memory()  # as `python -m benchmarks` does, for both
    built, _ = build(device, (OURS, STOCK))
    times = interleaved({name: peer.step for name, peer in built.items()}, int(rounds))
    return {"ours": times[OURS].seconds, "stock": times[STOCK].seconds}


if __name__ == "__main__":
    verb: dict[str, Callable[..., object]] = {"memory": memory, "start": start, "stock": stock}
    print(json.dumps(verb[sys.argv[1]](*sys.argv[2:])))
