"""The Method page in a real browser: a deep link, a slider in one section, the graph, a phone."""

import re

from playwright.sync_api import expect


def test_a_deep_link_opens_its_state_and_one_section_moves_alone(page_at) -> None:
    page = page_at("/Method?digit=7&width=0&run=0.01&epoch=5")
    expect(page.get_by_text(re.compile("all answers are the same"))).to_be_visible()
    expect(page.get_by_text(re.compile("In epoch 5 the misfit is"))).to_be_visible()
    slider = page.get_by_role("slider", name=re.compile("Width of all"))
    slider.focus()
    slider.press("ArrowRight")
    expect(page.get_by_text(re.compile("With 0.25 times its width"))).to_be_visible()
    page.wait_for_url(re.compile("width=0.25"))
    expect(page.get_by_test_id("stGraphVizChart").locator("svg")).to_contain_text("logits")


def test_fits_a_phone_and_can_be_read(page_at, unreadable, in_the_dark) -> None:
    page = page_at("/Method", width=400)
    page.get_by_test_id("stGraphVizChart").locator("svg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert unreadable(page) == []
    in_the_dark(page)
    assert unreadable(page) == []
