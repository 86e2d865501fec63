"""The settings of a training and of the networks it makes: what each is, and its limits."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from bnnlib.datasets.augment import AUGMENTATIONS
from bnnlib.errors import BnnlibError
from bnnlib.layers.bayesian_linear import FACTOR_RANGE
from bnnlib.networks import BayesianConfig, TrainableConfig
from bnnlib.training.limits import check_range
from bnnlib.training.settings import Setting, setting, settings_of

KINDS = ("dropout", "bayesian")
MAX_HIDDEN_LAYERS = 4
MNIST = "mnist"  # as `not_digits`: made of the training images themselves
OBJECTIVES = {
    "elbo": "the right one",
    "published": "the article's, with the wrong sign of its KL",
}
PRECISIONS = {
    "fp32": "32-bit products",
    "bf16": "16-bit products, faster where the processor has them",
}


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; what to train is the network's own config. Each field describes itself.

    Raises BnnlibError for a value that its field does not take.
    """

    objective: str = setting(
        "elbo",
        "Objective",
        "What is minimised: the negative ELBO with the KL times the temperature (dropout: "
        "cross-entropy), or the article's own loss, kept as it was. That one rewards a Bayesian "
        "posterior for leaving the prior.",
        str,
        choices=OBJECTIVES,
        flag=True,
    )
    optimiser: str = setting(
        "adam",
        "Optimiser",
        "The rule of a step.",
        str,
        choices={"adam": "AdamW", "sgd": "stochastic gradient descent with momentum"},
    )
    epochs: int = setting(
        40, "Epochs", "Passes over the training images.", int, low=1, high=1_000, flag=True
    )
    batch_size: int = setting(
        128, "Batch size", "Images in a step.", int, low=1, high=10_000, flag=True
    )
    lr: float = setting(
        1e-3,
        "Learning rate",
        "Length of a step. Training diverges if it is too long.",
        low=1e-7,
        high=10.0,
        flag=True,
    )
    momentum: float = setting(
        0.9, "Momentum", "Share of the last step that the next one keeps (sgd).", high=0.9999
    )
    nesterov: bool = setting(True, "Nesterov", "Nesterov's form of the momentum (sgd).", bool)
    schedule: str = setting(
        "cosine",
        "Schedule",
        "How the learning rate changes.",
        str,
        choices={
            "constant": "it stays",
            "cosine": "a linear warm-up of one epoch, then a cosine down to zero",
        },
    )
    weight_decay: float = setting(
        0.0,
        "Weight decay",
        "Pulls the weights towards 0 (Bayesian: their means; the scales are left alone).",
        high=1.0,
    )
    temperature: float = setting(
        1.0,
        "Temperature",
        "Weight of the KL in the loss. 1 is Bayes, below 1 is tempered: more trust in the data.",
        high=10.0,
        flag=True,
        only="bayesian",
    )
    temperature_warmup: int = setting(
        0,
        "Warm-up of the temperature",
        "Epochs in which the temperature rises to its value.",
        int,
        high=1_000,
    )
    average: float = setting(
        0.0,
        "Decay of the averaged weights",
        "Decay in each step of a moving average of the weights, which then answers. 0: none.",
        high=0.99999,
    )
    adversarial: float = setting(
        0.0,
        "Adversarial radius",
        "Each image is learnt twice: as it is, and moved this far (L2 distance of the pixels) in "
        "the direction in which its loss grows fastest. One gradient step, clipped to valid "
        "pixels. 0: none. It takes twice the time.",
        high=10.0,
        flag=True,
    )
    calibrate: bool = setting(
        False,
        "Calibrate at the end",
        "Divide the logits by the temperature that suits the validation images best "
        "(Guo et al. 2017).",
        bool,
        flag=True,
    )
    shuffle: bool = setting(
        True, "New order each epoch", "Without it every epoch keeps the order of the first.", bool
    )
    precision: str = setting(
        "fp32",
        "Precision",
        "Of the matrix products. Sums and weights stay 32-bit.",
        str,
        choices=PRECISIONS,
        flag=True,
    )
    compile: bool = setting(
        False,
        "Compile the step",
        "Make one program of a whole training step. It takes some 15 seconds, in which a stop has "
        "to wait; then a step takes a tenth (dropout) to a third (Bayesian, bf16) less time. It "
        "needs a C++ compiler; without one, training goes on uncompiled.",
        bool,
        flag=True,
    )
    seed: int = setting(
        0,
        "Seed",
        "The same seed gives the same network on the same machine.",
        int,
        high=2**31 - 1,
        flag=True,
    )
    device: str = setting(
        "auto", "Device", "Where to train.", str, none="auto, cpu, cuda or mps", flag=True
    )
    images: int | None = setting(
        None,
        "Training images at most",
        "The first so many images. Fewer leave more epistemic uncertainty. The KL in the loss is "
        "divided by the number really used.",
        int,
        low=10,
        high=50_000,
        none="all",
        flag=True,
    )
    augment: str = setting(
        "none",
        "Augmentation",
        "How training images are bent, anew each epoch: people write in more ways than the data "
        "hold.",
        str,
        choices=AUGMENTATIONS,
        flag=True,
    )
    start: str = setting(
        "",
        "Start from",
        "The checkpoint whose weights training starts from.",
        str,
        none="a checkpoint's name or path; else random weights",
        flag=True,
    )
    pen: str = setting(
        "",
        "Pen digits",
        "Learn digits drawn with a pen too: twelve images of each by writers 1-18. Validation is "
        "on writers 19-24 too.",
        str,
        none="the file pendigits-orig-tra.txt",
        flag=True,
    )
    not_digits: str = setting(
        "",
        "What is no digit",
        "Learn to doubt letters, doodles and other shapes: there the sampled networks shall "
        "contradict each other. The last epoch is kept.",
        str,
        none="a folder with UJIpenchars-w*.txt and *.ndjson in it or in its subfolders; or mnist, "
        "which cuts up the training images themselves",
        flag=True,
    )
    outliers: float = setting(
        1.0,
        "Weight of what is no digit",
        "How much contradiction on what is no digit counts beside the digits' loss.",
        high=100.0,
        flag=True,
    )
    classes: tuple[int, ...] = setting(
        tuple(range(10)),
        "Digits to train on",
        "Leave some out and see what the network thinks of digits that it has never met. "
        "Validation figures are of these digits only.",
        tuple,
        none="digits with commas between them, as 0,1,7",
        flag=True,
    )

    def __post_init__(self) -> None:
        for name, one in TRAINING.items():
            one.check(getattr(self, name))
        digits = set(self.classes)
        if not digits or not digits <= set(range(10)) or len(digits) < len(self.classes):
            raise BnnlibError(
                f"classes is {list(self.classes)}: "
                "expected at least one digit from 0 to 9, each once."
            )


