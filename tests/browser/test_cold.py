"""Every page's deep link, on a server where nobody has visited that page yet."""

import re

import pytest
from playwright.sync_api import expect

# The address of a state, and how one sees that the page is in it.
LINKS = {
    "/?example=clear-3&samples=100": (".verdict", "of 100"),
    "/Uncertain_digits?samples=10&true=4&place=2": ("[data-testid=stMain]", "really a 4"),
    "/Train?tab=networks": ("[data-testid=stMain]", "Two networks answer side by side"),
    "/Evaluate?refused=2.5": ("[data-testid=stMain]", "Refusing the 2.5"),
    "/Posterior?network=bayesian-t1&pruned=98": ("[data-testid=stMain]", "without 98"),
    "/Method?digit=7&run=0.01&epoch=5&points=line": ("[data-testid=stMain]", "In epoch 5"),
}


@pytest.mark.parametrize("link", LINKS)
def test_a_deep_link_opens_its_state(cold_page_at, link: str) -> None:
    where, words = LINKS[link]
    page = cold_page_at(link)
    expect(page.locator(where).first).to_contain_text(words)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_text(re.compile("was not understood"))).to_have_count(0)
    for parameter in link.partition("?")[2].split("&"):
        assert parameter in page.url
