"""What is said of the toy's panels, on predictions whose figures are known."""

import pytest
import torch

from bnnlib.sentences.toy import REFERENCE, far, finding, gap, near, panel_alt, verdict
from bnnlib.toy.model import GRID, Prediction
from bnnlib.toy.points import PRESETS, Points

SIDES = Points.of([(-1.6, 0), (-1.4, 0), (-1.5, 0), (1.4, 0), (1.5, 0)])  # a gap around 0


def one(inside: float, outside: float) -> Prediction:
    """Epistemic `inside` where |x| < 1 and `outside` elsewhere; aleatoric 0.3."""
    epistemic = torch.where(GRID.abs() < 1, inside, outside)
    return Prediction(torch.zeros_like(GRID), epistemic, torch.full_like(GRID, 0.3))


FOUND = {
    REFERENCE: one(0.6, 0.1),
    "mean-field": one(0.3, 0.2),
    "dropout": one(0.1, 0.1),
    "the ensemble": one(0.4, 0.1),
}


def test_the_place_of_doubt_is_the_middle_of_the_gap_or_the_farther_edge() -> None:
    assert gap(SIDES) == pytest.approx((-1.4, 1.4))
    assert far(SIDES) == pytest.approx(0)
    assert near(SIDES) == pytest.approx(-1.6, abs=0.2)
    left = Points.of([(-1.0, 0), (-0.5, 0)])
    assert gap(left) is None
    assert far(left) == 2
    assert far(Points.of([(1.0, 0)])) == -2
    assert gap(PRESETS["line"]) is None


def test_the_finding_names_the_figures_of_all_four() -> None:
    text = finding(SIDES, FOUND)
    assert (
        "In the gap, at x = 0.0, the epistemic standard deviation is: the reference 0.60, "
        "mean-field 0.30, dropout 0.10 and the ensemble 0.40." in text
    )
    assert "among the points, that is 6.0 times for the reference, 1.5 times for mean-field" in text
    assert verdict(SIDES, FOUND) == (
        "Mean-field shows 50 % of the reference's doubt in the gap, and 200 % of it among the "
        "points."
    )


def test_a_ratio_to_nearly_nothing_is_not_written_out() -> None:
    found = {"dropout": one(0.3, 0.0), "the ensemble": one(0.3, 1e-9)}
    assert "that is over 100 times for dropout and over 100 times for the" in finding(SIDES, found)


def test_without_the_reference_the_others_are_compared() -> None:
    rest = {name: found for name, found in FOUND.items() if name != REFERENCE}
    assert "is: mean-field 0.30, dropout 0.10 and the ensemble 0.40." in finding(SIDES, rest)
    assert verdict(SIDES, rest) == ""


def test_without_points_there_is_nothing_to_learn() -> None:
    assert finding(Points(), FOUND).startswith("Without points there is nothing to learn")
    assert verdict(Points(), FOUND) == ""
    assert "0.10, the total 0.32." in panel_alt("Dropout", Points(), FOUND["dropout"])


def test_the_alt_of_a_panel_has_its_finding() -> None:
    text = panel_alt("Mean-field", SIDES, FOUND["mean-field"])
    assert "At x = 0.0 the epistemic standard deviation is 0.30, the total 0.42" in text
    assert "they are 0.20 and 0.36." in text
