"""A room full of people: `python -m benchmarks.crowd` prints JSON, times in seconds.

It starts the dashboard. A wave of visitors opens it within ten seconds. Then some draw a stroke
every four seconds, with live answers while the pen is down; others go from page to page; one
training runs, if asked; and real browsers, which are timed too, draw among them. Whoever has stayed
his time leaves, and another comes. At the end all leave. Visitors without a browser are sessions
over Streamlit's websocket (`benchmarks.visitor`). They and the browsers take the same processors as
the server, so the figures are on the safe side.
"""

import argparse
import asyncio
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.draw_latency import free_port, quantile_95, wait_until_healthy
from benchmarks.measure import ROOT, memory_of
from benchmarks.visitor import Visitor

WAVE, WITHIN = 40, 10.0  # openings, and the seconds in which they begin
EVERY, TAKES = 4.0, 1.0  # a stroke every so many seconds, and how long it takes
PAGES = ("Uncertain_digits", "Evaluate", "Posterior", "Method", "Train")
TARGETS = {
    "pen_up_p95": 1.0,
    "opened_within": 15.0,
    "memory_mb": "950 and 6 for each visitor",
    "memory_after": "within 5 % of the start",
    "memory_growth": "flat over 60 minutes",
    "errors": 0,
}


def stroke(chance: random.Random) -> list[int]:
    """A stroke as a person draws it, bent at random: its width, then x and y in turn."""
    turns, size = chance.uniform(0.3, 1.6), chance.uniform(50, 90)
    x, y = 140 + chance.uniform(-15, 15), 140 + chance.uniform(-15, 15)
    points: list[int] = []
    for k in range(24):
        angle = 2 * math.pi * turns * k / 23
        points += [round(x + size * math.sin(angle)), round(y - size * math.cos(angle) + 2 * k)]
    return [20, *points]


class Figures:
    """What was measured of all visitors."""

    def __init__(self) -> None:
        self.opening: list[float] = []
        self.pen_up: list[float] = []
        self.pages: list[float] = []
        self.live = 0
        self.errors: list[str] = []

    async def count(self, name: str, work: Awaitable[float]) -> None:
        """Add the seconds of this work; what goes wrong is an error."""
        try:
            getattr(self, name).append(await work)
        except Exception as error:  # every fault counts, whatever it is
            self.errors.append(f"{name}: {type(error).__name__} {error}"[:200])


async def wave(host: str, figures: Figures) -> None:
    """Many open the page in a short time, look at it, and leave."""

    async def one(k: int) -> None:
        await asyncio.sleep(WITHIN * k / WAVE)
        try:
            async with Visitor(host) as visitor:
                await figures.count("opening", visitor.open())
                figures.errors += visitor.errors
                await asyncio.sleep(5)
        except OSError as error:
            figures.errors.append(f"opening: {error}")

    await asyncio.gather(*(one(k) for k in range(WAVE)))


Visit = Callable[[str, float, random.Random, Figures], Awaitable[None]]


async def one_after_the_other(
    visit: Visit, host: str, until: float, stay: float, seed: int, figures: Figures
) -> None:
    """Visits until the end, each for about `stay` seconds."""
    chance = random.Random(seed)
    while (now := time.monotonic()) < until:
        await visit(host, min(until, now + stay * chance.uniform(0.5, 1.5)), chance, figures)


async def draws(host: str, until: float, chance: random.Random, figures: Figures) -> None:
    """Draw a stroke every four seconds; after three, on an empty sheet."""
    async with Visitor(host, query="example=blank") as visitor:
        await asyncio.sleep(chance.uniform(0, EVERY))
        await figures.count("opening", visitor.open())
        strokes: list[list[int]] = []
        while time.monotonic() < until:
            began = time.monotonic()
            strokes = [*strokes[-2:], stroke(chance)]
            await figures.count("pen_up", visitor.draw(strokes, TAKES))
            await asyncio.sleep(max(0.0, EVERY - (time.monotonic() - began)))
        figures.live += visitor.live
        figures.errors += visitor.errors


async def browses(host: str, until: float, chance: random.Random, figures: Figures) -> None:
    """Go from page to page, ten seconds on each."""
    async with Visitor(host) as visitor:
        await figures.count("opening", visitor.open())
        while time.monotonic() < until:
            await figures.count("pages", visitor.go(chance.choice(PAGES)))
            await asyncio.sleep(10)
        figures.errors += visitor.errors


async def watch(server: psutil.Process, until: float) -> list[int]:
    """The server's memory at the end of every minute, in MB."""
    found = []
    while (left := until - time.monotonic()) > 0:
        await asyncio.sleep(min(60.0, left))
        found.append(memory(server))
    return found


def growth(minutes: list[int]) -> float | None:
    """By how much the last ten minutes' median is above that of minutes 5 to 15, in %."""
    if len(minutes) < 30:
        return None
    early, late = statistics.median(minutes[5:15]), statistics.median(minutes[-10:])
    return round(100 * (late / early - 1), 1)


