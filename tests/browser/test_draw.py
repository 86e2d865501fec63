"""The Draw screen in a real browser: mouse, touch, keyboard, the address, the two themes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from bnnlib.drawing.codec import from_text

SENTENCE = ".sentence"


def drawn(page) -> list:
    """The strokes in the address."""
    text = page.evaluate("new URLSearchParams(location.search).get('drawing')")
    return from_text(text) if text else []


def wait_for_strokes(page, count: int) -> None:
    page.wait_for_function(
        """count => {
          const d = new URLSearchParams(location.search).get('drawing');
          return (d ? d.split('.').length : 0) === count;
        }""",
        arg=count,
    )


def canvas(page):
    pad = page.get_by_role("img", name="Drawing canvas")
    expect(pad).to_have_count(1)
    return pad


@contextmanager
def fresh_canvas(page) -> Iterator[None]:
    """Wait until what is done within has replaced the canvas by a fresh one."""
    canvas(page)
    old = page.locator("[class*=st-key-pad]").evaluate(
        "node => [...node.classList].find(name => name.startsWith('st-key-pad'))"
    )
    yield
    expect(page.locator(f".{old}")).to_have_count(0)
    canvas(page)


def on_screen(page, *points) -> list[tuple[float, float]]:
    """Points of the sheet, 280 wide, where they are on the screen."""
    pad = canvas(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    zoom = box["width"] / 280
    return [(box["x"] + zoom * x, box["y"] + zoom * y) for x, y in points]


def begin(page, *points) -> None:
    """Draw a stroke and keep the pen down."""
    path = on_screen(page, *points)
    page.mouse.move(*path[0])
    page.mouse.down()
    for point in path[1:]:
        page.mouse.move(*point, steps=6)


def stroke(page, *points) -> None:
    begin(page, *points)
    page.mouse.up()


class Finger:
    """A touch on the canvas through the browser's own protocol."""

    def __init__(self, page) -> None:
        self.page, self.session = page, page.context.new_cdp_session(page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [
            {"x": x, "y": y, "id": number}
            for number, (x, y) in enumerate(on_screen(self.page, *points) if points else ())
        ]
        self.session.send(
            "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches}
        )


def clear(page) -> None:
    with fresh_canvas(page):
        page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_text("The canvas is blank").wait_for()
    page.wait_for_function("new URLSearchParams(location.search).get('example') === 'blank'")


def networks(page) -> list[str]:
    """Those that answer, the left one first."""
    cards = page.locator(".verdict")
    expect(cards).to_have_count(2)
    return cards.evaluate_all("all => all.map(card => card.getAttribute('aria-label'))")


def dots(page, other_than: str = "") -> str:
    """The sampled answers in the figure, as soon as there are any that are not `other_than`."""
    return page.wait_for_function(
        """old => {
          const paths = document.querySelectorAll('.js-plotly-plot .shapelayer path');
          const now = [...paths].map(p => p.getAttribute('d')).join();
          return now !== old && now;
        }""",
        arg=other_than,
    ).json_value()


def test_opens_answered_and_every_stroke_changes_the_answer(page_at):
    page = page_at()
    assert page.locator(SENTENCE).inner_text().endswith(".")
    assert len(page.locator(".verdict .digit").all_inner_texts()) == 2
    canvas(page)
    picture = page.locator(".seen img").get_attribute("src")
    before = dots(page)
    clear(page)
    blank = dots(page, other_than=before)
    stroke(page, (140, 40), (140, 240))
    wait_for_strokes(page, 1)
    expect(page.locator(".seen img")).not_to_have_attribute("src", picture)
    page.locator(SENTENCE, has_text="1").wait_for()
    one = dots(page, other_than=blank)
    stroke(page, (90, 60), (190, 60))
    wait_for_strokes(page, 2)
    dots(page, other_than=one)
    assert abs(drawn(page)[0].points[0][0] - 140) <= 2
    assert page.get_by_test_id("stException").count() == 0


def test_undo_takes_back_one_stroke_and_drawing_goes_on(page_at):
    page = page_at()
    clear(page)
    stroke(page, (60, 60), (60, 220))
    wait_for_strokes(page, 1)
    stroke(page, (200, 60), (200, 220))
    wait_for_strokes(page, 2)
    with fresh_canvas(page):
        page.get_by_role("button", name="Undo").click()
    wait_for_strokes(page, 1)
    assert drawn(page)[0].points[0][0] < 100
    stroke(page, (140, 60), (140, 220))
    wait_for_strokes(page, 2)
    assert 100 < drawn(page)[1].points[0][0] < 180


def test_strokes_that_start_in_the_top_right_corner_survive(page_at):
    page = page_at()
    clear(page)
    page.mouse.move(5, 5)
    for k, start in enumerate([(275, 6), (250, 20), (200, 12), (160, 8)]):
        stroke(page, start, (120 - 20 * k, 200))
        wait_for_strokes(page, k + 1)
        page.mouse.move(5, 5)


def test_quick_strokes_are_all_kept(page_at):
    page = page_at()
    clear(page)
    for k in range(6):
        stroke(page, (30 + 40 * k, 40), (30 + 40 * k, 240))
        page.wait_for_timeout(120 * (k % 3))
    wait_for_strokes(page, 6)
    assert page.get_by_test_id("stException").count() == 0


def test_touch_draws_on_a_phone_without_scrolling_it(page_at):
    page = page_at(width=400, height=800, touch=True)
    with fresh_canvas(page):
        page.get_by_role("button", name="Clear", exact=True).tap()
    page.get_by_text("The canvas is blank").wait_for()
    pad = canvas(page)
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400
    finger = Finger(page)
    # The second begins in the corner where a bin once lay.
    for number, (x, y) in enumerate([(140, 30), (276, 4)]):
        finger.send("Start", (x, y))
        for k in range(1, 10):
            finger.send("Move", (x - 10 * k, y + 20 * k))
        finger.send("End")
        wait_for_strokes(page, number + 1)
    assert pad.bounding_box()["y"] == box["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_example_is_chosen_by_keyboard(page_at):
    page = page_at()
    before = page.locator(SENTENCE).inner_text()
    page.get_by_role("button", name="Scribble").focus()
    with fresh_canvas(page):
        page.keyboard.press("Enter")
    page.wait_for_function("new URLSearchParams(location.search).get('example') === 'scribble'")
    expect(page.locator(SENTENCE)).not_to_have_text(before)
    page.get_by_role("button", name="Two digits").focus()
    page.keyboard.press("Space")
    page.wait_for_function("new URLSearchParams(location.search).get('example') === 'two-digits'")


def test_the_address_brings_back_the_drawing_and_the_settings(page_at):
    page = page_at("/?samples=50&threshold=90&seed=7&right=dropout")
    clear(page)
    stroke(page, (90, 60), (200, 60), (120, 240))
    wait_for_strokes(page, 1)
    page.locator(SENTENCE).filter(has_not_text="blank").wait_for()
    said, address = page.locator(SENTENCE).inner_text(), page.evaluate("location.search")
    again = page_at("/" + address)
    assert again.locator(SENTENCE).inner_text() == said
    assert again.evaluate("location.search") == address
    assert again.get_by_role("slider", name="Sampled networks").input_value() == "50"


def test_back_takes_back_a_stroke(page_at):
    page = page_at()
    clear(page)
    stroke(page, (60, 60), (60, 220))
    wait_for_strokes(page, 1)
    stroke(page, (200, 60), (200, 220))
    wait_for_strokes(page, 2)
    page.go_back()
    wait_for_strokes(page, 1)
    page.wait_for_timeout(800)
    assert len(drawn(page)) == 1


def test_the_drawing_waits_while_another_page_is_visited(page_at):
    page = page_at()
    clear(page)
    stroke(page, (140, 40), (140, 240))
    wait_for_strokes(page, 1)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    page.get_by_role("heading", level=1).filter(has_not_text="Draw a digit").wait_for()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Draw").click()
    wait_for_strokes(page, 1)
    stroke(page, (60, 140), (220, 140))
    wait_for_strokes(page, 2)


def test_a_wrong_address_gets_a_sentence_and_a_working_page(page_at):
    page = page_at("/?samples=many&colour=red")
    warning = page.get_by_role("alert")
    assert "samples must be" in warning.inner_text()
    assert "'colour' means nothing here" in warning.inner_text()
    stroke(page, (140, 40), (140, 240))
    wait_for_strokes(page, 2 + 1)  # the opening example has two


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_text_is_readable(page_at, unreadable, dark, width):
    page = page_at("/?example=1-or-7", width=width, dark=dark)
    page.locator(".js-plotly-plot .shapelayer path").first.wait_for(state="attached")
    page.get_by_text("The same as numbers").click()
    page.get_by_role("table").wait_for()
    assert unreadable(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_chart_follows_a_change_of_theme_and_the_drawing_stays(page_at, unreadable):
    page = page_at()
    clear(page)
    stroke(page, (140, 40), (140, 240))
    wait_for_strokes(page, 1)
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".js-plotly-plot .xtick text").first).to_have_css(
        "fill", "rgb(232, 237, 243)"
    )
    assert unreadable(page) == []
    stroke(page, (60, 140), (220, 140))
    wait_for_strokes(page, 2)


def test_the_canvas_the_verdict_and_the_chart_are_above_the_fold(page_at):
    page = page_at()
    canvas(page)
    for part in ("canvas.pad", ".verdict", ".js-plotly-plot .shapelayer path"):
        page.locator(part).first.wait_for(state="attached")
    for part in ("canvas.pad", ".verdict", ".js-plotly-plot"):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= 800, part


# The canvas that covers the chart while the pen is down; hidden otherwise.
LIVE = """document.querySelector('.st-key-live-chart .stBidiComponent [data-testid]')
  ?.shadowRoot?.querySelector('canvas')"""
MOVES = """document.querySelector('.st-key-sheet .stBidiComponent [data-testid]')
  .shadowRoot.querySelector('canvas').pad.moves"""


def live_dots(page, other_than: str = "") -> str:
    """The sampled answers that are painted while the pen is down."""
    return page.wait_for_function(
        f"""old => {{
          const live = {LIVE}, shapes = live?.chart?.figure?.layout.shapes ?? [];
          const now = !live?.hidden && shapes.map(one => one.path).join();
          return now !== old && now;
        }}""",
        arg=other_than,
    ).json_value()


def test_the_answer_moves_while_the_pen_is_down_and_the_address_waits(page_at):
    page = page_at()
    clear(page)
    before, address = dots(page), page.evaluate("location.search")
    begin(page, (90, 60), (190, 60))
    page.locator(SENTENCE).filter(has_not_text="blank").wait_for()
    bar = live_dots(page)
    begin_more = on_screen(page, (120, 240))[0]
    page.mouse.move(*begin_more, steps=8)
    live_dots(page, other_than=bar)
    assert page.evaluate("location.search") == address
    assert page.locator(".verdict").first.get_by_text("of 100").count() == 1
    assert dots(page) == before
    page.mouse.up()
    wait_for_strokes(page, 1)
    page.locator(".verdict").first.get_by_text("of 200").wait_for()
    dots(page, other_than=before)
    page.wait_for_function(f"{LIVE}.hidden")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_is_painted_while_the_pen_is_down_looks_like_plotlys_chart(page_at, dark):
    page = page_at("/?example=blank&samples=100", dark=dark)
    box = page.locator(".st-key-answers-figure").bounding_box()

    def picture() -> np.ndarray:
        shot = Image.open(io.BytesIO(page.screenshot(clip=box))).convert("L")
        return np.asarray(shot, dtype=float)

    blank = picture()
    begin(page, (90, 60), (190, 60), (120, 240))
    page.wait_for_function(f"{LIVE}?.dataset.moves == {MOVES}")
    live = picture()
    page.mouse.up()
    page.wait_for_function(f"{LIVE}.hidden")
    charted = picture()
    assert different(live, charted) < different(blank, charted) / 10


def different(one: np.ndarray, other: np.ndarray) -> float:
    """The share of pixels of one picture that have no like within a pixel in the other."""
    near = [np.roll(other, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    return float((np.min([np.abs(one - shifted) for shifted in near], axis=0) > 50).mean())


def test_a_stroke_may_leave_the_canvas_and_come_back(page_at):
    page = page_at()
    clear(page)
    begin(page, (140, 60), (400, 100), (400, 180), (140, 240))
    page.mouse.up()
    wait_for_strokes(page, 1)
    (one,) = drawn(page)
    assert max(x for x, _ in one.points) > 350
    assert abs(one.points[-1][0] - 140) <= 2


def test_a_second_finger_draws_nothing_and_a_cancelled_touch_is_kept(page_at):
    page = page_at(width=400, height=800, touch=True)
    with fresh_canvas(page):
        page.get_by_role("button", name="Clear", exact=True).tap()
    page.get_by_text("The canvas is blank").wait_for()
    finger = Finger(page)
    finger.send("Start", (80, 60))
    finger.send("Move", (80, 120))
    finger.send("Start", (80, 120), (200, 60))
    finger.send("Move", (80, 200), (200, 200))
    finger.send("End")
    wait_for_strokes(page, 1)
    assert all(x < 100 for x, _ in drawn(page)[0].points)
    finger.send("Start", (200, 60))
    finger.send("Move", (200, 160))
    finger.send("Cancel")
    wait_for_strokes(page, 2)
    assert all(x > 180 for x, _ in drawn(page)[1].points)


def test_the_sheet_grows_with_its_room_and_keeps_its_drawing(page_at):
    page = page_at(width=1900, height=1000)
    clear(page)
    stroke(page, (60, 60), (220, 220))
    wait_for_strokes(page, 1)
    large = canvas(page).bounding_box()["width"]
    ink = """canvas => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let white = 0;
      for (let k = 0; k < data.length; k += 4) white += data[k] > 127;
      return white / (canvas.width * canvas.height);
    }"""
    share = canvas(page).evaluate(ink)
    page.set_viewport_size({"width": 700, "height": 600})
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    expect(canvas(page)).not_to_have_css("width", f"{large}px")
    small = canvas(page).bounding_box()["width"]
    assert 280 <= small < large <= 600
    page.wait_for_timeout(300)
    assert canvas(page).evaluate(ink) == pytest.approx(share, rel=0.05)
    stroke(page, (220, 60), (60, 220))
    wait_for_strokes(page, 2)
    assert drawn(page)[1].points == ((220, 60), (60, 220))


def test_a_stroke_is_kept_when_another_page_is_opened_at_once(page_at):
    page = page_at()
    clear(page)
    link = page.get_by_test_id("stSidebar").get_by_role("link", name="Train")
    link.wait_for()
    stroke(page, (140, 40), (140, 240))
    link.click()
    page.get_by_role("heading", level=1).filter(has_not_text="Draw a digit").wait_for()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Draw").click()
    wait_for_strokes(page, 1)


def test_a_reload_keeps_the_drawing_and_the_networks(page_at):
    page = page_at()
    assert networks(page) == ["dropout-pen", "bayesian-pen"]
    clear(page)
    stroke(page, (140, 40), (140, 240))
    wait_for_strokes(page, 1)
    assert "left=dropout-pen&right=bayesian-pen" in page.evaluate("location.search")
    page.reload()
    stroke(page, (60, 140), (220, 140))
    wait_for_strokes(page, 2)
    assert networks(page) == ["dropout-pen", "bayesian-pen"]


def test_an_address_without_networks_shows_the_former_ones(page_at):
    page = page_at("/?example=clear-3")
    assert networks(page) == ["dropout", "bayesian"]
    page.wait_for_function("new URLSearchParams(location.search).get('right') === 'bayesian'")
    page.reload()
    page.locator(SENTENCE).wait_for()
    assert networks(page) == ["dropout", "bayesian"]


def test_the_drawings_of_the_visit_outlive_a_reload(page_at):
    page = page_at("/")
    with fresh_canvas(page):
        page.get_by_role("button", name="Clear", exact=True).click()
    stroke(page, (90, 60), (150, 50), (180, 90), (110, 220), (200, 220))
    wait_for_strokes(page, 1)
    with fresh_canvas(page):
        page.get_by_role("button", name="Clear", exact=True).click()
    stroke(page, (140, 50), (140, 230))
    page.wait_for_function(
        "JSON.parse(sessionStorage.getItem('drawings-of-the-visit'))?.entries.length === 2"
    )
    page.reload()
    canvas(page)
    page.get_by_text("This visit: your drawings").click()
    expect(page.locator("[class*=st-key-thumb-]")).to_have_count(2)
