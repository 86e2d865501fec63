"""What a training learns from: the digits, and, where its settings name them, drawings."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bnnlib.datasets import not_digits, pen
from bnnlib.datasets.cut_digits import cut_digits
from bnnlib.datasets.mnist import Digits
from bnnlib.datasets.rendering import rendered_anew
from bnnlib.datasets.shapes import free_shape
from bnnlib.errors import BnnlibError
from bnnlib.training.config import MNIST, TrainingConfig
from bnnlib.training.start import chosen_images

SHAPES = not_digits.WARPS["shapes"]


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
            train=pen.joined(digits.train, learnt),
            validation=pen.joined(digits.validation, tuning),
        )
        told["pen"] = {
            "writers": list(pen.TRAINING),
            "chosen by writers": list(pen.TUNING),
            "digits": len(drawn),
            "images": len(learnt),
            "source": "pendigits (Alpaydin & Alimoglu 1998), UCI",
            "licence": "CC BY 4.0",
        }
    if config.not_digits == MNIST:
        random = np.random.default_rng(config.seed)
        train = chosen_images(digits.train, config.classes)
        shapes = [(free_shape(random), SHAPES) for _ in range(not_digits.OF_EACH)]
        outliers = torch.cat(
            [
                cut_digits(train.images, train.labels, 2 * not_digits.OF_EACH, config.seed),
                rendered_anew(shapes, config.seed),
            ]
        )
        told["not_digits"] = {
            "images": len(outliers),
            "source": "two thirds are made of MNIST's training images, cut, joined, overlaid, "
            "turned and bent; a third are shapes made at random of lines and arcs",
        }
    elif config.not_digits:
        if not drawn:
            raise BnnlibError(
                "Drawings of what is no digit are learnt beside pen digits, whose parts they need: "
                "give --pen with --not-digits, or --not-digits mnist."
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
            "a quarter are shapes made at random and of the pen digits' parts, a quarter mixtures",
            "licence": "CC BY 4.0",
        }
    return Material(digits, lessons, outliers, told)
