"""The Posterior page in a real browser: a deep link, the pruning slider, a phone."""

import re

from playwright.sync_api import expect


def test_a_deep_link_opens_its_state_and_the_slider_moves_the_finding(page_at) -> None:
    page = page_at("/Posterior?network=bayesian-t1&pruned=95&show=sigma")
    expect(page.get_by_text(re.compile("^With all its weights"))).to_contain_text("without 95")
    expect(page.locator(".unit img")).to_have_count(9)
    expect(page.locator("table.ten tbody tr")).to_have_count(12)
    slider = page.get_by_role("slider", name=re.compile("Share of the weights"))
    slider.focus()
    slider.press("ArrowRight")
    expect(page.get_by_text(re.compile("^With all its weights"))).to_contain_text("without 97")
    page.wait_for_url(re.compile("pruned=97"))


def test_fits_a_phone_and_can_be_read(page_at, unreadable, in_the_dark) -> None:
    page = page_at("/Posterior?network=bayesian-t1", width=400)
    page.locator("table.ten tbody tr").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert unreadable(page) == []
    in_the_dark(page)
    assert unreadable(page) == []
