"""The README's pictures: one of every page in each theme, the animation, small files.

To renew them: make pictures.
"""

import re

from PIL import Image

from docs.pictures.film import SHRINK, SIZE
from docs.pictures.make import HERE, README, ROOT, known_pages, picture_file
from ui.page import PAGES

MEGABYTE = 1_000_000


def test_the_pages_are_those_of_the_sidebar() -> None:
    there = [label for path, label, _ in PAGES if (ROOT / path).is_file()]
    assert [name for name, _ in known_pages()] == there
    assert ("Uncertain digits", "Uncertain_digits") in known_pages()


def test_every_page_has_a_picture_in_each_theme_and_the_readme_shows_it() -> None:
    shown = set(re.findall(r'src(?:set)?="([^"]+)"', README.read_text(encoding="utf-8")))
    wanted = {picture_file(name, dark) for name, _ in known_pages() for dark in (False, True)}
    assert {ROOT / name for name in shown} == wanted
    for file in wanted:
        with Image.open(file) as picture:
            assert picture.size == SIZE


def test_the_animation_lasts_half_a_minute() -> None:
    seconds = 0.0
    with Image.open(HERE / "tour.webp") as film:
        assert 800 <= film.width <= 1000
        assert film.width == SIZE[0] * SHRINK
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            seconds += film.info["duration"] / 1000
    assert 25 < seconds < 40


def test_the_pictures_are_small() -> None:
    sizes = {file.name: file.stat().st_size for file in HERE.glob("*.webp")}
    assert sizes["tour.webp"] < 3 * MEGABYTE
    assert sum(sizes.values()) < 4 * MEGABYTE
