"""The figure shows what it was given: samples, means, intervals, votes, uncertainties."""

import dataclasses
import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from bnnlib.figures.answers import STRIP, Series, answers_figure, series_of
from bnnlib.figures.swarm import BINS, swarm
from bnnlib.figures.theme import LEFT, RIGHT, RIGHT_DARK, network_colours, paper, text_colours
from bnnlib.metrics.answer import make_answer


def series(place: int, samples: int = 40, baseline: bool = False) -> Series:
    probs = (
        torch.randn(samples, 1, 10, generator=torch.Generator().manual_seed(place))
        .mul(2)
        .softmax(-1)
    )
    a = make_answer(probs, probs[:1, 0] if baseline else None)
    return series_of(("one", "two")[place], place, a)


def test_every_sample_has_a_dot_within_its_strip():
    samples = series(0).samples
    offset, column, value = swarm(samples, 0.4)
    assert np.abs(offset).max() <= 0.2
    for digit in range(10):
        shown = value[column == digit]
        for probability in samples[:, digit]:
            assert np.abs(shown - probability).min() <= 1 / BINS


def test_dots_that_cover_each_other_are_drawn_once_so_that_their_number_is_bounded():
    offset, _, _ = swarm(np.tile(np.eye(10, dtype=np.float32)[3], (1000, 1)), 0.4)
    assert 10 <= len(offset) <= 120
    assert np.isclose(offset.max(), -offset.min())


def test_a_lone_sample_stands_in_the_middle():
    offset, column, value = swarm(np.array([[0.25, 0.75]], np.float32), 0.4)
    assert offset.tolist() == [0, 0]
    assert column.tolist() == [0, 1]
    assert value.tolist() == [0.25, 0.75]


@pytest.mark.parametrize("dark", [False, True])
def test_the_figure_shows_means_intervals_votes_baseline_and_split(dark):
    one, two = series(0, baseline=True), series(1)
    figure = answers_figure([one, two], 0.5, dark)
    traces = {trace.name: trace for trace in figure.data}
    mean, votes = traces["mean and interval"], traces["votes"]
    for k, s in enumerate((one, two)):
        own = slice(10 * k, 10 * k + 10)
        assert set(mean.text[own]) == {s.name}
        np.testing.assert_allclose(mean.y[own], s.mean)
        np.testing.assert_allclose((mean.y + mean.error_y.array)[own], s.high, rtol=1e-5)
        np.testing.assert_allclose((mean.y - mean.error_y.arrayminus)[own], s.low, atol=1e-6)
        counted = {
            digit: int(text)
            for digit, text, colour in zip(votes.x, votes.text, votes.textfont.color, strict=True)
            if colour == text_colours(dark)[s.place]
        }
        assert counted == {digit: n for digit, n in enumerate(s.votes.tolist()) if n}
        assert sum(counted.values()) == len(s.samples)
    for kind in ("aleatoric", "epistemic"):
        assert list(traces[kind].y) == ["one", "two"]
        assert list(traces[kind].x) == [getattr(s, kind) for s in (one, two)]
    np.testing.assert_allclose(traces["one: without sampling"].y, one.baseline)
    assert "two: without sampling" not in traces
    assert [note.text for note in figure.layout.annotations] == ["votes"]
    assert sum(map(int, votes.text)) == len(one.samples) + len(two.samples)
    dots = [shape for shape in figure.layout.shapes if shape.name in ("one", "two")]
    assert [shape.line.color for shape in dots] == [LEFT, RIGHT_DARK if dark else RIGHT]
    first = float(re.match(r"M([-\d.]+)", dots[0].path)[1])
    assert abs(first - 0) < STRIP


def test_without_networks_it_is_empty():
    figure = answers_figure([], [], False)
    assert not [trace for trace in figure.data if len(trace.x)]
    go.Figure(figure.to_dict())


def test_the_threshold_is_a_line_unless_it_is_zero():
    lines = [
        [s.y0 for s in answers_figure([series(0)], t, False).layout.shapes if s.type == "line"]
        for t in (0.7, 0)
    ]
    assert lines == [[0.7], []]


def test_each_network_can_have_a_threshold_of_its_own():
    def lines(*thresholds):
        shapes = answers_figure([series(0), series(1)], thresholds, False).layout.shapes
        return {shape.y0: shape.line.color for shape in shapes if shape.type == "line"}

    assert lines(0.9, 0.8) == dict(zip((0.9, 0.8), text_colours(False), strict=True))
    assert list(lines(0.9, 0.9)) == [0.9]
    assert lines(0.9, 0.9)[0.9] not in text_colours(False)
    assert list(lines(0, 0.8)) == [0.8]


def luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_letters_stand_out_by_4_5_to_1(dark):
    background = paper(dark)
    assert background == {False: "#FFFFFF", True: "#0F151D"}[dark]
    for colour in text_colours(dark):
        bright, dim = sorted((luminance(colour), luminance(background)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5
    assert len(set(network_colours(dark))) == 2


def test_plotly_finds_nothing_wrong_with_the_figure() -> None:
    """It is made without plotly's own check, which takes longer than all else."""
    made = answers_figure([series(0, baseline=True), series(1)], [0.5, 0.9], dark=False)
    checked = go.Figure(made.to_dict())  # raises for what plotly does not know
    plain, again = json.loads(made.to_json()), json.loads(checked.to_json())
    assert plain["layout"].pop("template") == {}
    again["layout"].pop("template")
    assert plain == again


def test_the_distance_has_an_axis_of_its_own_and_adds_to_no_bar():
    plain, far = series(0), dataclasses.replace(series(1), as_far=0.001)
    figure = answers_figure([plain, far], 0.5, False)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["distance"].y) == ["two"]  # and nothing of "one"
    assert traces["distance"].x[0] == pytest.approx(3)  # 0.1 %, three decades
    assert (traces["distance"].xaxis, traces["epistemic"].xaxis) == ("x3", "x2")
    assert figure.layout.xaxis3.ticktext[3] == "0.1 %"
    without = answers_figure([plain, dataclasses.replace(far, as_far=None)], 0.5, False)
    assert "xaxis3" not in without.layout
    for axis in ("yaxis", "yaxis2"):  # as high in pixels as without it
        sizes = [np.ptp(f.layout[axis].domain) * (f.layout.height - 44) for f in (figure, without)]
        assert sizes[0] == pytest.approx(sizes[1])