def summary(values: list[float]) -> dict[str, float]:
    """Median, 95 % quantile and largest of times."""
    if len(values) < 2:
        return {"number": len(values)}
    return {
        "number": len(values),
        "median": round(statistics.median(values), 3),
        "p95": quantile_95(values),
        "most": round(max(values), 3),
    }


def browser(address: str, strokes: int) -> list[float]:
    """A real browser's seconds from pen up to the new chart; it runs in a process of its own."""
    from playwright.sync_api import sync_playwright

    from benchmarks.draw_latency import CHROMIUM_FLAGS, PAD
    from benchmarks.draw_latency import stroke as real_stroke

    times = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.goto(f"{address}/?example=blank")
        page.locator(PAD).wait_for()
        for k in range(strokes):
            times.append(real_stroke(page, k))
            page.wait_for_timeout(1_000 * (EVERY - 1))
        chromium.close()
    return times


async def room(host: str, server: psutil.Process, options: argparse.Namespace) -> dict[str, Any]:
    """The whole evening."""
    async with Visitor(host) as first:
        await first.open()
        for page in (*PAGES, ""):
            await first.go(page)
    alone, opened = memory(server), Figures()
    began = processor(server)
    await wave(host, opened)
    openings = (processor(server) - began) / WAVE
    crowd, until = Figures(), time.monotonic() + options.seconds
    browsers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.crowd", "--browser", f"http://{host}"),
            *("--strokes", str(max(2, int(options.seconds / 6)))),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(options.browsers)
    ]
    began = processor(server)
    visits = [draws] * options.drawing + [browses] * options.browsing
    work = [
        one_after_the_other(visit, host, until, options.stay, k, crowd)
        for k, visit in enumerate(visits)
    ]
    watching = asyncio.create_task(watch(server, until))
    ended = await asyncio.gather(*work, return_exceptions=True)
    crowd.errors += [repr(one) for one in ended if isinstance(one, BaseException)]
    busy, most = processor(server) - began, memory(server)
    real: list[float] = []
    for process in browsers:
        out, _ = await process.communicate()
        real += json.loads(out or b"[]")
    await asyncio.sleep(60 * options.after)
    return {
        "wave": {"openings": summary(opened.opening), "errors": opened.errors},
        "opening": summary(crowd.opening),
        "pen_up": summary(crowd.pen_up),
        "pen_up_in_browsers": summary(real),
        "live_answers_a_stroke": round(crowd.live / max(1, len(crowd.pen_up)), 1),
        "pages": summary(crowd.pages),
        "errors": crowd.errors,
        "processor_seconds": {
            "an_opening": round(openings, 3),
            "a_stroke_with_its_live_answers": round(busy / max(1, len(crowd.pen_up)), 3),
        },
        "memory_mb": {"alone": alone, "with_the_crowd": most, "after": memory(server)},
        "memory_mb_by_minute": await watching,
        "memory_growth_percent": growth(await watching),
    }


def memory(server: psutil.Process) -> int:
    return round((memory_of(server.pid) or 0) / 1e6)


def processor(server: psutil.Process) -> float:
    """Seconds of a core that the server has taken."""
    times = server.cpu_times()
    return times.user + times.system


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--drawing", type=int, default=30, help="visitors who draw (30)")
    parser.add_argument("--browsing", type=int, default=0, help="visitors who browse (0)")
    parser.add_argument("--browsers", type=int, default=2, help="real browsers that draw (2)")
    parser.add_argument("--seconds", type=float, default=60, help="how long they draw (60)")
    parser.add_argument("--minutes", type=float, help="the same in minutes: 60 for a soak")
    parser.add_argument("--stay", type=float, default=180, help="seconds of a visit, about (180)")
    parser.add_argument("--after", type=float, default=1, help="minutes of rest at the end (1)")
    parser.add_argument("--train", action="store_true", help="train a network meanwhile")
    parser.add_argument("--browser", help=argparse.SUPPRESS)
    parser.add_argument("--strokes", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.browser:
        print(json.dumps(browser(options.browser, options.strokes)))
        return 0
    if options.minutes:
        options.seconds = 60 * options.minutes
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    environment = {**os.environ, "BNNLIB_VISITORS": "200"}
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        training = None
        try:
            wait_until_healthy(port)
            if options.train:
                training = train(Path(folder))
            load = os.getloadavg()[0]
            found = asyncio.run(room(f"127.0.0.1:{port}", psutil.Process(server.pid), options))
        finally:
            for process in (training, server):
                if process is not None:
                    process.terminate()
                    process.wait(timeout=20)
    print(json.dumps({**found, "load_before": round(load, 1), "targets": TARGETS}, indent=1))
    return 0


def train(folder: Path) -> "subprocess.Popen[bytes]":
    """A training as the Train page starts it, at low priority."""
    command = [sys.executable, "-m", "bnnlib", "train", "bayesian", "--preset", "quick"]
    return subprocess.Popen(
        ["nice", "-n", "10", *command, "--epochs", "500", "--out", str(folder / "one")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
