"""Acts that are killed at one of their file operations, as kill -9 would.

`python -m tests.killed DIGITS` reads lines of JSON: an act's name, a folder, the number of the
operation, and the operations that count. For each it forks a child that does the act and kills
itself there; then it prints how the child ended, 0 if the act has fewer operations.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Each has a moment before it and one after it. Before "write" a new file is empty.
OPERATIONS = ("fsync", "replace", "rename", "mkdir", "rmdir", "unlink", "write")


class Nursery:
    """Reads the libraries once. digits: a file of `torch.save` with three splits in turn."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def dies(self, act: str, folder: Path, number: int, *operations: str) -> bool:
        """Do the act and die at its operation `number`; False if it has fewer and is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = json.dumps([act, str(folder), number, operations or OPERATIONS])
        print(line, file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        assert code in (0, -signal.SIGKILL)
        return code != 0


@contextmanager
def nursery(digits: Path) -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.killed", str(digits)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def die_at(number: int, operations: list[str]) -> None:
    """Kill this process at one of the next file operations of its main thread."""
    passed = 0

    def look(frame: Any, event: str, function: Any) -> None:
        nonlocal passed
        if event.startswith("c_") and function.__name__ in operations:
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1

    sys.setprofile(look)


def main() -> None:
    import pyro  # noqa: F401  # before the first fork
    import torch
    import torch._dynamo  # which the first optimiser would load

    from bnnlib.datasets.mnist import Digits, Split
    from bnnlib.networks import DropoutConfig, DropoutNetwork
    from bnnlib.runs import worker
    from bnnlib.runs.archive import import_run
    from bnnlib.runs.run import Run
    from bnnlib.storage.checkpoints import save_checkpoint

    torch.set_num_threads(1)
    parts = torch.load(sys.argv[1], weights_only=True)
    splits = [Split(*parts[k : k + 2]) for k in (0, 2, 4)]
    worker.load_mnist = lambda: Digits(*splits, "embedded")
    network = DropoutNetwork(DropoutConfig(hidden=(8, 8, 8)), torch.Generator().manual_seed(1))

    def bring(folder: Path) -> None:
        with open(folder.parent / "run.zip", "rb") as file:
            import_run(file, folder)

    acts = {
        "train": lambda folder: worker.work(Run(folder)),
        "import": bring,
        "save": lambda folder: save_checkpoint(folder, network, {"note": "new"}),
    }
    for line in sys.stdin:
        act, folder, number, operations = json.loads(line)
        if (child := os.fork()) == 0:
            os.dup2(2, 1)  # what a training says is no answer
            die_at(number, operations)
            acts[act](Path(folder))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
