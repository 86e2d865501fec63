"""Out-of-distribution images: clothes, letters, noise, or any folder of pictures.

None of them is a digit, so a network should be uncertain about them. Every set is uint8
`[B, 28, 28]`, white on black like MNIST. Sets that torchvision knows are read from the folder into
which it unpacks them; they are never downloaded.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bnnlib.datasets.kept import is_kept, kept_or_read
from bnnlib.datasets.mnist import Split, data_folders
from bnnlib.datasets.not_digits import DOODLES, Learnt, doodles, writer_of
from bnnlib.datasets.pen import rendered, to_bytes
from bnnlib.drawing.raster import image_from_file, image_from_strokes
from bnnlib.drawing.unipen import read_unipen
from bnnlib.errors import BnnlibError, is_memory

MAX_IMAGES = 10_000  # of one set: as many as there are test digits
NOISE_IMAGES = 2_000
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm")

SETS = {
    "fashion-mnist": "Fashion-MNIST: photographs of clothes",
    "fashion-matched": (
        "Fashion-MNIST with the ink of digits: as bright as a digit, arranged as a garment"
    ),
    "kmnist": "KMNIST: cursive Japanese characters",
    "emnist-letters": "EMNIST letters: handwritten letters made as MNIST was",
    "letters": "letters drawn with a pen on a tablet",
    "doodles": "doodles: drawings of things by strangers, from The Quick, Draw! Dataset",
    "noise": "uniform noise, independent in every pixel",
}
# name: torchvision's class, which is also its folder, and whether the raw images are transposed
TORCHVISION = {
    "fashion-mnist": ("FashionMNIST", False),
    "kmnist": ("KMNIST", False),
    "emnist-letters": ("EMNIST", True),
}


@dataclass(frozen=True)
class OodSet:
    """A set of images that are not digits: `images` uint8 `[B, 28, 28]`.

    note: how the images were converted, or None if they were not.
    """

    name: str
    images: Tensor
    description: str
    note: str | None = None


def available_sets() -> list[str]:
    """The sets whose files were found, in the order of SETS; `noise` needs none.

    Reads no images.
    """
    return [name for name in SETS if _at_hand(name)]


def load_ood(
    name_or_path: str,
    digits: Split,
    part: str = "test",
    seed: int = 0,
    learnt: Learnt = Learnt(),
) -> OodSet:
    """A set by its name in SETS, or from a folder of pictures, a UNIPEN file, or a folder of those.

    digits: whose ink `fashion-matched` takes. part: `train` or `test`, for sets that have both.
    seed: of the noise and of the matching. learnt: writers of letters and categories of doodles
    that are left out, because the network learnt from them. At most 10,000 images.
    Raises BnnlibError if data are missing or damaged, or are digits themselves.
    """
    if name_or_path == "noise":
        pixels = torch.randint(
            0, 256, (NOISE_IMAGES, 28, 28), generator=torch.Generator().manual_seed(seed)
        )
        return OodSet("noise", pixels.to(torch.uint8), SETS["noise"])
    if name_or_path == "letters":
        folder = _pen_folder()
        if folder is None:
            raise _missing("letters", "UNIPEN files pen/UJIpenchars-*.txt")
        files = sorted(folder.glob("UJIpenchars-*.txt"))
        return _letters_set("letters", files, SETS["letters"], learnt)
    if name_or_path == "doodles":
        folder = _doodle_folder()
        if folder is None:
            raise _missing("doodles", "Quick, Draw!'s files doodles/*.ndjson")
        return _doodles_set("doodles", folder, SETS["doodles"], learnt)
    if name_or_path == "fashion-matched":
        clothes = load_ood("fashion-mnist", digits, part).images
        return OodSet(name_or_path, match_ink(clothes, digits.images, seed), SETS[name_or_path])
    if name_or_path in TORCHVISION:
        return OodSet(name_or_path, _torchvision(name_or_path, part), SETS[name_or_path])
    path = Path(name_or_path)
    if path.is_file():
        words = f"letters drawn with a pen, from {path.name}"
        return _letters_set(path.stem, [path], words, learnt)
    if path.is_dir():
        return _folder(path, learnt)
    raise BnnlibError(
        f"There is no set {name_or_path!r}: "
        f"give the path of a folder of pictures or one of these names: {', '.join(SETS)}."
    )


def match_ink(images: Tensor, digits: Tensor, seed: int = 0) -> Tensor:
    """Give each image the pixel values of a random digit.

    uint8 `[B, 28, 28]` and digits `[N, 28, 28]` -> uint8 `[B, 28, 28]`. The image's brightest
    pixel gets the digit's brightest value, the second brightest the second, and so on; equal
    pixels keep their order. So an image has exactly the ink of a digit, and only the arrangement
    of the ink tells it from one.
    """
    generator = torch.Generator().manual_seed(seed)
    donors = torch.randint(len(digits), (len(images),), generator=generator)
    ink = digits[donors.to(digits.device)].to(images.device).flatten(1).sort(1).values
    order = images.flatten(1).argsort(dim=1, stable=True)
    return torch.empty_like(ink).scatter_(1, order, ink).view_as(images)


def _at_hand(name: str) -> bool:
    if name == "noise":
        return True
    if name == "letters":
        return _pen_folder() is not None
    if name == "doodles":
        return _doodle_folder() is not None
    return _root("fashion-mnist" if name == "fashion-matched" else name, "test") is not None


def _pen_folder() -> Path | None:
    return next(
        (data / "pen" for data in data_folders() if any((data / "pen").glob("UJIpenchars-*.txt"))),
        None,
    )


def _doodle_folder() -> Path | None:
    folders = [data / "doodles" for data in data_folders()]
    return next((folder for folder in folders if any(folder.glob(DOODLES))), None)


def _stems(name: str, part: str) -> tuple[str, ...]:
    """How the names of the files begin that torchvision needs.

    It reads one part of EMNIST without the other; of the other sets it needs both.
    """
    return (f"emnist-letters-{part}",) if name == "emnist-letters" else ("train", "t10k")


def _root(name: str, part: str) -> Path | None:
    """The first data folder with all files of a set that torchvision knows."""
    return next(
        (data for data in data_folders() if all(f.is_file() for f in _files(data, name, part))),
        None,
    )


def _files(data: Path, name: str, part: str) -> list[Path]:
    return [
        data / TORCHVISION[name][0] / "raw" / f"{stem}-{what}-ubyte"
        for stem in _stems(name, part)
        for what in ("images-idx3", "labels-idx1")
    ]


def needs_torchvision(name: str, part: str = "test") -> bool:
    """Whether `load_ood(name, ...)` would import torchvision, which takes seconds and 150 MB."""
    name = "fashion-mnist" if name == "fashion-matched" else name
    root = _root(name, part) if name in TORCHVISION else None
    return root is not None and not is_kept(f"{name}-{part}", _files(root, name, part))


def _torchvision(name: str, part: str) -> Tensor:
    """The images of a set that torchvision knows, or those that were kept of it."""
    folder, _ = TORCHVISION[name]
    root = _root(name, part)
    if root is None:
        files = " and ".join(
            f"{stem}-{{images-idx3,labels-idx1}}-ubyte" for stem in _stems(name, part)
        )
        raise _missing(name, f"{files}, unpacked, in {folder}/raw")
    found = kept_or_read(
        f"{name}-{part}", _files(root, name, part), lambda: {"images": _read(root, name, part)}
    )
    return found["images"]


def _read(root: Path, name: str, part: str) -> Tensor:
    import torchvision.datasets as datasets  # here, not above: importing torchvision costs seconds

    folder, transposed = TORCHVISION[name]
    options = {"split": "letters"} if folder == "EMNIST" else {}
    try:
        images = getattr(datasets, folder)(str(root), train=part == "train", **options).data
    except Exception as error:  # torchvision names no exception for a damaged file
        if is_memory(error):
            raise
        reason = str(error) or type(error).__name__
        raise BnnlibError(
            f"The files in {root / folder} cannot be read ({reason}): copy them again."
        ) from error
    if not len(images) or images.shape[1:] != (28, 28) or images.dtype != torch.uint8:
        what = f"images {list(images.shape)} of {images.dtype}"
        raise BnnlibError(
            f"The files in {root / folder} hold {what}, not bytes [B, 28, 28]: copy them again."
        )
    if len(images) > MAX_IMAGES:  # taken from all over the file, which may be sorted by class
        images = images[torch.linspace(0, len(images) - 1, MAX_IMAGES).long()]
    # EMNIST is stored column by column.
    return images.transpose(1, 2).contiguous() if transposed else images


def _missing(name: str, what: str) -> BnnlibError:
    folders = " nor in ".join(str(folder) for folder in data_folders())
    return BnnlibError(
        f"The set {name!r} is not in {folders}: put its files there ({what}) "
        f"or choose one of these: {', '.join(available_sets())}."
    )


def _letters(files: list[Path]) -> Tensor:
    """The letters of UNIPEN files, made into images as MNIST was, uint8 `[B, 28, 28]`.

    Other characters, digits above all, are left out.
    """
    images = [
        image_from_strokes(strokes)
        for file in files
        for label, strokes in read_unipen(file)
        if label.isalpha()
    ][:MAX_IMAGES]
    if not images:
        raise BnnlibError(
            f"{', '.join(map(str, files))} holds no letters, only other characters: "
            "give a UNIPEN file with letters."
        )
    return torch.stack(images).mul(255).round().to(torch.uint8)


def _letters_set(name: str, files: list[Path], words: str, learnt: Learnt) -> OodSet:
    """The letters of the writers that are not learnt; raises BnnlibError if there are none."""
    fresh = [file for file in files if writer_of(file) not in learnt.writers]
    if not fresh:
        raise BnnlibError(
            f"The network learnt from the letters of every writer in {files[0].parent}: "
            "give letters of other writers."
        )
    note = None
    if left_out := sorted(
        {writer for file in files if (writer := writer_of(file)) in learnt.writers}
    ):
        numbers = ", ".join(map(str, left_out))
        note = f"the letters of writers {numbers} are left out: this network learnt from them"
    return OodSet(name, _letters(fresh), words, note)


def _doodles_set(name: str, folder: Path, words: str, learnt: Learnt) -> OodSet:
    """The doodles of the categories that are not learnt; raises BnnlibError if there are none."""
    drawn = doodles(folder)
    fresh = [strokes for word, strokes in drawn if word not in learnt.categories]
    if not fresh:
        raise BnnlibError(
            f"The network learnt from every category of doodles in {folder}: "
            "give doodles of other categories."
        )
    note = None
    words_drawn = {word for word, _ in drawn}
    if left_out := len(words_drawn & learnt.categories):
        note = (
            f"{left_out} of {len(words_drawn)} categories of doodles are left out: "
            "this network learnt from them"
        )
    return OodSet(name, to_bytes(rendered(fresh[:MAX_IMAGES])), words, note)


def _folder(path: Path, learnt: Learnt) -> OodSet:
    """The pictures in `path` and its subfolders; raises BnnlibError if there are none.

    A picture that is not 28 x 28 and grey is converted as `predict` converts one.
    """
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    digit_folders = sorted(
        {
            part
            for file in files
            for part in file.relative_to(path).parts[:-1]
            if part.isdecimal() and int(part) < 10
        }
    )
    if digit_folders:
        raise BnnlibError(
            f"{path} has folders named {', '.join(digit_folders)}, as for digits: "
            "expected pictures that are not digits, rename or move these folders."
        )
    pictures = [file for file in files if file.suffix.lower() in PICTURES][:MAX_IMAGES]
    if not pictures:
        pens = [file for file in files if file.suffix.lower() == ".txt"]
        if pens:
            words = f"letters drawn with a pen, from {path.name}"
            return _letters_set(path.name, pens, words, learnt)
        if any(file.suffix == ".ndjson" for file in files):
            return _doodles_set(path.name, path, f"doodles, from {path.name}", learnt)
        what = f"none of its {len(files)} files is a picture" if files else "it is empty"
        raise BnnlibError(f"{path} holds no pictures ({what}): give a folder of PNG or JPEG files.")
    images, converted = [], 0
    for file in pictures:
        image, as_it_is = _picture(file)
        images.append(image)
        converted += not as_it_is
    note = None
    if converted:
        note = (
            f"{converted:,} of {len(pictures):,} pictures in {path.name} were not 28 x 28 and "
            "grey: they were made grey, cut to what differs from their border, scaled into the "
            "box of 20 and centred, as predict does"
        )
    return OodSet(path.name, torch.stack(images), f"the pictures in {path.name}", note)


def _picture(file: Path) -> tuple[Tensor, bool]:
    """One picture as uint8 `[28, 28]`, and whether it was one already."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            if picture.size == (28, 28) and picture.mode == "L":
                return torch.from_numpy(np.array(picture, dtype=np.uint8)), True
    except UnidentifiedImageError:
        raise BnnlibError(
            f"{file} is named like a picture but is none: remove it or replace it."
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BnnlibError(
            f"{file} cannot be read as a picture ({error}): remove it or replace it."
        ) from error
    return image_from_file(str(file))[0].mul(255).round().to(torch.uint8), False
