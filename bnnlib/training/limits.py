"""The range of each setting of a training."""

import math

from bnnlib.errors import BnnlibError

LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 1_000),
    "batch_size": (1, 10_000),
    "lr": (1e-7, 10.0),
    "momentum": (0.0, 0.9999),
    "weight_decay": (0.0, 1.0),
    "temperature": (0.0, 10.0),
    "temperature_warmup": (0, 1_000),
    "average": (0.0, 0.99999),
    "adversarial": (0.0, 10.0),
    "prior_scale": (1e-3, 100.0),
    "hidden_width": (8, 2_048),
    "images": (10, 50_000),
    "seed": (0, 2**31 - 1),
}
WHOLE = (
    "epochs",
    "batch_size",
    "temperature_warmup",
    "hidden_width",
    "images",
    "seed",
)  # no fractions

MAX_HIDDEN_LAYERS = 4


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises BnnlibError unless `value` is a finite number in [low, high], and a whole one where a fraction has no meaning."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and low <= value <= high):
        raise BnnlibError(f"{name} is {value}: expected a number from {low:g} to {high:g}.")
    if name.removeprefix("--").replace("-", "_") in WHOLE and value != int(value):
        raise BnnlibError(f"{name} is {value}: expected a whole number from {low:g} to {high:g}.")
