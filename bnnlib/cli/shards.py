"""`python -m bnnlib evaluate --shard K/N`, and `--merge`: evaluations of very many images."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bnnlib.datasets.mnist import held_out, load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import trained_on
from bnnlib.evaluation.shards import Sums, bounds, join, load_sums, save_sums, sum_up
from bnnlib.storage.checkpoints import find_checkpoint, load_checkpoint
from bnnlib.storage.evaluations import weights_hash
from bnnlib.training.start import pick_device

ONLY_WHOLE = ("ood", "shift", "temperature_scaling", "save")  # what takes all images at once


def evaluate_shard(options: argparse.Namespace) -> int:
    """Evaluate a shard and write its sums, or print the figures of a whole; the exit code."""
    if len(options.names) != 1:
        raise BnnlibError("A shard is of one network: give one name.")
    if given := next((name for name in ONLY_WHOLE if getattr(options, name)), None):
        flag = f"--{given.replace('_', '-')}"
        raise BnnlibError(f"{flag} takes all images at once: leave it out, or leave out --shard.")
    name = options.names[0]
    shard, of = parse_shard(options.shard or "1/1")
    network = load_checkpoint(name)
    if options.images:
        images, labels = read_images(options.images), read_labels(options.labels)
        if labels is not None and len(labels) != len(images):
            raise BnnlibError(
                f"There are {len(images):,} images and {len(labels):,} labels: "
                "expected a label for each image."
            )
        what = Path(options.images).name
    else:
        digits = load_mnist()
        part = held_out(digits, options.split, trained_on(network))
        images, labels = part.images.numpy(), part.labels.numpy()
        what = f"{digits.source} {options.split}"
    first, end = bounds(shard, of, len(images))
    asked = {
        "network": weights_hash(find_checkpoint(name)),
        "samples": options.samples,
        "seed": options.seed,
        "set": what,
        "all_images": len(images),
    }
    out = Path(options.out or f"{Path(name).name}-{shard}-of-{of}.json")
    answers = new_answers(Path(options.answers), end - first) if options.answers else None
    with tqdm(total=end - first, unit="image", file=sys.stderr, dynamic_ncols=True) as bar:
        sums = sum_up(
            network.to(pick_device(options.device)),
            images,
            labels,
            asked,
            shard,
            of,
            None if answers is None else lambda k, rows: keep_rows(answers, k, rows.numpy()),
            bar.update,
        )
    if answers is not None:
        answers.flush()
    if options.out or of > 1:
        save_sums(out, sums)
        print(f"Kept shard {shard}/{of} in {out}.", file=sys.stderr)
    if of == 1:
        print_figures(sums, options.json)
    return 0


def merge_shards(options: argparse.Namespace) -> int:
    """Join the files of all shards and print the figures; returns the exit code."""
    if options.names:
        raise BnnlibError("--merge takes the files of shards alone: leave out the network's name.")
    sums = join([load_sums(Path(name)) for name in options.merge])
    print_figures(sums, options.json)
    return 0


def parse_shard(text: str) -> tuple[int, int]:
    """ "3/8" -> (3, 8); raises BnnlibError for anything else."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if found is None:
        raise BnnlibError(f"--shard is {text!r}: give K/N, as 3/8 for the third of eight.")
    return int(found[1]), int(found[2])


def read_images(name: str) -> np.ndarray:
    """uint8 `[N, 28, 28]` of a .npy file, left on the disk; raises BnnlibError."""
    images = _mapped(name)
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise BnnlibError(
            f"{name} holds {images.dtype} {list(images.shape)}: expected images, "
            "uint8 [N, 28, 28], light on dark."
        )
    return images


def read_labels(name: str) -> np.ndarray | None:
    """Whole numbers `[N]` of a .npy file; None without a name. Raises BnnlibError."""
    if not name:
        return None
    labels = _mapped(name)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise BnnlibError(
            f"{name} holds {labels.dtype} {list(labels.shape)}: expected whole numbers [N]."
        )
    return labels


def _mapped(name: str) -> np.ndarray:
    try:
        return np.load(name, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise BnnlibError(
            f"{name} cannot be read ({error.strerror or error}): give a .npy file."
        ) from error
    except ValueError as error:
        raise BnnlibError(f"{name} is no .npy file of numbers: write it by numpy.save.") from error


def new_answers(where: Path, images: int) -> Any:
    """float32 `[images, 11]` in a new .npy file, filled on the disk; raises BnnlibError."""
    try:
        return np.lib.format.open_memmap(where, "w+", np.float32, (images, 11))
    except OSError as error:
        raise BnnlibError(
            f"{where} cannot be written ({error.strerror}): give another file with --answers."
        ) from error


def keep_rows(answers: Any, first: int, rows: np.ndarray) -> None:
    answers[first : first + len(rows)] = rows


def print_figures(sums: Sums, as_json: bool) -> None:
    figures = sums.figures()
    if as_json:
        print(json.dumps({**figures, **sums.asked}, allow_nan=False))
        return
    print(f"{sums.images:,} images of {sums.asked['set']}, {sums.asked['samples']} samples.")
    names = {
        "error": ("error", ".2%"),
        "nll": ("NLL", ".4f"),
        "ece": ("ECE", ".2%"),
        "brier": ("Brier", ".4f"),
        "predictive_entropy": ("predictive entropy", ".4f"),
        "mutual_information": ("mutual information", ".4f"),
    }
    for name, (words, form) in names.items():
        if name in figures:
            print(f"{words:20}{figures[name]:>10{form}}")
