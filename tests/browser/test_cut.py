"""A connection that is cut every few seconds, as a bad network does it: nothing drawn is lost."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

EVERY = 3.0  # seconds between two cuts
CUTS = 2


class Relay:
    """Passes bytes between the browser and the server; `cut` ends all connections at once."""

    def __init__(self, port: int) -> None:
        self.target, self.cuts = ("127.0.0.1", port), 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near = self._listener.accept()[0]
                far = socket.create_connection(self.target)
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        with self._lock:
            self._open.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def cut(self) -> None:
        self.cuts += 1
        for end in list(self._open):
            self._end(end)

    def close(self) -> None:
        self._listener.close()
        self.cut()


@pytest.fixture
def relay(server: str) -> Iterator[Relay]:
    relay = Relay(int(server.rpartition(":")[2]))
    yield relay
    relay.close()


# While the page is made anew after a cut, there is none.
PAD = (
    "document.querySelector('.st-key-sheet .stBidiComponent [data-testid]')"
    "?.shadowRoot?.querySelector('canvas')?.pad"
)
# Whether every chart knows the last move of the pen.
ANSWERED = f"""() => Math.min(...[...document.querySelectorAll('.js-plotly-plot')]
  .map(chart => chart.layout?.meta?.moves ?? -1)) >= {PAD}?.moves"""


def test_a_drawing_goes_on_through_cuts(relay: Relay, chromium) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"http://127.0.0.1:{relay.port}/?example=blank")
    pad = page.locator("canvas[role=img]")
    pad.wait_for()
    page.get_by_text("The canvas is blank").first.wait_for()
    box = pad.bounding_box()
    next_cut, strokes = time.monotonic() + EVERY, 0
    while relay.cuts < CUTS:
        page.wait_for_function(f"Boolean({PAD})")  # as a person, who sees that there is no sheet
        x = box["x"] + 120 + 6 * strokes
        page.mouse.move(x, box["y"] + 60)
        page.mouse.down()
        for y in range(60, 220, 8):
            page.mouse.move(x + y / 10, box["y"] + y)
            page.wait_for_timeout(20)
            if time.monotonic() > next_cut:  # in the middle of a stroke
                relay.cut()
                next_cut += EVERY
        page.mouse.up()
        strokes += 1
        page.wait_for_timeout(500)
    page.wait_for_function(ANSWERED)
    # The address comes after the charts, at the end of the run.
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    assert page.evaluate(f"{PAD}.strokes.length") == strokes
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    page.reload()  # and the address holds them, too
    pad.wait_for()
    page.wait_for_function(f"{PAD}?.strokes.length === {strokes}")
    context.close()
