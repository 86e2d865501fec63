"""Read data sets by a process of their own: torchvision, which reading alone needs, would take a server 150 MB for good.

`python -m bnnlib.datasets.isolated mnist FILE`, or the name of a set of `bnnlib.datasets.ood`, writes tensors to a safetensors file. The reader maps it, so
that images nobody looks at take no memory either.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from bnnlib.datasets import mnist as data
from bnnlib.datasets.mnist import Digits, Split, load_mnist
from bnnlib.datasets.ood import load_ood
from bnnlib.errors import BnnlibError

PARTS = ("train", "validation", "test")


def load_mnist_apart() -> Digits:
    """`load_mnist()`, nothing downloaded; raises what it raises. The embedded digits, which need no torchvision, are read here."""
    if data.find_mnist() is None:
        return load_mnist()
    found = _read("mnist")
    train, validation, test = (
        Split(found[f"{part} images"], found[f"{part} labels"]) for part in PARTS
    )
    return Digits(train, validation, test, "mnist")


def load_ood_apart(name: str) -> Tensor:
    """The images of `load_ood(name, ...)` for the validation digits, uint8 `[B, 28, 28]`; raises what it raises."""
    return _read(name)["images"]


def _read(name: str) -> dict[str, Tensor]:
    path = os.pathsep.join(
        filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH")))
    )
    with tempfile.TemporaryDirectory(
        prefix="bnnlib-", ignore_cleanup_errors=True
    ) as folder:  # the mapped file outlives its name
        file = str(Path(folder) / "set.safetensors")
        command = [sys.executable, "-m", "bnnlib.datasets.isolated", name, file]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, stderr=subprocess.PIPE
        )
        if done.returncode:
            said = (
                done.stderr.decode(errors="replace").strip()
                or f"The set {name} was not read (exit code {done.returncode}): try again."
            )
            raise BnnlibError(said.splitlines()[-1])
        return load_file(file)


def main(name: str, file: str) -> int:
    """Write the set called `name` to `file`; returns the exit code: 0, or 2 with one sentence on standard error."""
    try:
        digits = load_mnist()
        if name == "mnist":
            splits = {part: digits.split(part) for part in PARTS}
            tensors = {
                f"{part} {what}": getattr(split, what).contiguous()
                for part, split in splits.items()
                for what in ("images", "labels")
            }
        else:
            tensors = {"images": load_ood(name, digits.validation).images.contiguous()}
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    save_file(tensors, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
