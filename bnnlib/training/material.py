"""What a training learns from: the digits, and, where its settings name them, drawings."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnnlib.datasets import not_digits, pen
from bnnlib.datasets.mnist import Digits, Split
from bnnlib.errors import BnnlibError
from bnnlib.training.config import TrainingConfig


@dataclass(frozen=True)
class Material:
    """digits: MNIST, by which every network is measured. lessons: what this one learns from; MNIST
    and the pen digits, or MNIST itself. outliers: uint8 `[M, 28, 28]`, what is no digit, or None.
    told: what the card says of the drawings.
    """

    digits: Digits
    lessons: Digits
    outliers: Tensor | None = None
    told: dict[str, Any] = field(default_factory=dict)


def load_material(config: TrainingConfig, digits: Digits) -> Material:
    """What `config` names beside the `digits`.

    Raises BnnlibError for files that are missing or hold something else.
    """
    lessons, outliers, told = digits, None, dict[str, Any]()
    drawn: list[tuple[int, pen.Strokes]] = []
    if config.pen:
        path = Path(config.pen)
        drawn = pen.pen_digits(path, pen.TRAINING)
        learnt, tuning = pen.training_split(path, config.seed)
        lessons = dataclasses.replace(
            digits,
            train=_joined(digits.train, learnt),
            validation=_joined(digits.validation, tuning),
        )
        told["pen"] = {
            "writers": list(pen.TRAINING),
            "chosen by writers": list(pen.TUNING),
            "digits": len(drawn),
            "images": len(learnt),
            "source": "pendigits (Alpaydin & Alimoglu 1998), UCI",
            "licence": "CC BY 4.0",
        }
    if config.not_digits:
        if not drawn:
            raise BnnlibError(
                "What is no digit is learnt beside pen digits, whose parts it needs: "
                "give --pen with --not-digits."
            )
        outliers, met = not_digits.pool(
            Path(config.not_digits), drawn, config.seed, not_digits.OF_EACH
        )
        told["not_digits"] = {
            "letters of writers": sorted(met.writers),
            "letters left out": "".join(sorted(pen.LIKE_DIGITS)),
            "doodles of": sorted(met.categories),
            "images": len(outliers),
            "source": "UJIpenchars (Llorens et al. 2008), UCI; The Quick, Draw! Dataset, Google; "
            "a third are shapes made at random and of the pen digits' parts",
            "licence": "CC BY 4.0",
        }
    return Material(digits, lessons, outliers, told)


def _joined(first: Split, second: Split) -> Split:
    return Split(torch.cat([first.images, second.images]), torch.cat([first.labels, second.labels]))
