"""Training settings: what each is, and which values make sense."""

import dataclasses
from dataclasses import dataclass

from bnnlib.datasets.augment import AUGMENTATIONS
from bnnlib.errors import BnnlibError
from bnnlib.layers.bayesian_linear import FACTOR_RANGE
from bnnlib.networks import DropoutConfig, TrainableConfig
from bnnlib.training.limits import LIMITS, MAX_HIDDEN_LAYERS, check_range

KINDS = ("dropout", "bayesian")
OBJECTIVES = ("elbo", "published")


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; what to train is the network's own config.

    objective: `elbo`, or `published` for the article's own, wrong sign and all. schedule: `constant`, or `cosine` to zero
    with a linear warm-up of one epoch. temperature: T of the KL (1 = Bayes, below 1 = tempered), reached linearly over
    `temperature_warmup` epochs. average: decay per step of an exponential moving average of the parameters, 0 = none. adversarial: how far
    the hardest image nearby, learnt beside each image, may be from it, 0 = none (`bnnlib.training.adversarial`). calibrate: at
    the end, divide the logits by the temperature that suits the validation images best (Guo et al. 2017). shuffle: a new order
    each epoch (the article keeps its first). precision: dtype of the matrix products, `fp32` or `bf16`. compile: make one program
    of the whole step (`bnnlib.training.compiled_step`). classes: the digits to train and validate on. images: at most so many training
    images, the first ones; None: all. augment: how training images are bent, a key of `augment.AUGMENTATIONS`.
    """

    objective: str = "elbo"
    optimiser: str = "adam"
    epochs: int = 40
    batch_size: int = 128
    lr: float = 1e-3
    momentum: float = 0.9
    nesterov: bool = True
    schedule: str = "cosine"
    weight_decay: float = 0.0
    temperature: float = 1.0
    temperature_warmup: int = 0
    average: float = 0.0
    adversarial: float = 0.0
    calibrate: bool = False
    shuffle: bool = True
    precision: str = "fp32"
    compile: bool = False
    seed: int = 0
    device: str = "auto"
    classes: tuple[int, ...] = tuple(range(10))
    images: int | None = None
    augment: str = "none"

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            if (value := getattr(self, name, None)) is not None:
                check_range(name, value, low, high)
        for name, choices in (
            ("objective", OBJECTIVES),
            ("optimiser", ("adam", "sgd")),
            ("schedule", ("constant", "cosine")),
            ("precision", ("fp32", "bf16")),
            ("augment", tuple(AUGMENTATIONS)),
        ):
            if getattr(self, name) not in choices:
                raise BnnlibError(
                    f"{name} is {getattr(self, name)!r}: choose {' or '.join(choices)}."
                )
        for name in ("calibrate", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise BnnlibError(f"{name} is {getattr(self, name)!r}: expected true or false.")
        if (
            not self.classes
            or not set(self.classes) <= set(range(10))
            or len(set(self.classes)) < len(self.classes)
        ):
            raise BnnlibError(
                f"classes is {list(self.classes)}: expected at least one digit from 0 to 9, each once."
            )


def check_network(config: TrainableConfig) -> None:
    """Raises BnnlibError if a network's settings are beyond the limits or impossible."""
    if not 1 <= len(config.hidden) <= MAX_HIDDEN_LAYERS:
        raise BnnlibError(
            f"There are {len(config.hidden)} hidden layers: expected 1 to {MAX_HIDDEN_LAYERS}."
        )
    for width in config.hidden:
        check_range("hidden_width", width, *LIMITS["hidden_width"])
    if isinstance(config, DropoutConfig):
        check_range("input_dropout", config.input_dropout, 0, 0.99)
        check_range("hidden_dropout", config.hidden_dropout, 0, 0.99)
        return
    if config.prior_scale is not None:
        check_range("prior_scale", config.prior_scale, *LIMITS["prior_scale"])
    if config.initial_mean is not None:
        check_range("initial_mean", config.initial_mean, 0, 10)
    check_range("initial_scale", config.initial_scale, 1e-6, 10)
    check_range("minimum_scale", config.minimum_scale, 0, config.initial_scale / 2)
    if len(config.initial_factors) != len(config.hidden):
        raise BnnlibError(
            f"There are {len(config.initial_factors)} initial factors: expected one for each hidden layer."
        )
    for factor in config.initial_factors:
        check_range("initial_factors", factor, *FACTOR_RANGE)


def with_width(config: TrainableConfig, width: int) -> TrainableConfig:
    """The config with `width` units in every hidden layer; raises BnnlibError beyond the limits."""
    check_range("hidden_width", width, *LIMITS["hidden_width"])
    return dataclasses.replace(config, hidden=(width,) * len(config.hidden))


def replace(config: TrainingConfig, **changes: object) -> TrainingConfig:
    """The config with those changes that are not None."""
    return dataclasses.replace(config, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]
