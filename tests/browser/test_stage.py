"""Presenter's mode, the tour, the idle screen and the next visitor, in a real browser."""

import re

from playwright.sync_api import Page, expect

BLANK = "The canvas is blank"


def pad(page: Page):
    sheet = page.get_by_role("img", name="Drawing canvas")
    expect(sheet).to_have_count(1)
    return sheet


def stroke(page: Page) -> None:
    box = pad(page).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, y + 40)
    page.mouse.down()
    page.mouse.move(x, y + box["height"] - 40, steps=6)
    page.mouse.up()


def hints(page: Page):
    """The hints of the keys: once they are there, the keys work."""
    line = page.get_by_text("next example", exact=True).first
    expect(line).to_be_visible()
    return line


def wait_for(page: Page, name: str, value: str | None) -> None:
    """Wait for this value of a parameter in the address."""
    page.wait_for_function(
        "([name, value]) => new URLSearchParams(location.search).get(name) === value",
        arg=[name, value],
    )


def test_the_keys_of_presenters_mode(page_at) -> None:
    page = page_at("/?stage=on&example=letter-a")
    pad(page)
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    line = hints(page)
    page.keyboard.press("n")
    wait_for(page, "example", "smiley")
    expect(line).to_be_hidden()
    page.get_by_role("combobox", name=re.compile("Network left")).focus()
    page.keyboard.type("x")  # in a field it is a letter
    page.keyboard.press("Escape")  # and this closes the list
    page.locator("h1").click()
    page.keyboard.press("x")
    page.get_by_text(BLANK).wait_for()
    page.keyboard.press("z")
    wait_for(page, "example", "smiley")
    page.keyboard.press("d")
    wait_for(page, "seed", "1")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("full screen")
    page.keyboard.press("x")  # nothing happens behind the help
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    wait_for(page, "example", "smiley")
    page.keyboard.press("3")
    page.get_by_role("heading", level=1, name=re.compile("watch it learn")).wait_for()
    wait_for(page, "stage", "on")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    wait_for(page, "stage", None)


def test_a_newcomer_goes_on_tour(page_at) -> None:
    page = page_at(width=400, height=800)
    page.goto(page.url + "?tour=3")
    card = page.locator(".st-key-tour")
    expect(card).to_contain_text("Step 3 of 6")
    wait_for(page, "example", "letter-a")
    box = card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400
    assert box["y"] + box["height"] <= 800
    for step in (4, 5):
        card.get_by_role("button", name="Next").click()
        expect(card).to_contain_text(f"Step {step} of 6")
    page.get_by_role("heading", level=1, name=re.compile("unsure of")).wait_for()
    wait_for(page, "tour", "5")
    card.get_by_role("button", name="Leave").click()
    expect(card).to_have_count(0)
    wait_for(page, "tour", None)


def test_the_idle_screen_draws_by_itself_until_a_key_is_pressed(page_at) -> None:
    page = page_at("/?stage=on&idle=2")
    page.wait_for_function("window.idling === true")
    expect(page.get_by_text("Your turn")).to_be_visible()
    # It draws, and the networks answer as they do while a pen is down.
    page.locator(".verdict").first.get_by_text("of 100").wait_for()
    wait_for(page, "drawing", None)  # nothing of it is kept
    page.keyboard.press("n")
    page.get_by_text(BLANK).wait_for()
    expect(page.get_by_text("Your turn")).to_be_hidden()
    assert not page.evaluate("window.idling")
    wait_for(page, "example", "blank")  # the key only ended the idle screen
    stroke(page)
    page.wait_for_function("new URLSearchParams(location.search).get('drawing')")


def test_the_next_visitor_finds_an_empty_tab(page_at) -> None:
    page = page_at("/?stage=on&samples=50")
    hints(page)
    page.keyboard.press("x")
    page.get_by_text(BLANK).wait_for()
    stroke(page)
    page.wait_for_function("sessionStorage.getItem('drawings-of-the-visit')")
    page.keyboard.press("v")
    page.get_by_role("dialog").get_by_text("Empty everything").wait_for()
    page.keyboard.press("Enter")
    wait_for(page, "drawing", None)
    wait_for(page, "samples", None)
    wait_for(page, "stage", "on")
    pad(page)
    page.wait_for_function("sessionStorage.getItem('drawings-of-the-visit') === null")
    page.locator(".verdict").first.get_by_text("of 200").wait_for()
