"""The toy's panel: bands of two standard deviations, the points, and the reference's edges."""

import numpy as np
import pytest
import torch

from bnnlib.figures.toy import colours, panel
from bnnlib.toy.model import GRID, Prediction
from bnnlib.toy.points import Points

ONE = Prediction(*(torch.full_like(GRID, value) for value in (1.0, 0.3, 0.4)))
POINTS = Points.of([(0.5, -1.0), (1.0, 2.0)])


@pytest.mark.parametrize("dark", [False, True])
def test_the_bands_are_two_standard_deviations_of_the_curve_and_of_a_new_point(dark: bool) -> None:
    figure = panel(ONE, POINTS, colours(dark)["dropout"], dark)
    drawn = {trace.name: trace for trace in figure.data}
    assert set(drawn) == {"total", "epistemic", "mean", "points"}
    assert (min(drawn["epistemic"].y), max(drawn["epistemic"].y)) == pytest.approx((0.4, 1.6))
    assert (min(drawn["total"].y), max(drawn["total"].y)) == pytest.approx((0.0, 2.0))
    assert np.allclose(drawn["mean"].y, 1)
    assert list(zip(drawn["points"].x, drawn["points"].y, strict=True)) == list(POINTS.pairs)
    assert figure.layout.xaxis.title.text == "x"
    assert figure.layout.yaxis.title.text == "y"


def test_the_reference_is_drawn_in_dashes() -> None:
    figure = panel(ONE, Points(), colours(False)["ensemble"], False, ONE)
    edges = [trace for trace in figure.data if trace.name == "reference"]
    assert sorted(trace.y[0] for trace in edges) == pytest.approx([0.4, 1.6])
    assert all(trace.line.dash for trace in edges)


def test_the_methods_have_colours_of_their_own() -> None:
    assert len(set(colours(False).values())) == len(set(colours(True).values())) == 4