TRAINING = settings_of(TrainingConfig)
NETWORK = {
    one.name: one
    for one in (
        Setting(
            "hidden_width",
            "Hidden width",
            "Units in each hidden layer. The cost grows with its square.",
            int,
            8,
            2_048,
            flag=True,
        ),
        Setting(
            "prior_scale",
            "Prior scale",
            "Standard deviation of every weight before data are seen.",
            low=1e-3,
            high=100.0,
            none="learnt for each layer",
            flag=True,
            only="bayesian",
        ),
        Setting(
            "input_dropout",
            "Dropout on the input",
            "Share of the pixels that are dropped.",
            high=0.99,
            only="dropout",
        ),
        Setting(
            "hidden_dropout",
            "Dropout on the hidden layers",
            "Share of the hidden units that are dropped.",
            high=0.99,
            only="dropout",
        ),
        Setting(
            "initial_scale",
            "Scale of the posterior at the start",
            "Standard deviation of every weight's posterior before training, times the factor.",
            low=1e-6,
            high=10.0,
            only="bayesian",
        ),
        Setting(
            "initial_mean",
            "Scale of the means at the start",
            "Standard deviation of the means of the weights before training. 0: all means are 0.",
            high=10.0,
            none="He et al. 2015",
            only="bayesian",
        ),
        Setting(
            "initial_factors",
            "Factors of the scale at the start",
            "One learnt factor of the posterior's scale for each hidden layer.",
            low=FACTOR_RANGE[0],
            high=FACTOR_RANGE[1],
            only="bayesian",
        ),
        Setting(
            "minimum_scale",
            "Least scale of the posterior",
            "Standard deviation below which the posterior of a weight cannot fall.",
            high=5.0,
            only="bayesian",
        ),
    )
}
SETTINGS = TRAINING | NETWORK


def check_network(config: TrainableConfig) -> None:
    """Raises BnnlibError if a network's settings are beyond the limits or impossible."""
    if not 1 <= len(config.hidden) <= MAX_HIDDEN_LAYERS:
        raise BnnlibError(
            f"There are {len(config.hidden)} hidden layers: expected 1 to {MAX_HIDDEN_LAYERS}."
        )
    values: dict[str, Any] = {**vars(config), "hidden_width": config.hidden}
    for name, one in NETWORK.items():
        value = values.get(name)
        if name in values:
            for part in value if isinstance(value, tuple) else (value,):
                one.check(part)
    if not isinstance(config, BayesianConfig):
        return
    check_range("minimum_scale", config.minimum_scale, 0, config.initial_scale / 2)
    if len(config.initial_factors) != len(config.hidden):
        raise BnnlibError(
            f"There are {len(config.initial_factors)} initial factors: "
            "expected one for each hidden layer."
        )
    if config.prior_scale is None and config.initial_mean == 0:
        raise BnnlibError(
            "The prior cannot start from means that are all 0 (initial_mean): give a prior_scale."
        )


def with_width(config: TrainableConfig, width: int) -> TrainableConfig:
    """The config with `width` units in every hidden layer; raises BnnlibError beyond the limits."""
    NETWORK["hidden_width"].check(width)
    return dataclasses.replace(config, hidden=(width,) * len(config.hidden))


def replace(config: TrainingConfig, **changes: object) -> TrainingConfig:
    """The config with those changes that are not None."""
    given = {name: value for name, value in changes.items() if value is not None}
    return dataclasses.replace(config, **given)  # type: ignore[arg-type]
