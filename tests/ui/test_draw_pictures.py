"""Pictures and several digits on the Draw screen, without a browser."""

import html
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.drawing.codec import images_from_text
from bnnlib.drawing.photo import read_photo

ROOT = Path(__file__).resolve().parents[2]


def opened(**address: str) -> AppTest:
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    for name, value in {"samples": "20", **address}.items():
        app.query_params[name] = value
    app.session_state["from-picture"] = True  # unfolded
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def upload(app: AppTest, content: bytes, name: str = "mine.png") -> AppTest:
    (uploader,) = app.file_uploader
    uploader.upload(name, content, "image/png")
    return checked(app.run())


def parameter(app: AppTest, name: str) -> str:
    """A parameter of the address."""
    value = app.query_params[name]
    return value[0] if isinstance(value, list) else value


def pieces(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def sentence(app: AppTest) -> str:
    return html.unescape(re.search(r'<p class="sentence"[^>]*>(.*?)</p>', pieces(app))[1])


def problem(app: AppTest) -> str:
    (error,) = app.error
    return error.value


def png(ink: np.ndarray) -> bytes:
    """Light ink, uint8, as a dark drawing on light paper, four times as large."""
    out = io.BytesIO()
    paper = 235 - (ink.repeat(4, 0).repeat(4, 1) * 0.8).astype(np.uint8)
    Image.fromarray(np.pad(paper, 40, constant_values=235)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def digit(embedded: Digits) -> np.ndarray:
    return embedded.test.images[0].numpy()


@pytest.fixture
def pair(embedded: Digits) -> np.ndarray:
    one, two = (image[:, image.any(0)] for image in embedded.test.images[:2].numpy())
    return np.hstack([one, np.zeros((28, 6), np.uint8), two])


def test_a_picture_is_read_step_by_step_and_answered(digit: np.ndarray) -> None:
    app = upload(opened(), png(digit))
    state = app.session_state["draw"]
    steps = read_photo(png(digit))
    assert np.array_equal(state.sent[0], (steps.image * 255).round().numpy())
    assert state.strokes == ()
    shown = re.search(r'<ol class="steps".*?</ol>', pieces(app), re.DOTALL)[0]
    assert shown.count("<img") == 5
    assert f"differs by more than {steps.threshold:.2f}" in shown
    assert not app.error


def test_a_picture_survives_another_page_and_its_image_a_reload(digit: np.ndarray) -> None:
    app = upload(opened(), png(digit))
    image = app.session_state["draw"].sent[0]
    text = parameter(app, "picture")
    assert np.array_equal(images_from_text(text)[0], image)
    again = opened(picture=text)
    assert np.array_equal(again.session_state["draw"].sent[0], image)
    assert sentence(again) == sentence(app)
    checked(app.switch_page("pages/2_Train.py").run())
    checked(app.switch_page("dashboard.py").run())
    state = app.session_state["draw"]
    assert np.array_equal(state.sent[0], image)
    assert state.picture.name == "mine.png"


def test_a_damaged_picture_in_the_address_is_named(digit: np.ndarray) -> None:
    app = opened(picture="AAAA")
    (warning,) = app.warning
    assert "the picture is incomplete or damaged" in warning.value


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x00\x00\x00\x18ftypmp42" + bytes(600), "a video"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(600), "HEIC"),
        (b"%PDF-1.7" + bytes(600), "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"nothing", "no picture"),
        (png(np.zeros((28, 28), np.uint8)), "No ink"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_drawing_stays(content: bytes, word: str) -> None:
    app = opened(example="clear-3")
    before = sentence(app)
    upload(app, content)
    assert word in problem(app)
    assert app.session_state["draw"].example == "clear-3"
    assert app.session_state["draw"].sent is None
    assert sentence(app) == before


def test_a_picture_can_be_turned_inverted_and_read_anew(digit: np.ndarray) -> None:
    app = upload(opened(), png(digit))
    first = app.session_state["draw"].sent[0]
    turn = next(b for b in app.button if b.label == "Turn left")
    turn.click()
    checked(app.run())
    turned = read_photo(
        np.rot90(np.asarray(Image.open(io.BytesIO(png(digit))).convert("RGB")) / 255)
    )
    state = app.session_state["draw"]
    assert np.array_equal(state.sent[0], (turned.image * 255).round().numpy())
    app.slider(key="ink-threshold").set_value(0.5)
    checked(app.run())
    assert app.session_state["draw"].picture.corrections.threshold == 0.5
    next(b for b in app.button if b.label == "Start over").click()
    checked(app.run())
    assert np.array_equal(app.session_state["draw"].sent[0], first)


def test_a_crop_of_nothing_leaves_the_picture_as_it_was(digit: np.ndarray) -> None:
    app = upload(opened(), png(digit))
    before = app.session_state["draw"].sent[0]
    app.slider(key="crop-across").set_value((50, 50))
    checked(app.run())
    assert "crop" in problem(app)
    assert np.array_equal(app.session_state["draw"].sent[0], before)


def test_the_camera_is_opened_only_when_it_is_asked_for() -> None:
    app = opened()
    assert not app.camera_input
    app.segmented_control(key="picture-source-0").set_value("The camera")
    assert len(checked(app.run()).camera_input) == 1


def test_two_digits_are_answered_one_by_one() -> None:
    app = opened(example="two-digits")
    assert sentence(app) == "Two digits: 4 and 2."
    row = re.search(r'<ol class="parts".*?</ol>', pieces(app), re.DOTALL)[0]
    assert row.count("<img") == 2
    assert re.findall(r"<b>(.)</b>", row) == ["4", "4", "2", "2"]
    app.segmented_control(key="part").set_value(1)
    checked(app.run())
    assert "Digit 2 of 2" in pieces(app)
    (chart,) = app.get("plotly_chart")
    assert "say 2" in chart.proto.alt


def test_the_split_can_be_corrected_and_the_address_keeps_it() -> None:
    app = opened(example="two-digits")
    app.segmented_control(key="reading").set_value("one")
    checked(app.run())
    assert "digits:" not in sentence(app)
    assert parameter(app, "digits") == "one"
    again = opened(example="two-digits", digits="one")
    assert sentence(again) == sentence(app)
    again.segmented_control(key="reading").set_value("several")
    assert sentence(checked(again.run())) == "Two digits: 4 and 2."


def test_one_digit_looks_as_before() -> None:
    app = opened(example="clear-3")
    assert '<ol class="parts"' not in pieces(app)
    assert [c.key for c in app.segmented_control] == ["picture-source-0"]


def test_a_picture_of_two_digits_is_split_and_kept_by_the_address(pair: np.ndarray) -> None:
    app = upload(opened(), png(pair))
    assert sentence(app).startswith("Two digits: ")
    text = parameter(app, "picture")
    assert len(images_from_text(text)) == 3  # the whole, and each digit
    assert sentence(opened(picture=text)) == sentence(app)
