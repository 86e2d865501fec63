"""The toy's section without a browser, its queue with a small command in place of NUTS."""

import sys
import time

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.toy.model import GRID
from bnnlib.toy.points import PRESETS, Points, to_text
from bnnlib.toy.queue import ReferenceQueue
from ui.method import toy
from ui.method.toy_pad import moved
from ui.method.toy_state import ToyState, edited

FAKE = f"""
import json, sys, time
json.loads(sys.stdin.readline())
time.sleep(SECONDS)
flat = [0.5] * {len(GRID)}
print(json.dumps(dict(mean=flat, epistemic=flat, aleatoric=flat, rhat=RHAT, draws=300,
                      divergences=2, seconds=1.5)))
"""


def fake(seconds: float = 0, rhat: float = 1.01, limit: float = 20) -> ReferenceQueue:
    script = FAKE.replace("SECONDS", str(seconds)).replace("RHAT", str(rhat))
    return ReferenceQueue([sys.executable, "-S", "-c", script], limit=limit)


def page() -> None:
    import streamlit as st

    from ui.method.toy import section
    from ui.method.toy_state import read_address

    st.session_state["arrived"] = "visited" not in st.session_state
    st.session_state["visited"] = True
    read_address()
    section()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch):
    """`opened(queue, **address)`: the section in a session of its own."""

    def open_page(queue: ReferenceQueue, **address: str) -> AppTest:
        monkeypatch.setattr(toy, "queue", lambda: queue)
        for method in (toy.dropout, toy.ensemble, toy.mean_field):
            monkeypatch.setattr(method, "STEPS", 20)  # what is learnt is not what is tested
        app = AppTest.from_function(page, default_timeout=60)
        for name, value in address.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    toy.live.clear()
    yield open_page
    toy.live.clear()


def words(app: AppTest) -> str:
    """The captions, the warnings and the finding."""
    found = [element.value for element in (*app.caption, *app.warning)]
    found += [element.proto.body for element in app.get("html")]
    return "\n".join(found)


def settled(app: AppTest, text: str) -> AppTest:
    """The page once it says this; it is run again, as the browser does while NUTS runs."""
    for _ in range(200):
        if text in words(app):
            return app
        time.sleep(0.05)
        app.run()
        assert not app.exception
    pytest.fail(f"{text!r} was not said: {words(app)}")


def test_the_reference_arrives_with_its_rhat_and_the_finding_names_it(opened) -> None:
    app = settled(opened(fake()), "R-hat 1.01: the chains agree")
    assert "300 draws in 1.5 s. Divergent draws: 2." in words(app)
    assert "In the gap, at x = 0.0" in words(app)
    assert "the reference 0.50, mean-field 0." in words(app)
    assert len(app.get("plotly_chart")) == 4
    assert app.button(key="toy-undo").disabled
    assert "points" not in app.query_params


def test_chains_that_disagree_are_said_to(opened) -> None:
    assert "do not quite agree" in words(settled(opened(fake(rhat=1.3)), "R-hat 1.30"))


def test_while_the_next_run_goes_on_the_last_posterior_stays_and_its_end_is_said(opened) -> None:
    queue = fake()
    app = settled(opened(queue), "R-hat")
    limit = queue.limit
    queue.command, queue.limit = fake(60).command, 0.2
    app.button(key="toy-line").click().run()
    assert "Shown is the posterior of the points before." in words(app)
    assert app.query_params["points"] == "line"
    settled(app, "s: this machine is too busy for it.")
    assert "NUTS was stopped after" in words(app)
    assert "Shown is the posterior of the points before." in words(app)
    queue.command, queue.limit = fake().command, limit
    app.button(key="toy-retry").click().run()
    settled(app, "R-hat")
    app.button(key="toy-undo").click().run()
    assert "24 points" in words(app)
    assert "points" not in app.query_params


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("none", "0 points. "),
        ("50_100", "1 point. "),
        (".".join(["50_100"] * 500), "The address names 500 points: the first 200 are used."),
        ("a.b", "The points in the address were not understood"),
    ],
)
def test_no_points_one_too_many_and_nonsense(opened, text: str, said: str) -> None:
    app = opened(fake(), points=text)
    assert said in words(app)
    if text == "none":
        assert "Without points there is nothing to learn" in words(app)
        assert "there is nothing to sample" in words(app)
    if text == "a.b":
        assert "24 points" in words(app)
    app.run()
    assert said in words(app)  # it stays until the points change
    app.button(key="toy-clusters").click().run()
    assert said not in words(app)
    assert not app.warning


def test_the_state_hears_the_sheet_and_the_table_once_and_undoes() -> None:
    state = ToyState()
    start, sheet = state.points, state.key("sheet")
    one, two = Points.of([(0, 1)]), Points.of([(0, 1), (1, 1)])
    state.hear("sheet", None)
    state.hear("sheet", one)
    assert (state.points, state.key("sheet")) == (one, sheet)
    state.use(two)
    assert state.key("sheet") != sheet
    state.hear("table", one)
    assert state.points == one
    for expected in (two, one, start, start):
        state.undo()
        assert state.points == expected
    for count in range(100):
        state.use(Points.of([(0, count / 100)]))
    assert len(state.before) <= 50


def test_the_table_edits_adds_and_deletes() -> None:
    base = Points.of([(0, 0), (1, 1), (2, 2)])
    changes = {
        "edited_rows": {0: {"y": 0.5}, "1": {"x": None}},
        "added_rows": [{"x": -1.0, "y": -1.0}, {"x": 0.3}, {}],
        "deleted_rows": [2],
    }
    assert edited(base, changes) == Points.of([(0, 0.5), (-1, -1)])
    assert edited(base, None) is None


@pytest.mark.parametrize(
    "sent", [None, {}, {"points": "x"}, {"points": [[0, None]]}, {"points": 3}]
)
def test_what_a_browser_sends_may_be_anything(
    monkeypatch: pytest.MonkeyPatch, sent: object
) -> None:
    monkeypatch.setattr("ui.method.toy_pad.st.session_state", {"sheet": sent})
    assert moved("sheet") is None


def test_the_sheets_points_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ui.method.toy_pad.st.session_state", {"sheet": {"points": [[0.5, 1], [9, -9]]}}
    )
    assert moved("sheet") == Points.of([(0.5, 1), (2, -2)])
    assert to_text(PRESETS["fan"]) == "fan"
