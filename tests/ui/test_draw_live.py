"""The live canvas and the parts below the answers, without a browser."""

import json
import math

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.drawing.history import Entry, Told, from_json, packed, to_json
from bnnlib.drawing.replay import CHANGES
from bnnlib.drawing.strokes import Stroke, make_stroke
from ui.draw import canvas, pad
from ui.draw.examples import EXAMPLES

ONE = make_stroke([(140, 40), (140, 240)])
DASH = make_stroke([(60, 140), (220, 140)])
SAMPLES = 20


def opened(**session) -> AppTest:
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.query_params["samples"] = str(session.pop("samples", SAMPLES))
    for name, value in session.items():
        app.session_state[name] = value
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def sent(*strokes: Stroke, down: bool = False, number: int = 1) -> dict:
    """What the live canvas sends."""
    packed = [pad.pack(stroke) for stroke in strokes]
    return {"drawing": {"strokes": packed, "down": down, "number": number, "moves": number}}


def send(app: AppTest, value: dict) -> AppTest:
    app.session_state[f"pad{app.session_state['draw'].canvas}"] = value
    return checked(app.run())


def pieces(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def test_a_stroke_is_packed_and_unpacked() -> None:
    for example in EXAMPLES:
        value = sent(*example.strokes)
        assert pad.strokes_of(value) == example.strokes
        assert pad.strokes_of(json.loads(json.dumps(value))) == example.strokes


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "20,1,1",
        [],
        [20],
        [20, 5],
        [20, math.nan, math.nan],
        [math.nan, 5, 5],
        [20, math.inf, 5],
        [20, 1e300, 5],
        [20, "a", "b"],
        [20, None, 5],
        [[20], 5, 5],
        {"width": 20},
    ],
)
def test_what_is_no_stroke_is_left_out_and_the_others_stay(bad) -> None:
    value = sent(ONE, DASH)
    value["drawing"]["strokes"].insert(1, bad)
    assert pad.strokes_of(value) == (ONE, DASH)


def test_drawings_from_elsewhere_do_no_harm() -> None:
    for value in (None, 3, {}, {"drawing": None}, {"drawing": []}, {"drawing": {"strokes": 3}}):
        assert not pad.strokes_of(value)
        assert not pad.pen_down(value)
        assert pad.number(value) == 0
    half = pad.strokes_of({"drawing": {"strokes": [[20, 5, 5, 300, math.nan, -90, 7]]}})
    assert half == (make_stroke([(5, 5), (-90, 7)]),)


def test_thousands_of_points_and_strokes_are_thinned() -> None:
    noise = np.random.default_rng(0).integers(0, 280, 60_000).tolist()
    (stroke,) = pad.strokes_of({"drawing": {"strokes": [[20, *noise]]}})
    assert len(stroke.points) <= pad.MAX_POINTS
    many = pad.strokes_of({"drawing": {"strokes": [[20, k % 280, 9] for k in range(5_000)]}})
    assert len(many) == pad.MAX_STROKES


def test_the_setting_chooses_the_canvas(monkeypatch) -> None:
    monkeypatch.delenv(canvas.SETTING, raising=False)
    assert canvas.canvas_kind() == "live"

    def components() -> list[str]:
        return sorted(part.proto.component_name for part in opened().get("bidi_component"))

    assert components() == ["digits_live", "digits_pad", "digits_tab"]
    monkeypatch.setenv(canvas.SETTING, "Fabric")
    assert canvas.canvas_kind() == "fabric"
    assert not {"digits_pad"} & set(components())
    assert any("drawable" in name for name in components())
    monkeypatch.setenv(canvas.SETTING, "paper")
    assert canvas.canvas_kind() == "live"


def test_while_the_pen_is_down_fewer_samples_answer_and_the_address_waits() -> None:
    app = opened(samples=200)
    before = dict(app.query_params)
    send(app, sent(ONE, down=True))
    assert app.session_state["draw"].strokes == (ONE,)
    assert "of 100" in pieces(app)
    assert "of 200" not in pieces(app)
    assert dict(app.query_params) == before
    assert app.session_state["drawings"] == []  # nothing is finished
    send(app, sent(ONE, number=2))
    assert "of 200" in pieces(app)
    assert "drawing" in app.query_params


def test_while_the_pen_is_down_the_chart_stays_and_the_answer_is_painted_over_it() -> None:
    app = opened()

    def chart() -> tuple[str, str]:
        (made,) = app.get("plotly_chart")
        return made.proto.spec, made.proto.alt

    def live() -> dict:
        (part,) = (
            one for one in app.get("bidi_component") if one.proto.component_name == "digits_live"
        )
        return json.loads(part.proto.json)

    before = chart()
    assert live()["figure"] is None
    send(app, sent(ONE, down=True))
    assert chart() == before
    painted = live()["figure"]
    assert live()["moves"] == 1
    send(app, sent(ONE, number=2))
    assert live()["figure"] is None
    assert chart() != before
    final = json.loads(chart()[0])
    assert [trace["name"] for trace in painted["data"]] == [one["name"] for one in final["data"]]
    assert painted["layout"]["shapes"] == final["layout"]["shapes"]  # as many samples: the dots
    assert painted["data"][0]["y"] == pytest.approx(app.session_state["draw"].chart[0].data[0].y)


