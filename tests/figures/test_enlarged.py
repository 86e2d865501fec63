"""Figures for the back row."""

import numpy as np
import plotly.graph_objects as go

from bnnlib.figures.enlarged import LETTERS, enlarged


def test_letters_marks_and_height_grow_and_the_data_stay() -> None:
    figure = go.Figure(
        [
            go.Scatter(
                x=[0, 1],
                y=[2, 3],
                marker={"size": [4, 6], "line": {"width": 1}},
                line={"width": 2},
                error_y={"array": [1, 1], "thickness": 2, "width": 3},
            ),
            go.Bar(x=[1], y=[2], width=[0.5], textfont={"size": 10}),
        ],
        {
            "height": 200,
            "margin": {"l": 10, "r": 0, "t": 4, "b": 2},
            "title": {"text": "a", "font": {"size": 14}},
            "xaxis": {"title": {"text": "x", "standoff": 4}, "range": [0, 5]},
            "annotations": [{"text": "b", "x": 1, "y": 1, "yshift": 8, "font": {"size": 15}}],
        },
    )
    large = enlarged(figure, 2)
    line, bar = large.data
    assert list(line.marker.size) == [8, 12]
    assert (line.marker.line.width, line.line.width) == (2, 4)
    assert (line.error_y.thickness, line.error_y.width) == (4, 6)
    assert (list(line.x), list(line.y)) == ([0, 1], [2, 3])
    assert (list(bar.width), bar.textfont.size) == ([0.5], 20)
    layout = large.layout
    assert (layout.height, layout.margin.l, layout.margin.b) == (400, 20, 4)
    assert (layout.font.size, layout.title.font.size) == (2 * LETTERS, 28)
    assert layout.xaxis.title.standoff == 8
    assert list(layout.xaxis.range) == [0, 5]
    assert (layout.annotations[0].yshift, layout.annotations[0].font.size) == (16, 30)
    assert (layout.annotations[0].x, layout.annotations[0].y) == (1, 1)
    assert figure.layout.height == 200  # the given one is left alone
    assert list(figure.data[0].marker.size) == [4, 6]


def test_numbers_in_arrays_grow_too() -> None:
    figure = go.Figure(go.Scatter(x=[0], y=[0], marker={"size": np.array([4.0])}))
    assert list(enlarged(figure, 1.5).data[0].marker.size) == [6.0]
