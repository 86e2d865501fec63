"""The page Uncertain digits in a real browser: look, click, turn pages, download, send on."""

import csv
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

ADDRESS = "/Uncertain_digits?samples=10"


def digits(page: Page, grid: str) -> Locator:
    """The points over the grid's digits, once they are all there."""
    points = page.locator(f".st-key-{grid} .scatterlayer .trace").last.locator("path.point")
    expect(points).to_have_count(64)
    return points


def click(page: Page, point: Locator) -> None:
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def columns(points: Locator) -> int:
    """How many digits share the first one's height."""
    heights = [round(points.nth(k).bounding_box()["y"]) for k in range(12)]
    return heights.count(heights[0])


def place(page: Page) -> Locator:
    return page.get_by_role("spinbutton", name=re.compile("Look closer"))


def test_choose_an_image_see_both_answers_and_send_it_to_draw(page_at) -> None:
    page = page_at(ADDRESS)
    points = digits(page, "grid_wide")
    assert columns(points) == 8
    expect(page.locator(".st-key-grid_narrow")).to_be_hidden()
    expect(page.locator("p.sentence")).to_contain_text("split the vote")

    click(page, points.nth(12))
    expect(place(page)).to_have_value("13")
    expect(page).to_have_url(re.compile(r"[?&]place=13\b"))
    answers = page.get_by_role("figure", name=re.compile("Sampled class probabilities"))
    expect(answers).to_have_attribute(
        "aria-label", re.compile(r"dropout says \d with .*bayesian says \d with ")
    )
    expect(answers.locator("svg.main-svg").first).to_be_visible()

    shown = page.get_by_text(re.compile(r"^Test image [\d,]+, really"))
    before = shown.inner_text()
    page.get_by_role("button", name="Next", exact=True).press("Enter")  # without a mouse
    expect(place(page)).to_have_value("14")
    expect(page).to_have_url(re.compile(r"[?&]place=14\b"))
    expect(shown).not_to_have_text(before)
    number = re.search(r"Test image ([\d,]*\d)", shown.inner_text())[1]

    send = page.get_by_role("button", name="Send to Draw")
    expect(send).to_have_count(1)
    send.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Draw")
    expect(page.locator("figure.seen img")).to_have_attribute(
        "alt", re.compile(f"Test image {number}, a ")
    )
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_an_address_opens_what_it_names_and_downloads_hold_it(page_at) -> None:
    page = page_at(f"{ADDRESS}&measure=predictive_entropy&true=7&place=70")
    page.locator(".st-key-grid_wide .scatterlayer").wait_for()
    expect(place(page)).to_have_value("70")
    count = int(
        re.search(r"of ([\d,]+)\)", place(page).get_attribute("aria-label"))[1].replace(",", "")
    )

    with page.expect_download() as download:
        page.get_by_role("button", name="Ranking as CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows) == count
    assert {row["label"] for row in rows} == {"7"}
    entropies = [float(row["predictive_entropy"]) for row in rows]
    assert entropies == sorted(entropies, reverse=True)
    assert all(sum(int(row[f"votes_{digit}"]) for digit in range(10)) == 10 for row in rows)

    with page.expect_download() as download:
        page.get_by_role("button", name="Grid as PNG").click()
    with Image.open(download.value.path()) as picture:
        assert picture.width > 800
    expect(place(page)).to_have_value("70")  # a download changes nothing


def test_a_phone_sees_four_digits_a_row_and_can_choose_one(page_at) -> None:
    page = page_at(ADDRESS, width=400, touch=True)
    points = digits(page, "grid_narrow")
    assert columns(points) == 4
    expect(page.locator(".st-key-grid_wide")).to_be_hidden()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 400
    left, right = points.nth(0).bounding_box(), points.nth(3).bounding_box()
    assert left["x"] >= 0
    assert right["x"] + right["width"] <= 400
    click(page, points.nth(5))
    expect(place(page)).to_have_value("6")
    expect(
        page.get_by_role("button", name="Send to Draw")
    ).to_be_in_viewport()  # the page glides to the image


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_can_be_read(page_at, unreadable, dark: bool) -> None:
    page = page_at(ADDRESS, dark=dark)
    digits(page, "grid_wide")
    assert unreadable(page) == []
