"""Ratios with their ranges, and how the table shows them."""

import pytest

from benchmarks.measure import Times, interleaved, middle
from benchmarks.section import Section
from benchmarks.sections import SECTIONS
from benchmarks.table import markdown


def test_a_ratio_is_that_of_the_medians_and_its_range_that_of_the_rounds() -> None:
    ours = Times((1.0, 2.0, 4.0, 2.0, 2.0))
    theirs = Times((10.0, 10.0, 10.0, 30.0, 20.0))
    # round by round: 10, 5, 2.5, 15, 10; a tenth of the way between the outermost two at each end
    median, low, high = theirs.over(ours)
    assert median == 10.0 / 2.0
    assert low == pytest.approx(2.5 + 0.4 * 2.5)
    assert high == pytest.approx(15 - 0.4 * 5)


def test_the_middle_leaves_a_tenth_out_at_each_end() -> None:
    assert middle([float(k) for k in range(11)]) == (1.0, 9.0)
    assert middle([3.0]) == (3.0, 3.0)


def test_ratios_of_other_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Times((1.0, 2.0)).over(Times((1.0,)))


def test_every_task_runs_once_in_every_round_after_two_that_do_not_count() -> None:
    ran: list[str] = []
    tasks = {name: lambda name=name: ran.append(name) for name in "ab"}
    times = interleaved(tasks, 3)
    assert ran == ["a", "b"] * 5
    assert [len(t.seconds) for t in times.values()] == [3, 3]


def test_the_table_shows_a_headline_with_its_range() -> None:
    row = {"": "ours", "times ours": 1.0}
    section = Section("Step", [row], ["A note."], {"peer / ours": [114.2, 46.04, 120.0]})
    text = markdown({"cpu": "some"}, [section], ["pages: no browser"])
    assert "| peer / ours | 114 (46.04 to 120) |" in text
    assert "| ours | 1 |" in text
    assert "- A note." in text
    assert "- pages: no browser" in text


def test_the_sections_are_there() -> None:
    assert {"step", "stock", "sampling", "accuracy", "pages"} <= SECTIONS.keys()
