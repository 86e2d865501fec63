"""A training step by one process and by two that torchrun joins: `python -m benchmarks.team`.

The default Bayesian network on the CPU, the same batch in all. The tenth of the steps that was
fastest is what a machine does that is busy with nothing else; the median is what it did.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import torch

from benchmarks.measure import ROOT, machine
from benchmarks.section import Row, Section
from benchmarks.table import markdown

WAYS = {
    "one process, one thread": (1, 1),
    "one process, two threads": (1, 2),
    "two processes, one thread each": (2, 1),
}


def work(batch: int, steps: int) -> None:
    """Seconds of each step but the first, as JSON, by the process of rank 0."""
    from bnnlib.datasets.mnist import Split
    from bnnlib.training.config import replace
    from bnnlib.training.presets import preset
    from bnnlib.training.start import build
    from bnnlib.training.team import joined
    from bnnlib.training.trainer import Trainer

    generator = torch.Generator().manual_seed(0)
    shape = (batch * steps, 28, 28)
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    split = Split(images, torch.arange(batch * steps) % 10)
    network, training = preset("bayesian", "default")
    training = replace(training, batch_size=batch, adversarial=0.0, device="cpu", epochs=1)
    with joined("cpu") as rank:
        trainer = Trainer(build(network, 0), split, split, training)
        times: list[float] = []
        trainer._learn(training.temperature, lambda *_: times.append(time.perf_counter()))
        if rank == 0:
            print(json.dumps([b - a for a, b in pairwise(times)]))


def measured(processes: int, threads: int, batch: int, steps: int) -> list[float]:
    """The seconds of each step, sorted."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        start += ["-m"]
    done = subprocess.run(
        [*start, "benchmarks.team", "work", str(batch), str(steps)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.team")
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1_024])
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    rows: list[Row] = []
    for batch in options.batches:
        for name, (processes, threads) in WAYS.items():
            times = measured(processes, threads, batch, options.steps)
            fast, median = (1e3 * times[len(times) // part] for part in (10, 2))
            rows.append({"batch": batch, "": name, "ms, fast": fast, "ms, median": median})
    print(markdown(machine("cpu"), [Section("A step by several processes", rows)], []))


if __name__ == "__main__":
    work(*map(int, sys.argv[2:])) if sys.argv[1:2] == ["work"] else main()
