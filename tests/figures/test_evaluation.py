"""The figures of the Evaluate page say what the arrays say."""

import numpy as np
import plotly.graph_objects as go
import pytest

from bnnlib.figures.evaluation import (
    DASHES,
    PATTERNS,
    SYMBOLS,
    Curve,
    class_error_figure,
    colours,
    confusion_figure,
    doubt_figure,
    paper,
    refusal_figure,
    reliability_figure,
    shift_figure,
    wilson,
)
from ui.evaluate.state import MOST

EDGES = np.array([0.0, 0.001, 0.01, 0.1, 1.0])


def named(figure: go.Figure, name: str) -> go.Figure:
    (trace,) = [trace for trace in figure.data if trace.name == name]
    return trace


def test_wilsons_interval_is_the_textbooks() -> None:
    """Brown, Cai & DasGupta 2001 give the centre (x + z^2 / 2) / (n + z^2).

    At no success of 10 the upper end is 0.2775.
    """
    low, high = wilson(np.array([0.5, 0.0, 1.0]), np.array([100.0, 10.0, 10.0]))
    assert low == pytest.approx([0.4038, 0.0, 0.7225], abs=2e-4)
    assert high == pytest.approx([0.5962, 0.2775, 1.0], abs=2e-4)


@pytest.mark.parametrize("dark", [False, True])
def test_reliability_leaves_empty_bins_out(dark: bool) -> None:
    table = np.array([[0, 10, 1_000], [0, 0.6, 0.99], [0, 0.5, 0.98]])
    trace = named(reliability_figure([("one", 1, table)], dark), "one")
    assert list(trace.x) == [0.6, 0.99]
    assert list(trace.y) == [0.5, 0.98]
    assert trace.marker.size[1] > trace.marker.size[0]
    assert trace.line.color == colours(dark)[1]


def test_the_refusal_mark_sits_on_its_curve() -> None:
    curve = Curve("one", 0, np.array([0, 0.1, 0.2, 0.5]), np.array([0.02, 0.01, 0.004, 0.0]))
    line, mark = refusal_figure([curve], 0.15, False, 0.2).data
    assert list(line.x) == [0, 0.1, 0.2]
    assert mark.x[0] == 0.15
    assert mark.y[0] == pytest.approx(0.007)


def test_doubt_shares_sum_to_one_and_a_towering_first_bin_is_written() -> None:
    digits, others = np.array([80, 10, 6, 4]), np.array([1, 1, 4, 4])
    figure = doubt_figure(EDGES, digits, others, "clothes", 0, 0.05, False)
    assert sum(named(figure, "digits").y[:-1]) == pytest.approx(1)
    assert sum(named(figure, "clothes").y[:-1]) == pytest.approx(1)
    assert figure.layout.yaxis.range[1] == pytest.approx(1.15 * 0.4)
    assert [note.text for note in figure.layout.annotations] == ["↑ 80% of digits"]
    level = doubt_figure(EDGES, np.array([1, 1, 1, 1]), others, "clothes", 0, 0.05, False)
    assert not level.layout.annotations


def test_a_shift_has_a_picture_at_every_strength() -> None:
    strengths = [0, 90, 180]
    curve = Curve("one", 0, np.array(strengths), np.array([1.0, 0.1, 0.4]))
    figure = shift_figure(
        strengths,
        {"Right": [curve], "Entropy": [curve]},
        "degrees",
        np.zeros((3, 28, 28), np.uint8),
        True,
    )
    assert [image.x for image in figure.layout.images] == strengths
    assert len(figure.data) == 2
    assert [note.text for note in figure.layout.annotations] == ["<b>Right</b>", "<b>Entropy</b>"]


def test_confusions_colour_mistakes_only() -> None:
    matrix = np.array([[980, 2, 0], [1, 900, 7], [0, 0, 950]])
    figure = confusion_figure(matrix, 0, False)
    assert np.diagonal(figure.data[0].z).tolist() == [0, 0, 0]
    assert figure.data[0].z[1][2] == 7
    assert "7" in [note.text for note in figure.layout.annotations]
    assert confusion_figure(np.diag([3, 3, 3]), 0, False).data[0].z.max() == 0


def test_a_digit_without_images_has_no_bar() -> None:
    (bars,) = class_error_figure([("one", 2, [0.1, None])], False).data
    assert list(bars.y) == [0.1, None]


@pytest.mark.parametrize("dark", [False, True])
def test_every_number_of_a_confusion_matrix_can_be_read(dark: bool) -> None:
    """Contrast by WCAG's own formula, on what plotly paints.

    Colour and opacity are mixed in equal measure, over the page.
    """

    def light(rgb: list[float]) -> float:
        parts = [
            c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4
            for c in rgb
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05

    def rgb(colour: str) -> list[int]:
        return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]

    matrix = np.arange(100).reshape(10, 10)
    mistakes = matrix - np.diag(np.diagonal(matrix))
    for place, colour in enumerate(colours(dark)):
        notes = {
            (note.y, note.x): note.font.color
            for note in confusion_figure(matrix, place, dark).layout.annotations
        }
        for (i, j), ink in notes.items():
            share = mistakes[i, j] / mistakes.max()
            opacity = 0.06 + 0.94 * share
            mixed = [
                share * c + (1 - share) * g
                for c, g in zip(rgb(colour), rgb("#7f8c99"), strict=True)
            ]
            seen = light(
                [
                    opacity * m + (1 - opacity) * p
                    for m, p in zip(mixed, rgb(paper(dark)), strict=True)
                ]
            )
            contrast = max(seen, light(rgb(ink))) / min(seen, light(rgb(ink)))
            assert contrast >= 4.5, (place, i, j)


def test_networks_differ_in_more_than_colour() -> None:
    assert (
        MOST
        == len(SYMBOLS)
        == len(DASHES)
        == len(PATTERNS)
        == len(set(SYMBOLS))
        == len(set(DASHES))
        == len(set(PATTERNS))
    )
    for dark in (False, True):
        assert len(set(colours(dark))) == MOST
