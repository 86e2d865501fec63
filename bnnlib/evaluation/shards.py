"""The evaluation of very many images in shards: each is summed up, and the sums are joined.

Error, NLL, Brier score, calibration error and mean doubt are sums over images, so the joined
figures are those of one evaluation of them all. Only a part of the images is in memory at a time.
"""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import device_of, networks_asked
from bnnlib.metrics.uncertainty import mutual_information, predictive_entropy
from bnnlib.networks import Network
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.files import write_text

AT_ONCE = 5_000  # images: [100, 5,000, 10] answers are 20 MB
FORMAT = 1
Answers = Callable[[int, Tensor], object]  # takes the first image's number and [B, C + 1]


@dataclass(frozen=True)
class Sums:
    """What one shard, or several joined, add up to.

    asked: which network was asked about which images, and how: what shards must share. shards:
    their numbers, from 1, of `of`. labelled: whether `wrong`, `nll` (nats), `brier` and `bins`
    count; `bins` has a row for each bin of confidence: images, sum of confidences, right ones.
    entropy, mutual_information: sums of the doubt, nats.
    """

    asked: dict[str, Any]
    shards: tuple[int, ...]
    of: int
    images: int
    labelled: bool
    wrong: float
    nll: float
    brier: float
    entropy: float
    mutual_information: float
    bins: tuple[tuple[float, ...], ...]

    def figures(self) -> dict[str, Any]:
        """The means over the images; without labels those of the doubt alone."""
        doubt = {
            "images": self.images,
            "predictive_entropy": self.entropy / self.images,
            "mutual_information": self.mutual_information / self.images,
        }
        if not self.labelled:
            return doubt
        count, confidence, right = torch.tensor(self.bins, dtype=torch.float64).T
        table = metrics.Reliability(count, confidence / count, right / count)
        scores = {"error": self.wrong, "nll": self.nll, "brier": self.brier}
        means = {name: value / self.images for name, value in scores.items()}
        return {**means, "ece": table.error, **doubt}


def bounds(shard: int, of: int, images: int) -> tuple[int, int]:
    """The first image of a shard, and the one after its last; the shards differ by one at most.

    Raises BnnlibError for a shard that is not one of `of`, or that would be empty.
    """
    if not 1 <= shard <= of:
        raise BnnlibError(f"There is no shard {shard} of {of}: shards go from 1/{of} to {of}/{of}.")
    if of > images:
        raise BnnlibError(f"There are {images:,} images for {of:,} shards: give fewer shards.")
    return images * (shard - 1) // of, images * shard // of


def sum_up(
    network: Network,
    images: np.ndarray,
    labels: np.ndarray | None,
    asked: dict[str, Any],
    shard: int = 1,
    of: int = 1,
    answers: Answers | None = None,
    progress: Callable[[int], object] | None = None,
) -> Sums:
    """Ask the network about its shard of images, uint8 `[N, 28, 28]`; they may lie on the disk.

    asked: with `samples` and `seed`. The same networks are sampled for all images, in every shard.
    answers: takes the mean probabilities and the mutual information of some images at a time.
    progress: told how many images are done. Raises BnnlibError for labels that are no digits.
    """
    device, (first, end) = device_of(network), bounds(shard, of, len(images))
    samples = networks_asked(network, asked["samples"])
    sums, bins = torch.zeros(5, dtype=torch.float64), torch.zeros(15, 3, dtype=torch.float64)
    for start in range(first, end, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, end))
        generator = torch.Generator(device).manual_seed(asked["seed"])
        some = torch.as_tensor(np.array(images[part])).to(device)
        probs = sample_probs(network, some, samples, generator, shared=True).cpu()
        mean, information = metrics.check_probs(probs.mean(0)), mutual_information(probs)
        sums[3:] += torch.stack([predictive_entropy(probs).sum(), information.sum()])
        if labels is not None:
            right = torch.as_tensor(np.array(labels[part])).long()
            metrics.check_labels(mean, right)
            scores = (metrics.errors, metrics.nlls, metrics.briers)
            sums[:3] += torch.stack([score(mean, right).sum().cpu() for score in scores])
            table = metrics.reliability(mean, right)
            means = (table.confidence, table.accuracy)
            weighed = [(table.count * value).nan_to_num() for value in means]
            bins += torch.stack([table.count, *weighed], dim=1)
        if answers is not None:
            answers(start - first, torch.cat([mean, information[:, None]], dim=1))
        if progress is not None:
            progress(len(some))
    names = ("wrong", "nll", "brier", "entropy", "mutual_information")
    return Sums(
        asked,
        (shard,),
        of,
        images=end - first,
        labelled=labels is not None,
        bins=tuple(tuple(row) for row in bins.tolist()),
        **dict(zip(names, sums.tolist(), strict=True)),
    )


def join(parts: Sequence[Sums]) -> Sums:
    """The sums of all shards; raises BnnlibError unless each of them is there, once."""
    first = parts[0]
    for part in parts:
        if (part.asked, part.of, part.labelled) != (first.asked, first.of, first.labelled):
            raise BnnlibError(
                "The shards are of different evaluations: join those of one network, one set of "
                "images and one number of samples, shards and seed."
            )
    numbers = sorted(number for part in parts for number in part.shards)
    lacking = sorted(set(range(1, first.of + 1)) - set(numbers))
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice or lacking:
        which, what = (twice, "is there twice") if twice else (lacking, "is missing")
        raise BnnlibError(f"The shard {which[0]}/{first.of} {what}: give every shard once.")
    totals = {
        field.name: sum(getattr(part, field.name) for part in parts)
        for field in dataclasses.fields(Sums)
        if field.type in (int, float) and field.name != "of"
    }
    bins = sum(torch.tensor(part.bins, dtype=torch.float64) for part in parts)
    joined = tuple(tuple(row) for row in torch.as_tensor(bins).tolist())
    return dataclasses.replace(first, shards=tuple(numbers), bins=joined, **totals)


def save_sums(where: Path, sums: Sums) -> None:
    """Write a shard's file. Raises BnnlibError."""
    try:
        write_text(where, json.dumps({"format": FORMAT, **dataclasses.asdict(sums)}, indent=1))
    except OSError as error:
        raise BnnlibError(
            f"{where} cannot be written ({error.strerror}): give another file with --out."
        ) from error


def load_sums(where: Path) -> Sums:
    """Read a shard's file. Raises BnnlibError for anything else."""
    try:
        fields = json.loads(where.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError("of another version")
        fields["shards"] = tuple(map(int, fields["shards"]))
        fields["bins"] = tuple(tuple(map(float, row)) for row in fields["bins"])
        sums = Sums(**fields)
        sums.figures()
        return sums
    except OSError as error:
        raise BnnlibError(f"The shard {where} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise BnnlibError(
            f"{where} is no shard of an evaluation ({error}): evaluate that shard again."
        ) from error
