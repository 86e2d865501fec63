"""Whether a number that somebody gave is in its range."""

import math

from bnnlib.errors import BnnlibError


def check_range(name: str, value: float, low: float, high: float, whole: bool = False) -> None:
    """Raises BnnlibError unless `value` is a finite number in [low, high], a `whole` one if so."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    in_range = number and math.isfinite(value) and low <= value <= high
    if not in_range or (whole and value != int(value)):
        what = "a whole number" if whole and in_range else "a number"
        raise BnnlibError(f"{name} is {value}: expected {what} from {low:g} to {high:g}.")
