"""What an evaluation found, in one small file beside the checkpoint, so that it is computed once.

`evaluation.safetensors` holds arrays (a few bytes an image) and, as its metadata, the summary that
the card carries too. It names the weights it was measured on by their hash: results of other
weights are never taken for these. Where the checkpoint's folder cannot be written, the file goes to
the user's cache. Reading executes nothing.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.metrics import MEASURES
from bnnlib.metrics.answer import Rule
from bnnlib.metrics.distance import NAMES, Distance
from bnnlib.places import cache_folder
from bnnlib.storage.checkpoints import find_checkpoint
from bnnlib.storage.files import write_whole

FORMAT = 1
FILE = "evaluation.safetensors"
PER_IMAGE = ("labels", "predicted", *MEASURES)
DISTANCE = "distance/"  # before the names of the distance's arrays
LATER = ("nlls", "briers")  # of each image too; files of earlier versions lack them


@dataclass(frozen=True)
class Results:
    """`summary`: the figures by name, as JSON has them. `arrays`: what plots and comparisons need.

    `labels`, `predicted` and each measure of doubt `[B]`; `nlls` and `briers` `[B]`, which files of
    earlier versions lack; `confusion` `[C, C]`; `reliability` `[3, bins]` (count, confidence,
    accuracy); `histogram/SET/MEASURE` `[bins]` counts; `distance/NAME`, what `distance` is made of,
    which files of earlier versions lack.
    """

    summary: dict[str, Any]
    arrays: dict[str, Tensor]

    @property
    def wrong(self) -> Tensor:
        """Which images were answered wrongly, bool `[B]`."""
        return self.arrays["predicted"] != self.arrays["labels"]

    def doubt(self, measure: str) -> Tensor:
        """A measure of doubt, float32 `[B]`."""
        return self.arrays[measure].float()

    @property
    def distance(self) -> Distance | None:
        """How far an image is from the training images; None if the file lacks it."""
        if DISTANCE + NAMES[0] not in self.arrays:
            return None
        return Distance.from_arrays({name: self.arrays[DISTANCE + name] for name in NAMES})

    def with_distance(self, distance: Distance, rule: Rule | None, figures: Any) -> "Results":
        """These results with a distance, and the rule by which to answer, if it is not None.

        figures: what is to be told of both, as JSON has it; it goes into the summary.
        """
        arrays = {DISTANCE + name: values for name, values in distance.arrays().items()}
        told = {**figures, "rule": None if rule is None else rule.limits}
        return Results({**self.summary, "distance": told}, {**self.arrays, **arrays})


def weights_hash(folder: Path) -> str:
    """A content hash of the checkpoint's weights; raises BnnlibError if they cannot be read."""
    try:
        return hashlib.blake2b(
            (folder / "weights.safetensors").read_bytes(), digest_size=12
        ).hexdigest()
    except OSError as error:
        raise BnnlibError(
            f"The weights in {folder} cannot be read ({error.strerror}): "
            "copy or train the checkpoint again."
        ) from error


def save_results(name_or_path: str | Path, results: Results, beside: bool = True) -> Path:
    """Write the results beside the checkpoint; returns the file.

    Where that is read-only, or if not `beside`, into the user's cache. Raises BnnlibError where
    neither can be written.
    """
    folder = find_checkpoint(name_or_path)
    weights = weights_hash(folder)
    summary = {"format": FORMAT, "weights": weights, **results.summary}
    arrays = {name: values.contiguous() for name, values in results.arrays.items()}
    content = save(arrays, metadata={"summary": json.dumps(summary, allow_nan=False)})
    for where in _places(folder, weights)[0 if beside else 1 :]:
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
            write_whole(where, lambda path: path.write_bytes(content))
            return where
        except OSError as error:
            problem = error
    raise BnnlibError(
        f"The results can be written neither to {folder} nor to {cache_folder()} "
        f"({problem.strerror}): set BNNLIB_CACHE to a folder you may write to."
    ) from problem


def results_files(name_or_path: str | Path) -> list[Path]:
    """The existing files that may hold the checkpoint's results: beside it, in the user's cache."""
    folder = find_checkpoint(name_or_path)
    return [file for file in _places(folder, weights_hash(folder)) if file.is_file()]


def _places(folder: Path, weights: str) -> tuple[Path, Path]:
    return folder / FILE, cache_folder() / f"{weights}.safetensors"


def load_results(name_or_path: str | Path) -> Results | None:
    """The checkpoint's results, or None if it was not evaluated or has other weights since.

    Raises BnnlibError for a file that is damaged or of another format.
    """
    folder = find_checkpoint(name_or_path)
    weights = weights_hash(folder)
    damaged = None
    for file in results_files(folder):
        try:
            results = _read(file)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            damaged = BnnlibError(f"{file} cannot be read ({error}): evaluate {folder.name} again.")
            continue
        if results.summary["weights"] == weights:
            return results
    if damaged is not None:
        raise damaged
    return None


@dataclass(frozen=True)
class AnswerRule:
    """When a network should answer, as its evaluation found it.

    rule: answer where the doubt is at most so high. answered: the share of the test digits that it
    then answers; right: the share of these that it answers rightly, None if it answers none.
    """

    rule: Rule
    answered: float
    right: float | None


def answer_rule(name_or_path: str | Path) -> AnswerRule | None:
    """When this checkpoint should answer.

    It is the rule learnt with the distance. An evaluation without one has a rule by the winner's
    mean probability, learnt so that 95 % of the validation digits are answered. None if the
    checkpoint was not evaluated with a refusal rule, or if its results cannot be read.
    """
    try:
        results = load_results(name_or_path)
        return None if results is None else rule_of(results)
    except BnnlibError:
        return None


def rule_of(results: Results) -> AnswerRule | None:
    """The same of results that were read."""
    told = results.summary.get("distance") or {}
    if told.get("rule"):
        return AnswerRule(Rule(told["rule"]), told["answered"], told["right"])
    if not (refusal := results.summary.get("refusal")):
        return None
    plain = refusal["rules"]["least_confidence"]
    return AnswerRule(
        Rule({"least_confidence": plain["threshold"]}), plain["answered"], plain["right"]
    )


def _read(file: Path) -> Results:
    with safe_open(str(file), framework="pt") as archive:
        summary = json.loads((archive.metadata() or {})["summary"])
        names = list(archive.keys())
        arrays = {name: archive.get_tensor(name) for name in names}
    if summary["format"] != FORMAT:
        raise ValueError(f"its format is {summary['format']!r}, this version reads {FORMAT}")
    lengths = {len(arrays[name]) for name in (*PER_IMAGE, *(set(LATER) & arrays.keys()))}
    if lengths != {summary["images"]} or arrays["confusion"].shape != (10, 10):
        raise ValueError("its arrays do not fit together")
    if not all(torch.isfinite(values).all() for values in arrays.values()):
        raise ValueError("it holds values that are no finite numbers")
    results = Results(_renewed(summary), arrays)
    results.distance  # noqa: B018  # raises for arrays that do not fit together
    return results


def _renewed(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary of an earlier version, under today's names.

    Its interval of ECE is left out: it resampled a figure that is biased upward.
    """
    for part in (summary, summary.get("temperature_scaled") or {}):
        if "adaptive_ece" in part:
            part.setdefault("equal_mass_ece", part.pop("adaptive_ece"))
    summary.get("intervals", {}).pop("ece", None)
    return summary
