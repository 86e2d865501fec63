"""Kill -9 of Chromium while it draws and while it trains: the server and the training go on."""

import contextlib
import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Error, Page, sync_playwright

from benchmarks.draw_latency import CHROMIUM_FLAGS, PAD
from benchmarks.kills.dashboard import Dashboard
from benchmarks.kills.server import train
from benchmarks.kills.whole import Tally, end_trainings, moment, same, torn, wait_for
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.runs.run import Run

PATIENCE = 120_000  # milliseconds; only ever spent where something is wrong
STROKES = 6
DRAWING, TRAINING = 4.0, 3.0  # seconds in which the kill comes


def kill_browsers(moments: int, seed: int, folder: Path) -> Tally:
    """Kill a browser at so many moments, while it draws and while it trains in turn."""
    dice, tally = random.Random(seed), Tally("browser")
    runs, checkpoints = folder / "runs", folder / "checkpoints"
    dashboard = Dashboard(runs, checkpoints)
    straight: Run | None = None
    back = 0
    try:
        dashboard.start()
        for k in range(moments):
            if k % 2 == 0:
                faults, drawn = killed_drawing(dashboard, dice)
                stage, back = "while it draws", back + drawn
            else:
                faults, stage = killed_training(dashboard, dice, f"run{k}"), "while it trains"
                for run in list_runs(runs):
                    wait_for(lambda run=run: not run.status.active)  # type: ignore[misc]
                    if straight is None:
                        straight = create_run(folder / "never-killed", run.config, run.pinned())
                        train(straight)
                    if not same(run.state(), straight.state()):
                        faults.append(f"{run.name} is not to the bit what it is without a kill")
            tally.count(stage, faults + torn(runs, checkpoints))
    finally:
        dashboard.kill()
        end_trainings(runs)
    tally.notes.append(f"{back} had drawn before, and the address brought it back")
    tally.notes.append(f"{len(list_runs(runs))} trainings had been started, and went on to the end")
    return tally


def killed_drawing(dashboard: Dashboard, dice: random.Random) -> tuple[list[str], bool]:
    """Kill it between the first stroke and the last; the last address brings the drawing back.

    Returns what is wrong, and whether something had been drawn.
    """
    with opened(f"http://{dashboard.host}/?example=blank") as page, contextlib.suppress(Error):
        page.locator(PAD).wait_for()
        address = page.url
        kill_later(moment(dice, DRAWING))
        for k in range(STROKES):
            box = page.locator(PAD).bounding_box()
            assert box is not None
            x, y = box["x"] + 60 + 25 * k, box["y"] + 60
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 20, y + 150, steps=20)
            page.mouse.up()
            page.wait_for_timeout(500)
            address = page.url
        page.wait_for_timeout(1_000 * DRAWING)
    with opened(address) as page:
        page.locator(PAD).wait_for()
        page.wait_for_timeout(500)
        asked, shown = (where.partition("drawing=")[2] for where in (address, page.url))
        faults = errors(page)
        if asked != shown:
            faults.append(f"the drawing {asked!r} came back as {shown!r}")
        if not dashboard.lives:
            faults.append("the server has ended")
    return faults, bool(asked)


def killed_training(dashboard: Dashboard, dice: random.Random, name: str) -> list[str]:
    """Kill it after the button was pressed; another browser sees the run, if there is one."""
    with opened(f"http://{dashboard.host}/Train") as page, contextlib.suppress(Error):
        page.get_by_role("button", name="Start training").wait_for()
        page.get_by_text("All settings").click()
        for label, value in (
            ("Epochs", 30),
            ("Training images at most", 400),
            ("Hidden width", 32),
        ):
            fill(page, "spinbutton", label, str(value))
        fill(page, "textbox", "Name", name)
        kill_later(moment(dice, TRAINING))
        page.get_by_role("button", name="Start training").click()
        page.wait_for_timeout(2_000 * TRAINING)
    runs = Path(dashboard.folders["BNNLIB_RUNS"])
    began = [run.name for run in list_runs(runs)]
    with opened(f"http://{dashboard.host}/Train") as page:
        page.get_by_role("button", name="Start training").wait_for()
        faults = errors(page)
        if began:
            page.get_by_role("combobox", name="Run", exact=True).wait_for()
            shown = page.get_by_role("combobox", name="Run", exact=True).input_value()
            if shown != began[0]:
                faults.append(f"{shown!r} is shown, not {began[0]!r}")
        if not dashboard.lives:
            faults.append("the server has ended")
    return faults


def fill(page: Page, kind: str, label: str, value: str) -> None:
    box = page.get_by_role(kind, name=label, exact=True)  # type: ignore[arg-type]
    box.fill(value)
    box.press("Enter")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-stale=true]").first.wait_for(state="detached")


def errors(page: Page) -> list[str]:
    """The exceptions that the page shows."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    return [
        f"the page says: {one[:200]}"
        for one in page.get_by_test_id("stException").all_inner_texts()
    ]


@contextlib.contextmanager
def opened(address: str) -> Iterator[Page]:
    """A page in a Chromium of its own, which may be dead at the end."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        yield page
        if chromium.is_connected():
            with contextlib.suppress(Error):
                chromium.close()


def kill_later(seconds: float) -> None:
    """Kill -9 the process group of the browser that this process started."""
    group = browser_group()
    threading.Timer(seconds, lambda: os.killpg(group, signal.SIGKILL)).start()


def browser_group() -> int:
    """Playwright starts the browser in a process group of its own."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            group = os.getpgid(process.pid)
            if "chromium" in words and "--headless" in words and group != os.getpgid(0):
                return group
    raise RuntimeError("No browser was started by this process.")
