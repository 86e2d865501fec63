"""The Evaluate page in a real browser: contents, contrast, and what its widgets change."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bnnlib.datasets.mnist import load_mnist
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.storage.evaluations import load_results, save_results

PICTURE = "image => image.getAttributeNS('http://www.w3.org/1999/xlink', 'href')"


@pytest.fixture(scope="module", autouse=True)
def evaluated() -> Iterator[None]:
    """Both networks in use have results; one without gets quick ones in the cache."""
    made: list[Path] = []
    for name in ("dropout-pen", "bayesian-pen"):
        try:
            missing = load_results(name) is None
        except BnnlibError:
            missing = True
        if missing:
            plan = Plan(samples=2, ood=("noise",), shifts=("rotation",), refusal=True)
            made.append(
                save_results(name, examine(load_checkpoint(name), load_mnist(), plan), beside=False)
            )
    yield
    for file in made:
        file.unlink(missing_ok=True)


def opened(page_at, **how) -> Page:
    page = page_at("/Evaluate", **how)
    expect(page.get_by_text("Digits in use")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    return page


def test_refuse_more_and_turn_another_digit(page_at) -> None:
    page = opened(page_at)
    expect(page.get_by_role("heading", level=1)).to_have_text("Can their doubt be trusted?")
    curves = page.get_by_role("figure", name=re.compile("^Risk-coverage curves"))
    expect(curves.locator(".scatterlayer .trace")).to_have_count(4)
    before = curves.get_attribute("aria-label")
    slider = page.get_by_role("slider", name=re.compile("Refuse the most uncertain"))
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(page.get_by_text(re.compile("^Refusing the 7.0"))).to_be_visible()
    expect(curves).not_to_have_attribute("aria-label", before)

    pictures = page.locator(".st-key-shift .imagelayer image")
    expect(pictures).to_have_count(13)
    upright = pictures.first.evaluate(PICTURE)
    page.get_by_role("combobox", name=re.compile("Pictured digit")).click()
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    # There is none while the figure is drawn anew.
    first = "document.querySelector('.st-key-shift .imagelayer image')"
    page.wait_for_function(f"old => {first} && ({PICTURE})({first}) !== old", arg=upright)
    expect(pictures).to_have_count(13)
    expect(
        page.get_by_text(re.compile("^Refusing the 7.0"))
    ).to_be_visible()  # the other sections stay as they were


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (1280, True), (400, False), (400, True)]
)
def test_looks_right(page_at, unreadable, width: int, dark: bool) -> None:
    page = opened(page_at, width=width, dark=dark)
    expect(page.get_by_role("figure").last.locator("svg.main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for table in page.locator("[data-testid=stMarkdownContainer] table").all():
        box = table.bounding_box()
        assert box["x"] + box["width"] <= width
    figures = page.get_by_role("figure").all()
    assert len(figures) >= 9
    assert all(len(figure.get_attribute("aria-label") or "") > 30 for figure in figures)
    # figures paint their own ground, which the check cannot see
    page.add_style_tag(content=".js-plotly-plot { visibility: hidden }")
    assert not unreadable(page)
