"""Presenter's mode, the tour, the next visitor and deep links, without a browser."""

import json

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.drawing.strokes import make_stroke
from ui.draw.fabric import to_fabric
from ui.loaders import DEFAULT_NETWORKS, SIDES
from ui.stage.mode import KEYS
from ui.stage.tour import STEPS

ONE = make_stroke([(140, 40), (140, 240)])
PAGES = {
    "dashboard.py": "Draw a digit",
    "pages/1_Uncertain_digits.py": "unsure of",
    "pages/2_Train.py": "watch it learn",
    "pages/3_Evaluate.py": "be trusted",
}


@pytest.fixture(autouse=True)
def little_to_show(without_mnist: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few held-out digits, and no evaluations: the pages are quick."""
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    monkeypatch.setattr("ui.evaluate.results.find_results", lambda name: None)
    monkeypatch.setattr("ui.surveys.unseen", lambda networks: torch.arange(100))


def opened(page: str = "dashboard.py", **address: str) -> AppTest:
    """A session that starts on this page with this address."""
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.query_params.update(address)
    if page != "dashboard.py":
        app.switch_page(page)
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def address(app: AppTest) -> dict[str, str]:
    return {
        name: value[0] if isinstance(value, list) else value
        for name, value in dict(app.query_params).items()
    }


def shared(app: AppTest) -> dict[str, str]:
    return {name: text for name, text in address(app).items() if name in ("stage", "idle", "tour")}


def title(app: AppTest) -> str:
    return app.title[0].value


def click(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click()
    return checked(app.run())


def keyed(app: AppTest) -> set[str]:
    return {button.key for button in app.button}


def card(app: AppTest) -> str:
    return next((text.value for text in app.markdown if text.value.startswith("Step ")), "")


@pytest.mark.parametrize("page", PAGES)
def test_presenters_mode_is_on_every_page_and_in_its_address(page: str) -> None:
    app = opened(page, stage="on", idle="60")
    assert not [w for w in app.warning if "address" in w.value]
    assert shared(app) == {"stage": "on", "idle": "60"}
    assert address(app) == shared(app)  # the pen networks, as an empty address has them
    assert app.session_state["networks"] == DEFAULT_NETWORKS
    assert any("stHeader" in element.proto.body for element in app.get("html"))
    for other, words in PAGES.items():
        assert words in title(checked(app.switch_page(other).run()))
        assert shared(app) == {"stage": "on", "idle": "60"}
    assert shared(click(app, "leave-stage")) == {}
    assert "leave-stage" not in keyed(app)


@pytest.mark.parametrize("page", PAGES)
def test_without_it_nothing_is_enlarged_hidden_or_kept_in_the_address(page: str) -> None:
    app = opened(page)
    assert address(app) == {}
    assert not any("stHeader" in element.proto.body for element in app.get("html"))
    assert "leave-stage" not in keyed(app)
    assert shared(click(app, "enter-stage")) == {"stage": "on"}


def test_every_key_of_the_draw_page_presses_a_button_that_is_there() -> None:
    app = opened(stage="on", tour="2")
    buttons = keyed(app)
    missing = {key for key, _, press in KEYS if press and not buttons.intersection(press)}
    assert missing == {"Enter"}  # that one is asked for after `next visitor`
    assert "next" in {button.key for button in opened("pages/1_Uncertain_digits.py").button}


def test_charts_are_enlarged_in_presenters_mode_alone() -> None:
    plain, large = (
        next(iter(opened(**how).get("plotly_chart"))).proto.spec for how in ({}, {"stage": "on"})
    )
    heights = [json.loads(spec)["layout"]["height"] for spec in (plain, large)]
    assert heights[1] == pytest.approx(1.35 * heights[0])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"stage": "loud"}, "stage is 'loud', neither on nor off"),
        ({"stage": "on", "idle": "soon"}, "idle is 'soon', not a whole number of seconds"),
        ({"stage": "on", "idle": "0"}, "idle is '0'"),
        ({"stage": "on", "idle": "٣٠"}, "idle is"),
        ({"tour": "9"}, "The tour has steps 1 to 6 and no step '9'"),
        ({"tour": "abc"}, "no step 'abc'"),
        ({"tour": "0"}, "no step '0'"),
        ({"tour": "-1"}, "no step '-1'"),
    ],
)
@pytest.mark.parametrize("page", ["dashboard.py", "pages/2_Train.py"])
def test_what_is_wrong_is_said_in_one_sentence(page, wrong, told, one_sentence) -> None:
    app = opened(page, **wrong)
    (warning,) = app.warning
    assert told in warning.value
    assert one_sentence(warning.value)
    if "tour" in wrong:
        assert shared(app) == {"tour": "1"}
        assert card(app).startswith("Step 1 of 6")
        assert PAGES[STEPS[0].page] in title(app)
    else:
        assert "idle" not in address(app)
        assert PAGES[page] in title(app)
    if "tour" not in wrong or page == "dashboard.py":  # AppTest does not follow to another page
        assert not checked(app.run()).warning


def test_the_tour_leads_through_all_its_steps_and_back() -> None:
    app = click(opened(), "take-tour")
    for number, step in enumerate(STEPS, 1):
        assert card(app) == f"Step {number} of {len(STEPS)}: **{step.title}**"
        assert PAGES[step.page] in title(app)
        assert shared(app) == {"tour": str(number)}
        assert not app.warning or all("not been evaluated" in w.value for w in app.warning)
        if step.page == "dashboard.py":
            shown = app.session_state["draw"].example
            assert shown == step.address["example"]
        else:
            assert step.address.items() <= address(app).items()
        if number < len(STEPS):
            click(app, "tour-next")
    click(app, "tour-back")
    assert card(app).startswith("Step 5")
    click(click(app, "tour-next"), "tour-next")
    assert (card(app), shared(app)) == ("", {})


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_the_address_of_a_step_opens_it_from_any_page(number: int) -> None:
    step = STEPS[number - 1]
    for page in ("pages/2_Train.py", step.page):
        app = opened(page, tour=str(number))
        assert PAGES[step.page] in title(app)
        assert card(app).startswith(f"Step {number} of")
        assert app.session_state["networks"] == DEFAULT_NETWORKS


def test_a_drawing_made_on_tour_is_not_replaced_and_another_page_leads_back() -> None:
    app = opened(tour="4")
    app.session_state[f"pad{app.session_state['draw'].canvas}"] = {
        "drawing": {"raw": {"objects": [to_fabric(ONE)]}, "data": None}
    }
    checked(app.run())
    assert app.session_state["draw"].strokes == (ONE,)
    again = opened(**address(app))
    assert again.session_state["draw"].strokes == (ONE,)
    assert card(again).startswith("Step 4")
    checked(app.switch_page("pages/2_Train.py").run())
    assert card(app).startswith("Step 4")
    assert PAGES[STEPS[3].page] in title(click(app, "tour-again"))


def test_every_step_is_a_page_that_there_is_and_short() -> None:
    assert len(STEPS) == 6
    for step in STEPS:
        assert step.page in PAGES
        assert not set(step.address) & set(SIDES)
        assert len(f"{step.do} {step.see}".split()) <= 40  # three minutes for six steps


def test_the_next_visitor_finds_nothing_of_the_one_before() -> None:
    app = opened(stage="on", samples="50", right="dropout")
    app.session_state[f"pad{app.session_state['draw'].canvas}"] = {
        "drawing": {"raw": {"objects": [to_fabric(ONE)]}, "data": None}
    }
    checked(app.run())
    assert len(app.session_state["drawings"]) == 1
    assert "drawing" in address(app)
    checked(app.switch_page("pages/2_Train.py").run())
    assert "empty" not in keyed(app)
    assert "empty" in keyed(click(app, "next-visitor"))
    click(app, "empty")
    assert not app.title  # the browser's tab forgets first
    assert address(app) == {"stage": "on"}
    checked(app.switch_page("dashboard.py").run())
    assert PAGES["dashboard.py"] in title(app)
    fresh = opened(stage="on")
    assert app.session_state["draw"].strokes == fresh.session_state["draw"].strokes
    assert app.session_state["draw"].samples == fresh.session_state["draw"].samples
    assert app.session_state["networks"] == DEFAULT_NETWORKS
    assert "drawings" not in app.session_state or not app.session_state["drawings"]
    assert address(app) == {"stage": "on"}


def test_nothing_is_emptied_before_the_question_is_answered() -> None:
    app = opened(example="letter-a")
    click(app, "next-visitor")
    click(app, "keep-everything")
    assert app.session_state["draw"].example == "letter-a"
    assert "empty" not in keyed(app)


def test_the_idle_screen_begins_on_the_draw_page_with_an_empty_sheet_and_without_the_tour() -> None:
    app = opened("pages/2_Train.py", stage="on", idle="60", tour="5")
    checked(app.switch_page("pages/2_Train.py").run())
    click(app, "rest")
    assert PAGES["dashboard.py"] in title(app)
    assert app.session_state["draw"].strokes == ()
    assert shared(app) == {"stage": "on", "idle": "60"}
    before = app.session_state["draw"].canvas
    app.button(key="example-letter-a").click()
    checked(app.run())
    click(app, "rest")
    assert app.session_state["draw"].strokes == ()
    assert app.session_state["draw"].canvas > before + 1  # a fresh canvas, which draws by itself


def test_what_is_drawn_while_nobody_is_there_is_answered_but_not_kept() -> None:
    app = opened(stage="on", idle="60")
    click(app, "rest")
    kept = address(app)
    packed = [[20, 140, 40, 140, 240]]
    app.session_state[f"pad{app.session_state['draw'].canvas}"] = {
        "drawing": {"strokes": packed, "down": True, "number": 1, "moves": 0}
    }
    checked(app.run())
    assert app.session_state["draw"].strokes == (ONE,)
    assert address(app) == kept
    assert not app.session_state["drawings"] if "drawings" in app.session_state else True


def test_undo_brings_back_what_was_cleared() -> None:
    app = opened(example="letter-a")
    letter = app.session_state["draw"].strokes
    click(app, "clear")
    assert app.session_state["draw"].strokes == ()
    click(app, "undo")
    assert app.session_state["draw"].strokes == letter
    click(app, "undo")
    assert app.session_state["draw"].strokes == letter[:-1]


def test_next_example_goes_round() -> None:
    from ui.draw.examples import EXAMPLES

    app = opened(example=EXAMPLES[-2].slug)
    for expected in (EXAMPLES[-1], EXAMPLES[0], EXAMPLES[1]):
        click(app, "next-example")
        assert app.session_state["draw"].strokes == expected.strokes


@pytest.mark.parametrize(
    ("page", "state"),
    [
        ("dashboard.py", {"example": "letter-a", "open": "replay", "change": "thicken"}),
        ("dashboard.py", {"example": "two-digits", "digits": "several", "part": "2"}),
        (
            "dashboard.py",
            {"example": "letter-a", "open": "replay", "change": "morph", "into": "smiley"},
        ),
        ("pages/2_Train.py", {"tab": "images", "images": "3"}),
        ("pages/2_Train.py", {"network": "dropout", "preset": "article"}),
        ("pages/3_Evaluate.py", {"shift": "blur", "set": "noise", "digit": "7"}),
    ],
)
def test_a_link_opens_the_state_it_names_and_keeps_its_address(page, state) -> None:
    written = {"left": "dropout", "right": "bayesian", "samples": "20", **state}
    if page != "dashboard.py":
        del written["samples"]
    app = opened(page, **written)
    assert not [w for w in app.warning if "address" in w.value]
    assert address(app) == written
    for name, key in (("change", "change"), ("into", "morph_into"), ("network", "form_kind")):
        if name in state:
            assert app.session_state[key] == state[name]
    # The same link inside a session, from another page.
    other = opened("pages/1_Uncertain_digits.py")
    other.switch_page(page)
    other.query_params.update(written)
    assert address(checked(other.run())) == {
        **written,
        **dict(zip(SIDES, DEFAULT_NETWORKS, strict=True)),
    }


@pytest.mark.parametrize(
    ("page", "wrong", "told"),
    [
        ("dashboard.py", {"part": "x"}, "part must be the number of a digit"),
        ("dashboard.py", {"open": "door"}, "only replay and reminders can be opened"),
        ("dashboard.py", {"change": "colour"}, "change must be one of rotate"),
        ("pages/2_Train.py", {"tab": "x"}, "there is no tab 'x'"),
        ("pages/2_Train.py", {"images": "-1"}, "images is '-1', not a whole number from 1 up"),
        ("pages/2_Train.py", {"preset": "pen"}, "there is no preset 'pen'"),
        ("pages/2_Train.py", {"colour": "red"}, "'colour' means nothing here"),
        ("pages/3_Evaluate.py", {"shift": "x"}, "there is no shift 'x'"),
        ("pages/3_Evaluate.py", {"digit": "11"}, "there is no digit '11'"),
    ],
)
def test_a_link_to_no_state_gets_one_sentence(page, wrong, told, one_sentence) -> None:
    app = opened(page, **wrong)
    (said,) = [w.value for w in app.warning if "address" in w.value]
    assert told in said
    assert one_sentence(said)
    assert not wrong.items() & address(app).items()
