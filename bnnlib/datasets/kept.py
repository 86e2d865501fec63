"""Sets of images that were read once, kept in the cache folder as safetensors.

To read them anew, torchvision has to be imported, which takes seconds. A kept file is
memory-mapped: images that are not used take no memory, and processes share the others. It is found
by a hash of its sources' paths, sizes and times, so it is not used after a source has changed.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from bnnlib.places import cache_folder

FORMAT = 1  # to be raised when what is kept of a set changes


def kept_or_read(
    name: str, sources: Sequence[Path], read: Callable[[], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The tensors of the set `name`, from the kept file or by `read`, which are kept then.

    sources: the files that hold the set. Where nothing can be kept, it is read each time.
    """
    file = _file(name, sources)
    if (found := _load(file)) is not None:
        return found
    tensors = read()
    with contextlib.suppress(OSError):
        _keep(file, tensors)
    return tensors


def is_kept(name: str, sources: Sequence[Path]) -> bool:
    """Whether `kept_or_read` would find the set kept."""
    return _file(name, sources).is_file()


def _file(name: str, sources: Sequence[Path]) -> Path:
    told = [(str(path.resolve()), *_version(path)) for path in sources]
    mark = hashlib.blake2b(repr((FORMAT, told)).encode(), digest_size=8).hexdigest()
    return cache_folder() / f"{name}-{mark}.safetensors"


def _version(path: Path) -> tuple[int, int]:
    """Size and time; those of nothing for a file that has just vanished, so that `read` says it."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _load(file: Path) -> dict[str, Tensor] | None:
    """None where there is no such file, or a damaged one."""
    try:
        return load_file(file)
    except (OSError, SafetensorError):
        return None


def _keep(file: Path, tensors: dict[str, Tensor]) -> None:
    """Put the file in its place as a whole, and remove those of the set's earlier versions."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, ignore_cleanup_errors=True) as folder:
        new = Path(folder) / file.name
        save_file(tensors, new)
        os.replace(new, file)
    for old in file.parent.glob(f"{file.name.rpartition('-')[0]}-*.safetensors"):
        if old != file:
            old.unlink(missing_ok=True)
