"""How long the canvases pause, by how many draw."""

from ui.draw.pace import ALONE, MOST, RECENT, STEP, Pace


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
