"""The presets of each network."""

from functools import partial

from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, DropoutConfig, TrainableConfig
from bnnlib.training.config import MNIST, TrainingConfig

PRESET_NAMES = {
    "quick": "a narrow network, done in under a minute",
    "default": "ours: wide and careful, for when there is time",
    "robust": "the same on digits bent a little, for what people draw",
    "pen": "the robust one, trained further on pen drawings, and to doubt what is no digit",
    "doubt": "the robust one, trained further to doubt what is no digit, from MNIST alone",
    "t1": "Bayes' rule as it is, at temperature 1: narrower, and most of its weights can go",
    "article": "the article's own settings, for comparison",
}
ROBUST_DROPOUT = DropoutConfig(input_dropout=0.1, hidden_dropout=0.2)
# From a robust network on, beside what is no digit.
FURTHER = partial(TrainingConfig, batch_size=512, average=0.998, augment="full", calibrate=True)
PRESETS: dict[tuple[str, str], tuple[TrainableConfig, TrainingConfig]] = {
    ("dropout", "default"): (
        DropoutConfig(hidden_dropout=0.2),
        TrainingConfig(
            epochs=25,
            batch_size=256,
            lr=1e-3,
            schedule="cosine",
            average=0.999,
            adversarial=1.5,
            calibrate=True,
        ),
    ),
    ("bayesian", "default"): (
        BayesianConfig(),
        TrainingConfig(
            epochs=20,
            batch_size=256,
            lr=1e-3,
            schedule="cosine",
            temperature=0.01,
            average=0.998,
            adversarial=1.5,
        ),
    ),
    # For drawings: people do not centre and slant them as MNIST's digits are.
    ("dropout", "robust"): (
        ROBUST_DROPOUT,
        TrainingConfig(
            epochs=30,
            batch_size=256,
            average=0.999,
            adversarial=1.0,
            augment="full",
            calibrate=True,
        ),
    ),
    ("bayesian", "robust"): (
        BayesianConfig(),
        TrainingConfig(
            epochs=25,
            batch_size=256,
            temperature=0.005,
            average=0.998,
            adversarial=1.0,
            augment="full",
        ),
    ),
    # The first two need --pen and --not-digits.
    ("dropout", "pen"): (
        ROBUST_DROPOUT,
        FURTHER(epochs=32, start="dropout-robust", outliers=2.0),
    ),
    ("bayesian", "pen"): (
        BayesianConfig(),
        FURTHER(epochs=32, temperature=0.005, start="bayesian-robust", outliers=2.0),
    ),
    ("dropout", "doubt"): (
        ROBUST_DROPOUT,
        FURTHER(epochs=60, start="dropout-robust", not_digits=MNIST),
    ),
    ("bayesian", "doubt"): (
        BayesianConfig(),
        FURTHER(epochs=60, temperature=0.005, start="bayesian-robust", not_digits=MNIST),
    ),
    ("bayesian", "t1"): (
        BayesianConfig(hidden=(400, 400, 400), prior_scale=None),
        TrainingConfig(epochs=400, batch_size=512, lr=2e-3, average=0.998),
    ),
    # Under a minute on two cores, error about 2 %.
    ("dropout", "quick"): (
        DropoutConfig(hidden=(400, 400, 400), input_dropout=0.1, hidden_dropout=0.3),
        TrainingConfig(epochs=8, batch_size=512, lr=2e-3, schedule="cosine"),
    ),
    ("bayesian", "quick"): (
        BayesianConfig(hidden=(400, 400, 400)),
        TrainingConfig(epochs=8, batch_size=512, lr=2e-3, schedule="cosine", temperature=0.05),
    ),
    # The article: 50 epochs in its code for the dropout network (30 in its text), 30 for the
    # Bayesian one.
    ("dropout", "article"): (
        DropoutConfig(),
        TrainingConfig(
            optimiser="sgd",
            epochs=50,
            batch_size=128,
            lr=0.1,
            momentum=0.95,
            nesterov=False,
            schedule="constant",
            shuffle=False,
        ),
    ),
    ("bayesian", "article"): (
        BayesianConfig(
            prior_scale=1.0,
            initial_scale=0.1,
            initial_factors=(0.25, 1.0, 1.0),
            initial_mean=0.01,
            minimum_scale=0.01,
            input_bias=False,
        ),
        TrainingConfig(
            optimiser="sgd",
            epochs=30,
            batch_size=128,
            lr=0.002,
            momentum=0.9,
            nesterov=True,
            schedule="constant",
            shuffle=False,
        ),
    ),
}


def preset(kind: str, name: str = "default") -> tuple[TrainableConfig, TrainingConfig]:
    """Both configs of a preset, the network's and the training's; raises BnnlibError."""
    try:
        return PRESETS[kind, name]
    except KeyError:
        known = ", ".join(f"{k} {n}" for k, n in PRESETS)
        raise BnnlibError(
            f"There is no preset {name!r} for a network of kind {kind!r}: there are {known}."
        ) from None
