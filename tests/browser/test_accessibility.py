"""axe-core finds nothing on any page, in both themes. It comes with axe-playwright-python."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Pages in a state that shows much; the others open with their bare address.
RICH = {"Uncertain_digits": "?samples=10", "Train": "?tab=networks"}
NAMES = sorted(path.stem.partition("_")[2] for path in (ROOT / "pages").glob("[0-9]_*.py"))
PAGES = [
    "/?example=two-digits",
    "/?stage=on&tour=4",
    *(f"/{name}{RICH.get(name, '')}" for name in NAMES),
]
VIOLATIONS = {"resultTypes": ["violations"]}  # what passes is not listed, which is quicker


@pytest.fixture(scope="module")
def axe():
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing = "axe-playwright-python is not installed: pip install -r requirements-dev.txt"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return Axe()


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(page_at, axe, in_the_dark, path: str) -> None:
    page = page_at(path)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    found = axe.run(page, options=VIOLATIONS)
    assert not found.violations_count, found.generate_report()
    in_the_dark(page)
    found = axe.run(page, options=VIOLATIONS)
    assert not found.violations_count, found.generate_report()
