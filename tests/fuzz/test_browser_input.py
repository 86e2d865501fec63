"""What a browser may send: addresses, what the canvas reports, and command lines."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bnnlib.cli.parser import main, parser
from bnnlib.drawing.codec import from_text, images_from_text, images_to_text, to_text
from bnnlib.drawing.strokes import drawn_image, make_stroke
from bnnlib.errors import BnnlibError
from tests.fuzz.strategies import anything, changed_json, changed_text, numbers, texts
from ui.draw.fabric import strokes_of, to_fabric
from ui.draw.state import PARAMETERS, from_address

STROKE = make_stroke(np.array([[10.0, 20.0], [200.0, 90.0], [60.0, 250.0]]), 20)
DRAWING = to_text([STROKE, STROKE])
PICTURE = images_to_text(np.full((2, 28, 28), 7, np.uint8))
SENT = {
    "drawing": {
        "raw": {
            "objects": [
                to_fabric(STROKE),
                {"type": "path", "path": [["M", 1, 2], ["Q", 3, 4, 5, 6]], "strokeWidth": 9},
            ]
        },
        "data": "",
    }
}


def drawn(strokes) -> None:
    """Strokes from outside make an image."""
    image = drawn_image(strokes)
    assert image.shape == (28, 28)
    assert np.isfinite(np.asarray(image)).all()


@given(text=changed_text(DRAWING) | texts)
def test_a_drawing_in_an_address(text: str) -> None:
    with contextlib.suppress(BnnlibError):
        drawn(from_text(text))


@given(text=changed_text(PICTURE) | texts)
def test_a_picture_in_an_address(text: str) -> None:
    try:
        images = images_from_text(text)
    except BnnlibError:
        return
    assert images.shape[1:] == (28, 28)
    assert len(images) <= 64


values = (
    texts
    | numbers.map(str)
    | changed_text(DRAWING)
    | changed_text(PICTURE)
    | st.sampled_from(["clear-3", "one", "several", "1", "100", "history,nearest", "mine"])
)


@given(given=st.dictionaries(st.sampled_from(sorted(PARAMETERS)) | texts, values, max_size=6))
def test_an_address(given: dict[str, str]) -> None:
    state, sentence = from_address(given)
    drawn(state.strokes)
    assert sentence is None or sentence.startswith("Part of the address was not understood")
    assert sentence is None or len(sentence) < 2_000


@given(sent=changed_json(SENT) | anything)
@example({"drawing": {"raw": {"objects": [None, 3, "x", {"path": "ML"}, {"path": [[]]}]}}})
@example({"drawing": {"raw": {"objects": 7}}})
@example({"drawing": {"raw": {"objects": [{"path": [["M", float("nan"), 1]]}]}}})
@example({"drawing": {"raw": {"objects": [{"path": [["M", 1, 1]], "strokeWidth": "wide"}]}}})
def test_what_the_canvas_reports(sent: object) -> None:
    strokes = strokes_of(sent)
    if strokes:
        drawn(strokes)


VERBS = ("train", "evaluate", "predict", "prune", "ensemble", "laplace", "distance", "checkpoints")
words = (
    texts
    | numbers.map(str)
    | st.sampled_from(["bayesian", "dropout", "--help", "--seed", "--samples", "--json", "--out"])
)


@given(verb=st.sampled_from(VERBS), rest=st.lists(words, max_size=5))
def test_a_command_line_is_understood_or_refused_in_one_sentence(
    verb: str, rest: list[str]
) -> None:
    error = io.StringIO()
    code: object = 0
    try:
        with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
            parser().parse_args([verb, *rest])
    except SystemExit as stop:
        code = stop.code
    assert code in (0, 2)
    assert error.getvalue().count("\n") == (1 if code else 0)


@given(verb=st.sampled_from(["evaluate", "prune", "distance", "laplace"]), name=texts)
def test_a_name_that_is_no_checkpoint_is_one_sentence(
    verb: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([verb, "--", name])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in said
