"""How long the canvases pause, by how many draw."""

import pytest

from ui.draw.pace import ALONE, LATEST, MOST, PER_WAIT, RECENT, STEP, Pace


def test_few_have_all_answers_and_each_further_one_slows_all_of_them_down() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    pauses = [pace.heard(str(k)) for k in range(ALONE + 3)]
    assert pauses == [0] * ALONE + [STEP, 2 * STEP, 3 * STEP]
    assert pace.heard("0") == 3 * STEP  # the same one again is not one more
    assert max(pace.heard(str(k)) for k in range(1_000)) == MOST


def test_whoever_stops_drawing_no_longer_counts() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    for k in range(ALONE + 3):
        pace.heard(str(k))
    now[0] = RECENT + 0.1
    assert pace.heard("0") == 0


def test_whoever_waits_for_a_turn_slows_the_live_answers_of_all_but_few() -> None:
    pace = Pace(lambda: 0.0)
    assert [pace.heard(str(k)) for k in range(ALONE + 1)][-1] == STEP
    pace.waited(0.5)
    assert pace.heard("0") == STEP + round(1_000 * PER_WAIT * LATEST * 0.5)
    for _ in range(200):
        pace.waited(0.1)
    assert pace.heard("0") == STEP + 100 * PER_WAIT
    for _ in range(200):
        pace.waited(0)
    assert pace.heard("0") == STEP
    pace.waited(1e6)
    assert pace.heard("0") == MOST


@pytest.mark.parametrize("wait", [0.0, 10.0])
def test_few_never_pause_however_long_others_made_them_wait(wait: float) -> None:
    pace = Pace(lambda: 0.0)
    pace.waited(wait)
    assert {pace.heard(str(k)) for k in range(ALONE)} == {0}
