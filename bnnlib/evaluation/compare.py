"""Two networks asked about the same images: by how much they differ, and whether beyond chance.

An image that is hard for one network is hard for the other. So the difference is resampled, the
same images for both, and not each figure for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib import metrics
from bnnlib.errors import BnnlibError
from bnnlib.storage.evaluations import Results

COMPARED = ("error", "nll", "brier", "aurc")  # what a difference is tested for; less is better


@dataclass(frozen=True)
class Difference:
    """The first network's figure less the second's, and its paired 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def compare(first: Results, second: Results) -> dict[str, Difference]:
    """The differences by figure, as many of COMPARED as both files have the numbers for.

    Both must be about the same images: `check_same_images`.
    """
    found = {figure: difference(first, second, figure) for figure in COMPARED}
    return {figure: one for figure, one in found.items() if one is not None}


def difference(first: Results, second: Results, figure: str) -> Difference | None:
    """The difference of one of COMPARED; None where a file lacks what it takes of each image."""
    mine, others = _of_each_image(first, figure), _of_each_image(second, figure)
    if mine is None or others is None:
        return None
    statistic = metrics.aurc_of_codes if figure == "aurc" else _mean
    ends = metrics.paired_interval(statistic, [mine], [others])
    return Difference(first.summary[figure] - second.summary[figure], *ends)


def check_same_images(results: Mapping[str, Results]) -> None:
    """Raises BnnlibError, one sentence, unless all the results are about the same images."""
    names = list(results)
    for name in names[1:]:
        first, other = results[names[0]], results[name]
        same = all(first.summary[key] == other.summary[key] for key in ("source", "split"))
        if not (same and torch.equal(first.arrays["labels"], other.arrays["labels"])):
            raise BnnlibError(
                f"The figures of {names[0]} and {name} are about different images "
                f"({_images(first)}; {_images(other)}), so their differences are not tested: "
                "evaluate both on the same ones."
            )


def lacking(results: Mapping[str, Results]) -> list[str]:
    """The networks whose files, of an earlier version, lack each image's NLL and Brier score."""
    return [name for name, found in results.items() if _of_each_image(found, "nll") is None]


def _of_each_image(results: Results, figure: str) -> Tensor | None:
    """What the figure takes of each image `[B]`; None where the file does not have it."""
    if figure == "error":
        return results.wrong.double()
    if figure == "aurc":
        return metrics.encode(results.doubt("least_confidence"), results.wrong)
    kept = results.arrays.get({"nll": "nlls", "brier": "briers"}[figure])
    return None if kept is None else kept.double()


def _mean(values: Tensor) -> float:
    return values.mean().item()


def _images(results: Results) -> str:
    summary = results.summary
    return f"{summary['images']:,} {summary['split']} images of the source {summary['source']}"
