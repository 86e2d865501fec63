"""A replay's figure: a frame for each amount, the marker and the image of each."""

import numpy as np

from bnnlib.figures.ink_map import ink_map_figure
from bnnlib.figures.mosaic import data_uri
from bnnlib.figures.replay import Track, replay_figure


def test_every_amount_has_a_frame_with_its_image_and_marker() -> None:
    amounts = np.linspace(-2, 2, 5)
    mean = np.full((5, 10), 0.02)
    mean[:, 3], mean[:, 7] = np.linspace(0.8, 0.1, 5), np.linspace(0.04, 0.74, 5)
    tracks = [Track(n, k, mean, np.full(5, 0.3), np.full(5, 0.2)) for k, n in enumerate("ab")]
    images = np.arange(5 * 784, dtype=np.uint16).astype(np.uint8).reshape(5, 28, 28)
    figure = replay_figure(tracks, amounts, images, 1.0, "shift: pixels", dark=False)
    assert len(figure.frames) == len(figure.layout.sliders[0].steps) == 5
    assert figure.layout.sliders[0].active == 3
    assert figure.layout.images[0].source == data_uri(images[3])
    for k, frame in enumerate(figure.frames):
        assert frame.layout.images[0].source == data_uri(images[k])
        for place, marker in zip(frame.traces, frame.data, strict=True):
            assert tuple(marker.x) == (amounts[k], amounts[k])
            assert tuple(figure.data[place].x) == (1.0, 1.0)
    named = [a.text for a in figure.layout.annotations]
    assert named.count("<b>3</b>") == named.count("<b>7</b>") == 2
    assert "<b>5</b>" not in named
    three = [line for line in figure.data if line.name == "3"]
    assert all(np.allclose(line.y, mean[:, 3]) for line in three)


def test_an_ink_map_hides_what_hardly_matters() -> None:
    change = np.zeros((28, 28))
    change[4, 5], change[6, 7], change[8, 9] = -2.0, 1.0, 0.01
    figure = ink_map_figure(np.zeros((28, 28), np.uint8), change, 4, 9, dark=True)
    shown = figure.data[0].z
    assert np.isfinite(shown).sum() == 2
    assert (shown[4, 5], shown[6, 7]) == (-2.0, 1.0)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-2.0, 2.0)
