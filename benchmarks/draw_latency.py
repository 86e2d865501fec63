"""How long a visitor waits: for the first screen, while the pen draws, and after pen up.

`python -m benchmarks.draw_latency` starts the dashboard, drives it with headless Chromium and
prints JSON, times in seconds. Then it opens the other pages and measures the server's memory.
While the pen draws, every move counts: from its event to the frame after the first chart that knows
it. The page asks for the next answer only when the last one is there, so a move waits for two.
"""

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import ROOT, memory_of

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TARGETS = {
    "first_screen": 6.0,
    "mid_stroke_median": 0.15,
    "mid_stroke_p95": 0.3,
    "pen_up_p95": 0.45,
    "server_memory_mb": 950,
}
STROKES = 30
SLOW_STROKES, SLOW = 8, 2.0  # strokes followed move by move, and how many seconds each takes
PAD = "canvas[role=img]"
OTHER_PAGES = ("Uncertain digits", "Train", "Evaluate", "Posterior", "Method")

# The new chart counts when a frame has been painted with it: every chart in sight knows the last
# move of the stroke (see FOLLOW). All times are the page's own.
WATCH = """() => {
  const pad = document.querySelector('.st-key-sheet .stBidiComponent [data-testid]')
    .shadowRoot.querySelector('canvas').pad;
  const seen = chart => chart.getBoundingClientRect().height > 0
    && getComputedStyle(chart).visibility === 'visible' && chart.querySelector('.shapelayer path');
  window.penUp = null; window.newChart = null;
  document.addEventListener('pointerup', () => { window.penUp = performance.now(); },
    { once: true, capture: true });
  const look = () => {
    const known = [...document.querySelectorAll('.js-plotly-plot')].filter(seen)
      .map(chart => chart.layout?.meta?.moves ?? -1);
    if (window.penUp !== null && known.length && Math.min(...known) >= pad.moves)
      requestAnimationFrame(() => { window.newChart = performance.now(); });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

# Every move of the pen with its time, and when a chart that knows it was painted. The pad counts
# the moves; the live chart says how many of them its drawing has.
FOLLOW = """() => {
  const pad = document.querySelector('.st-key-sheet .stBidiComponent [data-testid]')
    .shadowRoot.querySelector('canvas').pad;
  const moves = window.penMoves = [], charts = window.penCharts = [];
  const heard = event => moves.push([pad.moves, event.timeStamp]);
  document.addEventListener('pointermove', heard);
  document.addEventListener('pointerup', () => {
    document.removeEventListener('pointermove', heard);
  }, { once: true });
  window.penFollows = true;
  const live = () => document.querySelector('.st-key-live-chart .stBidiComponent [data-testid]')
    ?.shadowRoot?.querySelector('canvas');
  let last = -1;
  const look = () => {
    const least = live()?.clientHeight ? Number(live().dataset.moves) : -1;
    if (least > last) {
      last = least;
      requestAnimationFrame(() => charts.push([least, performance.now()]));
    }
    if (window.penFollows) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""

# Wait until nothing on the page has changed for half a second. Whatever changes later is then an
# answer to what is done later.
CALM = """() => new Promise(resolve => {
  let timer = setTimeout(done, 500);
  const observer = new MutationObserver(() => {
    clearTimeout(timer); timer = setTimeout(done, 500);
  });
  function done() { observer.disconnect(); resolve(); }
  observer.observe(document.querySelector('[data-testid=stMain]'),
    { childList: true, subtree: true, attributes: true });
})"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(port: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(
                f"http://localhost:{port}/_stcore/health", timeout=1
            ) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise SystemExit(f"The dashboard did not start within {seconds:.0f} s.")


def stroke(page: Page, k: int) -> float:
    """Draw the `k`-th stroke; returns the seconds from pen up to the new chart."""
    box = page.locator(PAD).bounding_box()
    assert box is not None
    page.evaluate(CALM)
    page.evaluate(WATCH)
    # Near the middle: side by side, strokes would be several digits.
    x, y = box["x"] + 130 + 50 * ((k * 0.618) % 1), box["y"] + 30
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40 * math.sin(k), y + 120, steps=6)
    page.mouse.move(x + 20 * math.cos(k), y + 215, steps=6)
    page.mouse.up()
    page.wait_for_function("window.newChart !== null", timeout=20_000)
    return page.evaluate("(window.newChart - window.penUp) / 1000")


def slow_stroke(page: Page, k: int) -> list[float]:
    """Draw a stroke as fast as a person does; returns each move's seconds to a chart with it."""
    box = page.locator(PAD).bounding_box()
    assert box is not None
    page.evaluate(CALM)
    page.evaluate(FOLLOW)
    side = box["width"]
    page.mouse.move(box["x"] + side * 0.5, box["y"] + side * 0.15)
    page.mouse.down()
    start = time.monotonic()
    while (t := (time.monotonic() - start) / SLOW) < 1:
        angle = (2 + 0.3 * k) * math.pi * t
        page.mouse.move(
            box["x"] + side * (0.5 + 0.3 * math.sin(angle)),
            box["y"] + side * (0.5 - (0.35 - 0.1 * t) * math.cos(angle)),
        )
        page.wait_for_timeout(12)
    page.wait_for_function(  # with the pen at rest and still down
        "window.penCharts.at(-1)?.[0] >= window.penMoves.at(-1)[0]", timeout=20_000
    )
    moves, charts = page.evaluate("[window.penMoves, window.penCharts]")
    page.mouse.up()
    page.evaluate("window.penFollows = false")
    return [
        (next(painted for count, painted in charts if count >= move) - when) / 1000
        for move, when in moves
    ]


def quantile_95(values: list[float]) -> float:
    return round(statistics.quantiles(values, n=20, method="inclusive")[-1], 3)


def open_pages(page: Page) -> None:
    """Visit the other pages as a person would, each until nothing on it changes any more."""
    for name in OTHER_PAGES:
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        page.wait_for_url(f"**/{name.replace(' ', '_')}*")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(
            timeout=120_000
        )
        page.evaluate(CALM)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.draw_latency", description=__doc__)
    parser.add_argument(
        "--chromium", default=shutil.which("chromium") or "chromium", help="the browser to drive"
    )
    parser.add_argument(
        "--strokes",
        type=int,
        default=STROKES,
        help=f"how many strokes are timed (default {STROKES})",
    )
    options = parser.parse_args()
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.monotonic()  # the browser is a person's: it is running already
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_healthy(port)
            healthy = time.monotonic() - start
            page.goto(f"http://localhost:{port}")
            page.locator(".js-plotly-plot .scatterlayer path").first.wait_for(
                state="attached", timeout=60_000
            )
            first_screen = time.monotonic() - start
            page.locator(PAD).wait_for(timeout=60_000)
            page.wait_for_timeout(1_500)
            latencies = []
            for k in range(options.strokes):
                if k % 5 == 0:
                    page.get_by_role("button", name="Clear", exact=True).click()
                    page.get_by_text("The canvas is blank").first.wait_for()
                    page.wait_for_timeout(1_000)
                    page.locator(PAD).wait_for()
                latencies.append(stroke(page, k))
            follows = []
            for k in range(SLOW_STROKES):
                page.get_by_role("button", name="Clear", exact=True).click()
                page.get_by_text("The canvas is blank").first.wait_for()
                page.locator(PAD).wait_for()
                follows += slow_stroke(page, k)
            open_pages(page)
            memory = memory_of(server.pid)
        finally:
            server.terminate()
            server.wait(timeout=20)
            browser.close()
    print(
        json.dumps(
            {
                "server_healthy": round(healthy, 2),
                "first_screen": round(first_screen, 2),
                "pen_up_median": round(statistics.median(latencies), 3),
                "pen_up_p95": quantile_95(latencies),
                "mid_stroke_median": round(statistics.median(follows), 3),
                "mid_stroke_p95": quantile_95(follows),
                "mid_stroke_moves": len(follows),
                "server_memory_mb": memory and round(memory / 1e6),
                "strokes": options.strokes,
                "load": [round(value, 1) for value in os.getloadavg()],
                "targets": TARGETS,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
