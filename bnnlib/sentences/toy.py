"""What the toy's figures show, in words."""

from collections.abc import Mapping

import torch

from bnnlib.toy.model import GRID, Prediction
from bnnlib.toy.points import EDGE, Points

REFERENCE = "the reference"
WIDE = 1.0  # between two points this far apart there is a gap
NEAR = 0.25  # the points around a point
MUCH = 100  # a ratio above this says no more than that


def gap(points: Points) -> tuple[float, float] | None:
    """The widest gap between neighbouring points, from x to x; None if there is no wide one."""
    xs = points.x.sort().values
    if len(xs) < 2:
        return None
    widest = int(xs.diff().argmax())
    ends = float(xs[widest]), float(xs[widest + 1])
    return ends if ends[1] - ends[0] >= WIDE else None


def far(points: Points) -> float:
    """The place of doubt: the middle of the gap, else the edge that is farther from the points."""
    if ends := gap(points):
        return sum(ends) / 2
    xs = points.x
    return EDGE if not len(xs) or EDGE - float(xs.max()) >= EDGE + float(xs.min()) else -EDGE


def near(points: Points) -> float:
    """The point's x that has the most points around it."""
    xs = points.x
    return float(xs[((xs[:, None] - xs).abs() <= NEAR).sum(1).argmax()])


def at(values: torch.Tensor, x: float) -> float:
    """The value at the place of the grid `[G]` that is next to x."""
    return float(values[(GRID - x).abs().argmin()])


def finding(points: Points, found: Mapping[str, Prediction]) -> str:
    """Where the methods differ: their epistemic standard deviations far from and at the points.

    found: name -> prediction, the reference first where it is there.
    """
    if not len(points):
        return (
            "Without points there is nothing to learn: the reference and mean-field show the "
            "prior, dropout and the ensemble the networks as they start."
        )
    x, ends = far(points), gap(points)
    where = "In the gap" if ends else "Beyond the points"
    said = [f"{name} {at(one.epistemic, x):.2f}" for name, one in found.items()]
    lead = (
        f"{where}, at x = {number(x)}, the epistemic standard deviation is: "
        f"{', '.join(said[:-1])} and {said[-1]}."
    )
    home = near(points)
    growth = [
        f"{times(at(one.epistemic, x), at(one.epistemic, home))} for {name}"
        for name, one in found.items()
    ]
    return (
        f"{lead} Compared with x = {number(home)}, among the points, that is "
        f"{', '.join(growth[:-1])} and {growth[-1]}."
    )


def verdict(points: Points, found: Mapping[str, Prediction]) -> str:
    """What mean-field makes of the doubt that the reference has; "" where there is no reference."""
    if REFERENCE not in found or not len(points):
        return ""
    x, home = far(points), near(points)
    truth, ours = found[REFERENCE].epistemic, found["mean-field"].epistemic
    share, excess = at(ours, x) / at(truth, x), at(ours, home) / at(truth, home)
    place = "in the gap" if gap(points) else "beyond the points"
    return (
        f"Mean-field shows {100 * share:.0f} % of the reference's doubt {place}, and "
        f"{100 * excess:.0f} % of it among the points."
    )


def panel_alt(name: str, points: Points, one: Prediction) -> str:
    """What one panel shows: its bands where the points are and where they are not."""
    x = far(points)
    text = (
        f"{name}: mean with epistemic and total band over x from -2 to 2. At x = {number(x)} the "
        f"epistemic standard deviation is {at(one.epistemic, x):.2f}, the total "
        f"{at(one.total, x):.2f}"
    )
    if not len(points):
        return f"{text}."
    home = near(points)
    here = f"{at(one.epistemic, home):.2f} and {at(one.total, home):.2f}"
    return f"{text}; at x = {number(home)} they are {here}."


def times(value: float, base: float) -> str:
    """How many times as large as the base a value is."""
    return f"{value / base:.1f} times" if value < MUCH * base else f"over {MUCH} times"


def number(x: float) -> str:
    """A coordinate with a true minus sign."""
    return f"{round(x, 1) + 0.0:.1f}".replace("-", "\u2212")
