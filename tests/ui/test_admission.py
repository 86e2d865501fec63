"""The line of visitors: who is in, who waits, who is let in next."""

import pytest
from streamlit.testing.v1 import AppTest

from ui.admission import MOST, PATIENCE, USUAL, Room, places


class Hall:
    """A room whose visitors and clock the test moves."""

    def __init__(self, size: int) -> None:
        self.there: set[str] = set()
        self.now = 0.0
        self.room = Room(size, self.there.__contains__, lambda: self.now)

    def enter(self, visitor: str) -> int:
        self.there.add(visitor)
        return self.room.enter(visitor)


def test_the_first_are_in_and_the_others_wait_in_their_order() -> None:
    hall = Hall(2)
    assert [hall.enter(visitor) for visitor in "abcd"] == [0, 0, 1, 2]
    assert [hall.enter(visitor) for visitor in "dcba"] == [2, 1, 0, 0]


def test_whoever_leaves_makes_room_for_the_first_in_the_line() -> None:
    hall = Hall(1)
    assert [hall.enter(visitor) for visitor in "abc"] == [0, 1, 2]
    hall.there.remove("a")
    assert hall.enter("b") == 1  # the connection may come back
    hall.now = PATIENCE + 1
    assert hall.enter("c") == 1
    assert hall.enter("b") == 0
    assert hall.enter("a") == 2


def test_a_lost_connection_that_comes_back_keeps_its_place() -> None:
    hall = Hall(1)
    hall.enter("a"), hall.enter("b")
    hall.there.remove("a")
    hall.now = PATIENCE - 1
    hall.enter("b")
    assert hall.enter("a") == 0
    hall.now += PATIENCE - 1
    assert hall.enter("b") == 1


def test_whoever_gives_up_waiting_is_not_waited_for() -> None:
    hall = Hall(1)
    assert [hall.enter(visitor) for visitor in "abc"] == [0, 1, 2]
    hall.there.remove("b")
    hall.now = PATIENCE + 1
    assert hall.enter("c") == 1


@pytest.mark.parametrize(
    ("given", "number"),
    [("3", 3), ("0", 1), ("-5", 1), ("many", USUAL), ("", USUAL), ("99999999", MOST)],
)
def test_the_number_of_places_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, given: str, number: int
) -> None:
    monkeypatch.setenv("BNNLIB_VISITORS", given)
    assert places() == number


@pytest.mark.parametrize("page", ["dashboard.py", "pages/2_Train.py"])
def test_whoever_waits_sees_his_place_and_nothing_else_and_is_let_in_by_itself(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    app = AppTest.from_file("../../dashboard.py", default_timeout=60)
    line = 3
    monkeypatch.setattr("ui.admission._place_in_line", lambda: line)
    app.run()
    if page != "dashboard.py":
        app.switch_page(page).run()
    assert not app.exception
    assert [title.value for title in app.title] == ["One moment, please"]
    assert "Your place in the line: 3." in app.markdown[-1].value
    assert not app.button
    assert "draw" not in app.session_state
    line = 0
    app.run()
    assert not app.exception
    assert app.title[0].value != "One moment, please"
