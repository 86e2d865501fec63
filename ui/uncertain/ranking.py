"""The ranking that the page shows: which images, in which order, and which of them is looked at."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bnnlib.datasets.mnist import Digits
from bnnlib.evaluation.survey import Opinions

SHOWN = 64  # images at once, 8 x 8 as in the article
MEASURES = {  # the measure's label, and what it is
    "variation_ratio": (
        "Vote disagreement",
        "the share of the sampled networks that vote against the winner",
    ),
    "predictive_entropy": (
        "Predictive entropy",
        "the total uncertainty: the entropy of the mean prediction, in nats",
    ),
    "mutual_information": (
        "Mutual information",
        "the epistemic uncertainty: how much the sampled networks disagree, in nats",
    ),
    "confidently_wrong": (
        "Confidently wrong",
        "the mean probability of the winner, where the winner is wrong",
    ),
}


@dataclass(frozen=True)
class Ranking:
    """Held-out images in the order of their uncertainty according to the network `name`.

    index: the images' places in the test split, `[B]`. samples: how many sampled networks were
    asked for. opinions: what they said of the `B` images. order: the ranked positions, `[K]`,
    within those. place: the place in the ranking that is looked at, from 1.
    """

    digits: Digits
    index: Tensor
    name: str
    measure: str
    samples: int
    opinions: Opinions
    order: Tensor
    place: int = 1

    @property
    def start(self) -> int:
        """How many images precede those in the grid, which holds the place looked at."""
        return (self.place - 1) // SHOWN * SHOWN

    @property
    def shown(self) -> Tensor:
        """The positions of the images in the grid, `[K]`."""
        return self.order[self.start : self.start + SHOWN]

    @property
    def images(self) -> np.ndarray:
        """The images in the grid, uint8 `[K, 28, 28]`."""
        return self.digits.test.images[self.index[self.shown]].numpy()

    @property
    def position(self) -> int:
        """The position of the image looked at."""
        return int(self.order[self.place - 1])

    @property
    def number(self) -> int:
        """The place of the image looked at in the test split."""
        return int(self.index[self.position])