def test_the_parts_below_are_closed_and_compute_nothing() -> None:
    app = opened()
    assert len(app.get("plotly_chart")) == 1
    assert not app.get("file_uploader")


@pytest.mark.parametrize("change", ["rotate", "erase", "noise", "morph"])
def test_a_replay_is_shown_and_follows_the_drawing(change) -> None:
    app = send(opened(replay=True, change=change), sent(ONE))
    alt = [chart.proto.alt for chart in app.get("plotly_chart")]
    assert len(alt) == 4
    assert app.session_state["draw"].below == {"replay": (ONE,)}
    figure = json.loads(app.get("plotly_chart")[1].proto.spec)
    assert len(figure["frames"]) == len(CHANGES[change].amounts)
    send(app, sent(ONE, DASH, number=2))
    assert app.session_state["draw"].below == {"replay": (ONE, DASH)}


def test_a_blank_canvas_has_a_replay_too() -> None:
    app = opened(replay=True)
    app.button(key="example-blank").click()
    checked(app.run())


def test_finished_strokes_are_kept_with_their_answers_and_come_back() -> None:
    app = opened(visit=True)
    assert "drawings" not in app.session_state or not app.session_state["drawings"]
    send(app, sent(ONE))
    send(app, sent(ONE, DASH, number=2))
    kept = app.session_state["drawings"]
    assert [entry.strokes for entry in kept] == [(ONE,), (ONE, DASH)]
    assert {told.network for told in kept[0].answers} == {"dropout", "bayesian"}
    app.button(key="thumb-0").click()
    checked(app.run())
    assert app.session_state["draw"].strokes == (ONE,)
    assert len(app.session_state["drawings"]) == 2
    app.slider(key="scrub").set_value(2)
    checked(app.run())
    assert app.session_state["draw"].strokes == (ONE, DASH)


def test_examples_and_undo_are_no_drawings_of_the_visit() -> None:
    app = send(opened(visit=True), sent(ONE, DASH))
    next(b for b in app.button if b.label == "Undo").click()
    checked(app.run())
    app.button(key="example-scribble").click()
    checked(app.run())
    assert [entry.strokes for entry in app.session_state["drawings"]] == [(ONE, DASH)]


def test_judged_drawings_make_a_reliability_diagram() -> None:
    app = send(opened(visit=True), sent(ONE))
    next(b for b in app.button if b.label.startswith("Yes, it is")).click()
    checked(app.run())
    said = app.session_state["drawings"][0].answers[0].digit
    assert app.session_state["drawings"][0].label == said
    (text,) = [m.value for m in app.markdown if "Reliability on this visit" in m.value]
    assert "dropout is right in 1 of 1" in text
    wrong = (said + 1) % 10
    app.selectbox(key="really").set_value(wrong)
    checked(app.run())
    assert app.session_state["drawings"][0].label == wrong
    (text,) = [m.value for m in app.markdown if "Reliability on this visit" in m.value]
    assert "dropout is right in 0 of 1" in text


def test_drawings_of_a_file_join_those_of_the_visit_and_a_bad_file_gets_a_sentence() -> None:
    app = send(opened(visit=True), sent(ONE))
    saved = to_json(app.session_state["drawings"])
    assert [entry.strokes for entry in from_json(saved)] == [(ONE,)]
    app.file_uploader[0].upload("drawings.json", saved.encode(), "application/json")
    checked(app.run())
    assert len(app.session_state["drawings"]) == 2
    app.file_uploader[0].upload("x.json", b"{}", "application/json")
    checked(app.run())
    assert "holds no drawings saved here" in app.error[0].value
    assert len(app.session_state["drawings"]) == 2


def test_the_tab_keeps_each_finished_drawing() -> None:
    def told(app: AppTest) -> dict:
        (part,) = [p for p in app.get("bidi_component") if p.proto.component_name == "digits_tab"]
        return json.loads(part.proto.json)

    app = opened()
    assert told(app) == {"added": 0, "entry": None, "back": 0}
    send(app, sent(ONE, down=True))
    assert told(app)["entry"] is None  # nothing is finished
    send(app, sent(ONE, number=2))
    first = told(app)
    assert (first["added"], first["back"]) == (1, 0)
    assert [first["entry"]] == [packed(entry) for entry in app.session_state["drawings"]]
    send(app, sent(ONE, DASH, number=3))
    assert told(app)["added"] == 2
    send(app, sent(ONE, number=4))  # the first one again: its place, and not a third one
    assert (told(app)["added"], told(app)["back"]) == (2, 1)


def test_what_the_tab_kept_begins_a_new_visit_and_what_is_damaged_does_not() -> None:
    def page() -> None:
        import streamlit as st

        from ui.draw.history import put_into_visit, visit

        put_into_visit(st.session_state["kept"])
        st.session_state["found"] = list(visit())

    entry = Entry((ONE,), (Told("dropout", (1.0, *[0.0] * 9), 0.1, 0.2),), label=1)
    app = AppTest.from_function(page)
    for kept, found in (([{"strokes": 7}], []), ([packed(entry)], [entry]), ([], [entry])):
        app.session_state["kept"] = kept
        checked(app.run())
        assert app.session_state["found"] == found
    app.session_state["kept"] = [packed(entry)]
    assert checked(app.run()).session_state["found"] == [entry]  # once, not again
