"""A photograph, and two digits, on the Draw screen in a real browser."""

import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from benchmarks.photographs import photograph

THREE = [
    [
        (92, 78),
        (128, 52),
        (176, 66),
        (180, 106),
        (132, 132),
        (186, 160),
        (190, 208),
        (142, 236),
        (88, 212),
    ]
]


def test_a_photograph_is_read_step_by_step_and_answered(
    page_at, unreadable, tmp_path: Path
) -> None:
    colours = photograph("shadow", [np.array(line, dtype=float) for line in THREE], 1)
    Image.fromarray((colours * 255).astype(np.uint8)).save(tmp_path / "three.jpg")
    page = page_at("/?samples=20", width=400, height=900)
    page.get_by_text("From a picture").click()
    expect(page.locator("video")).to_have_count(0)  # no camera that nobody asked for
    page.locator("input[type=file]").set_input_files(tmp_path / "three.jpg")
    expect(page.locator(".steps img")).to_have_count(5)
    expect(page.locator(".sentence")).to_contain_text("3")
    expect(page.locator(".seen figcaption")).to_contain_text("From your picture")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert not unreadable(page)
    page.wait_for_function("new URLSearchParams(location.search).has('picture')")


def test_the_example_of_two_digits_shows_two_answers(page_at, unreadable) -> None:
    page = page_at("/?example=two-digits&samples=20", dark=True)
    expect(page.locator(".sentence")).to_have_text("Two digits: 4 and 2.")
    expect(page.locator(".parts li")).to_have_count(2)
    for place, digit in enumerate("42"):
        answers = page.locator(".parts li").nth(place).locator("b")
        expect(answers).to_have_text([re.compile(digit)] * 2)
    assert not unreadable(page)
