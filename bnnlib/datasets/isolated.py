"""Read data sets in a separate process, so that a server never imports torchvision.

torchvision is needed only for reading, but it would hold 150 MB as long as the server runs.
`python -m bnnlib.datasets.isolated NAME FILE` writes tensors to a safetensors file. NAME is
`mnist` or a set of `bnnlib.datasets.ood`. The file is memory-mapped, so images that are not
used take no memory. What was read once is kept (`bnnlib.datasets.kept`), and needs no process.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from bnnlib.datasets import mnist, ood
from bnnlib.datasets.mnist import Digits, from_tensors, load_mnist, to_tensors
from bnnlib.datasets.ood import load_ood
from bnnlib.errors import BnnlibError
from bnnlib.places import ROOT


def load_mnist_apart() -> Digits:
    """`load_mnist()` without a download; raises what it raises.

    The embedded digits need no torchvision, so they are read in this process.
    """
    if not mnist.needs_torchvision():
        return load_mnist()
    return from_tensors(_read("mnist"), "mnist")


def load_ood_apart(name: str) -> Tensor:
    """The images of `load_ood(name, ...)` for the validation digits, uint8 `[B, 28, 28]`.

    Raises what `load_ood` raises.
    """
    if name in (*ood.TORCHVISION, "fashion-matched") and not (
        mnist.needs_torchvision() or ood.needs_torchvision(name)
    ):
        return load_ood(name, load_mnist().validation).images
    return _read(name)["images"]


def _read(name: str) -> dict[str, Tensor]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    # The file stays mapped after the folder is deleted, which not every system allows.
    with tempfile.TemporaryDirectory(prefix="bnnlib-", ignore_cleanup_errors=True) as folder:
        file = str(Path(folder) / "set.safetensors")
        command = [sys.executable, "-m", "bnnlib.datasets.isolated", name, file]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            unsaid = f"The set {name} was not read (exit code {done.returncode}): try again."
            raise BnnlibError((said or unsaid).splitlines()[-1])
        return load_file(file)


def main(name: str, file: str) -> int:
    """Write the set called `name` to `file`; returns the exit code.

    The code is 0, or 2 with one sentence on standard error.
    """
    try:
        digits = load_mnist()
        if name == "mnist":
            tensors = to_tensors(digits)
        else:
            tensors = {"images": load_ood(name, digits.validation).images.contiguous()}
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    save_file(tensors, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
