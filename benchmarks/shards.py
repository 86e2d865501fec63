"""Images a second of `evaluate --shard`, by the number of workers: `python -m benchmarks.shards`.

Each worker is a process with one thread and a shard of its own. Then one worker gets ten times the
images, to see whether its memory grows. Imports are not counted: for millions of images they are
nothing. On a machine that is busy with other things only the seconds of a core are to be trusted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, machine, peak_memory
from benchmarks.section import Row, Section
from benchmarks.table import markdown

WORKERS = (1, 2, 4)


def work(name: str, images: str, labels: str, shard: str, samples: str) -> None:
    """One worker: its seconds and its peak of memory in bytes, as JSON."""
    from bnnlib.evaluation.shards import sum_up
    from bnnlib.storage.checkpoints import load_checkpoint

    network, asked = load_checkpoint(name), {"samples": int(samples), "seed": 0}
    many, right = (np.load(path, mmap_mode="r") for path in (images, labels))
    number, of = map(int, shard.split("/"))
    before, began, busy = peak_memory(), time.perf_counter(), time.process_time()
    sum_up(network, many, right, asked, number, of)
    told = {"seconds": time.perf_counter() - began, "busy": time.process_time() - busy}
    print(json.dumps({**told, "before": before, "peak": peak_memory(), "mapped": many.nbytes}))


def started(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.shards", "work", *words]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def together(files: list[str], name: str, workers: int, samples: int) -> list[dict[str, float]]:
    """What the workers say that share the images out."""
    shards = [f"{k + 1}/{workers}" for k in range(workers)]
    running = [started(name, *files, shard, str(samples)) for shard in shards]
    return [json.loads(process.communicate()[0]) for process in running]


def written(folder: str, count: int) -> list[str]:
    """MNIST's test images, over and over, in two files; their names."""
    from bnnlib import load_mnist

    test = load_mnist().test
    index = np.arange(count) % len(test)
    names = [str(Path(folder) / f"{what}-{count}.npy") for what in ("images", "labels")]
    for name, values in zip(names, (test.images, test.labels), strict=True):
        np.save(name, values.numpy()[index])
    return names


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards")
    parser.add_argument("--checkpoint", default="bayesian")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is shown")
    options = parser.parse_args()
    name, count, samples = options.checkpoint, options.images, options.samples
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        files = written(folder, count)
        for workers in WORKERS:
            found = min(
                (together(files, name, workers, samples) for _ in range(options.rounds)),
                key=lambda each: max(one["seconds"] for one in each),
            )
            speed = count / max(one["seconds"] for one in found)
            first = speed if not rows else float(rows[0]["images/s"] or 0)
            busy = sum(one["busy"] for one in found)
            rows.append(
                {
                    "workers": workers,
                    "images/s": speed,
                    "times one worker": speed / first,
                    "images for a second of a core": count / busy,
                }
            )
        sizes: list[Row] = []
        for many in (count // 2, 5 * count):
            one, *_ = together(written(folder, many), name, 1, max(1, samples // 10))
            sizes.append(
                {
                    "images": many,
                    "MB before": one["before"] / 1e6,
                    "MB at the peak": one["peak"] / 1e6,
                    "of them pages of the file": one["mapped"] / 1e6,
                    "MB more of its own": (one["peak"] - one["mapped"] - one["before"]) / 1e6,
                }
            )
    words = f"{name}, {samples} samples, {count:,} images"
    sections = [Section(f"Shards: {words}", rows), Section("Memory of one worker", sizes)]
    print(markdown(machine("cpu"), sections, []))


if __name__ == "__main__":
    work(*sys.argv[2:]) if sys.argv[1:2] == ["work"] else main()
