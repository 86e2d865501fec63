"""Ask sampled networks about every held-out image, and rank the images by doubt or by error.

The article shows the test images on which 30 sampled networks do not all vote alike. Here every
image is asked about, and any of `MEASURES` may rank them. `B` images, `S` samples, `C` classes;
`positions` count within the images asked about.
"""

import csv
import dataclasses
import io
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from bnnlib.datasets.mnist import Digits, Split, held_out
from bnnlib.metrics import uncertainty
from bnnlib.networks import Network
from bnnlib.networks.sampling import sample_probs

MEASURES = ("variation_ratio", "predictive_entropy", "mutual_information", "confidently_wrong")


def held_out_index(digits: Digits, sources: Iterable[str]) -> Tensor:
    """Which test images no network trained on any of `sources` has learnt from.

    Their places in the test split, int64 `[B]`.
    """
    left = dataclasses.replace(
        digits, test=Split(digits.test.images, torch.arange(len(digits.test)))
    )  # the labels carry the index
    for source in sorted(set(sources)):
        left = dataclasses.replace(left, test=held_out(left, "test", source))
    return left.test.labels


class Survey:
    """`samples` networks, drawn one after another, each asked about all images.

    It can be watched, stopped anywhere and taken up again, also by several threads: each
    `advance()` asks one network. The answers are those of `sample_probs(network, images, samples,
    seed, shared=True)`, brought to the CPU from the network's device.
    """

    def __init__(self, network: Network, images: Tensor, samples: int, seed: int) -> None:
        device = next(network.parameters()).device
        generator, images = torch.Generator(device).manual_seed(seed), images.to(device)
        self._ask: Callable[[], Tensor] | None = lambda: sample_probs(
            network, images, 1, generator, shared=True, first=len(self._answers)
        )[0].cpu()
        self._answers: list[Tensor] = []
        self._opinions: Opinions | None = None
        self._lock = threading.Lock()
        self.samples, self.done = samples, 0

    def advance(self) -> int:
        """Ask one more network unless all were asked; returns how many were."""
        with self._lock:
            if self._ask is not None:
                self._answers.append(self._ask())
                self.done += 1
                if self.done == self.samples:
                    self._ask = None  # lets go of the network and of the images
            return self.done

    def opinions(self, labels: Tensor) -> "Opinions":
        """What all networks said, computed once; `labels` `[B]`.

        Raises RuntimeError before the last network was asked.
        """
        with self._lock:
            if self.done < self.samples:
                raise RuntimeError(
                    f"{self.done} of {self.samples} networks were asked: advance() first."
                )
            if self._opinions is None:
                self._opinions = Opinions.of(torch.stack(self._answers), labels)
                self._answers = []
            return self._opinions


@dataclass(frozen=True)
class Opinions:
    """What S sampled networks said about B images, and the truth.

    `probs` `[S, B, C]`, as float16: they take the most memory and are only looked at. `mean`
    `[B, C]`: their average, whose largest entry is `predicted` `[B]`. `votes` `[B, C]`. `measures`:
    every one of `MEASURES` and `expected_entropy`, `[B]` each, entropies in nats.
    """

    probs: Tensor
    labels: Tensor
    mean: Tensor
    predicted: Tensor
    votes: Tensor
    measures: dict[str, Tensor]

    @staticmethod
    def of(probs: Tensor, labels: Tensor) -> "Opinions":
        """The opinions in `probs` `[S, B, C]` about images with `labels` `[B]`."""
        mean = probs.mean(0)
        measures = {name: measure(probs) for name, measure in uncertainty.MEASURES.items()}
        measures["confidently_wrong"] = confidently_wrong(mean, labels)
        return Opinions(
            probs.half(), labels, mean, mean.argmax(-1), uncertainty.votes(probs), measures
        )

    @property
    def wrong(self) -> Tensor:
        """Where the most probable class is not the label, bool `[B]`."""
        return self.predicted != self.labels

    @property
    def split(self) -> Tensor:
        """Where the sampled networks do not all vote alike, bool `[B]`."""
        return (self.votes > 0).sum(-1) > 1

    def __len__(self) -> int:
        return len(self.labels)


def confidently_wrong(mean: Tensor, labels: Tensor) -> Tensor:
    """Mean probability of the winner where it is wrong, 0 where it is right.

    `mean` `[B, C]`, `labels` `[B]` -> `[B]`.
    """
    probability, winner = mean.max(-1)
    return torch.where(winner == labels, torch.zeros_like(probability), probability)


def rank(
    opinions: Opinions,
    measure: str,
    true: int | None = None,
    predicted: int | None = None,
    mistakes: bool = False,
) -> Tensor:
    """Positions, int64 `[K]`, from the largest `measure` down.

    Ties are ordered by predictive entropy, then as given. Only images of class `true`, predicted as
    `predicted` and, if `mistakes`, wrongly so. `confidently_wrong` ranks mistakes only.
    """
    keep = torch.ones(len(opinions), dtype=torch.bool)
    if true is not None:
        keep &= opinions.labels == true
    if predicted is not None:
        keep &= opinions.predicted == predicted
    if mistakes or measure == "confidently_wrong":
        keep &= opinions.wrong
    by_entropy = opinions.measures["predictive_entropy"].argsort(descending=True, stable=True)
    order = by_entropy[opinions.measures[measure][by_entropy].argsort(descending=True, stable=True)]
    return order[keep[order]]


def vote_shares(votes: Tensor) -> list[tuple[int, float]]:
    """Classes that got a vote with their share of the votes, by class; `votes` `[C]`.

    As the article prints them.
    """
    total = int(votes.sum())
    return [(digit, count / total) for digit, count in enumerate(votes.tolist()) if count]


@dataclass(frozen=True)
class Disagreement:
    """How many images split the vote, and the share of mistakes among them and among the others.

    None where there is no image.
    """

    images: int
    split: int
    error_split: float | None
    error_agreed: float | None


def disagreement(opinions: Opinions, positions: Tensor | None = None) -> Disagreement:
    """Does a split vote warn of a mistake? Over all images, or those at `positions`."""
    chosen = torch.arange(len(opinions)) if positions is None else positions
    split, wrong = opinions.split[chosen], opinions.wrong[chosen].double()
    return Disagreement(len(chosen), int(split.sum()), _mean(wrong[split]), _mean(wrong[~split]))


def _mean(values: Tensor) -> float | None:
    return values.mean().item() if len(values) else None


def to_csv(opinions: Opinions, positions: Tensor, index: Tensor) -> str:
    """The images at `positions`, one a row.

    Place in the test split (`index` `[B]`), label, winner, votes, mean probabilities, measures.
    """
    classes, names = range(opinions.votes.shape[-1]), list(opinions.measures)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    votes, probs = [f"votes_{c}" for c in classes], [f"mean_prob_{c}" for c in classes]
    table.writerow(["rank", "index", "label", "predicted", *votes, *probs, *names])
    for place, i in enumerate(positions.tolist(), start=1):
        numbers = [
            *opinions.mean[i].tolist(),
            *(float(opinions.measures[name][i]) for name in names),
        ]
        facts = [
            place,
            int(index[i]),
            int(opinions.labels[i]),
            int(opinions.predicted[i]),
            *opinions.votes[i].tolist(),
        ]
        table.writerow([*facts, *(f"{number:.6g}" for number in numbers)])
    return out.getvalue()
