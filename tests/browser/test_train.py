"""Training from the page in a real browser.

It goes on after a change of page, a closed browser, a killed server and a kill -9.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bnnlib.runs.folder import list_runs
from bnnlib.runs.run import Run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120_000  # milliseconds; only ever spent where something is wrong or the machine is busy
LENGTH = """() => {
  const plot = document.querySelector('.st-key-curves .js-plotly-plot');
  return plot && plot.data ? plot.data[0].x.length : 0;
}"""


class Server:
    """A dashboard on its own port, without the full MNIST; it can be killed and started again.

    New checkpoints go to a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.data, self.checkpoints = folder / "no-data", folder / "checkpoints"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "dashboard.py",
            "--server.port",
            str(self.port),
        ]
        self.process = subprocess.Popen(
            [*command, "--server.address", "127.0.0.1"],
            cwd=ROOT,
            env={
                **os.environ,
                "BNNLIB_DATA": str(self.data),
                "BNNLIB_CHECKPOINTS": str(self.checkpoints),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1):
                    return
            except OSError:
                assert self.process.poll() is None, "the dashboard ended while it was starting"
                time.sleep(0.1)
        pytest.fail("the dashboard did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def dashboard(own_runs: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()
    for run in list_runs(own_runs):
        if run.status.active:
            os.kill(run.status.beat.pid, signal.SIGKILL)


@pytest.fixture
def open_train(dashboard: Server, chromium) -> Iterator[Callable]:
    contexts = []

    def open_page(path: str = "/Train"):
        context = chromium.new_context(
            viewport={"width": 1280, "height": 900}, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(dashboard.address + path)
        page.get_by_role("button", name="Start training").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


def settle(page) -> None:
    """Wait until the script has run and the old elements are gone.

    For a moment old and new elements are both on the page.
    """
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-stale=true]").first.wait_for(state="detached")


def fill(page, kind: str, label: str, value: object) -> None:
    box = page.get_by_role(kind, name=label, exact=True)
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def start(page, name: str, epochs: int, images: int = 200, width: int = 16) -> None:
    """Start a small run from the form."""
    fill(page, "spinbutton", "Training images at most", images)
    fill(page, "spinbutton", "Epochs", epochs)
    page.get_by_text("All settings").click()
    fill(page, "spinbutton", "Hidden width", width)
    fill(page, "textbox", "Name", name)
    page.get_by_role("button", name="Start training").click()


def wait_for_run(page, name: str) -> None:
    """Wait until the page shows the run `name`, and nothing of the one before."""
    expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value(name)
    settle(page)


def choose_file(page, file: Path) -> None:
    """Open the box for an exported run and put `file` into it."""
    page.get_by_role("button", name="Import a run").click()
    box = page.locator("input[type=file]")
    expect(box).to_have_count(1)
    box.set_input_files(file)


def wait_for_curve(page, longer_than: int) -> int:
    page.wait_for_function(f"n => ({LENGTH})() > n", arg=longer_than)
    return page.evaluate(LENGTH)


def wait_until(what: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE / 1000
    while not what():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.1)


def test_a_run_outlives_page_browser_server_and_kill(dashboard, open_train, own_runs):
    page = open_train()
    start(
        page, "survivor", epochs=1_000, images=3_500, width=128
    )  # minutes of work: it must not end before the test
    length = wait_for_curve(page, 1)
    page.get_by_role(
        "button", name="Start training"
    ).scroll_into_view_if_needed()  # at the end of a long form
    expect(page.locator(".st-key-watched")).to_be_in_viewport(ratio=0.35)
    run = Run(own_runs / "survivor")
    pid = run.status.beat.pid
    page.get_by_text(re.compile(r"images a second · \d.* left$")).wait_for()

    page.get_by_role("link", name="Draw", exact=True).click()  # another page, and back
    page.locator("canvas[role=img]").first.wait_for()
    page.get_by_role("link", name="Train", exact=True).click()
    length = wait_for_curve(page, length)

    page.context.close()  # the browser is closed and opened again
    page = open_train("/Train?run=survivor")
    length = wait_for_curve(page, length)

    dashboard.kill()  # the server dies; the process does not
    assert run.status.state == "running"
    dashboard.start()
    page = open_train()
    length = wait_for_curve(page, length)
    assert run.status.beat.pid == pid
    expect(page.locator(".pinned > li")).to_have_count(
        10
    )  # one of each digit: nothing was drawn in this session

    os.kill(pid, signal.SIGKILL)
    page.get_by_text("The process ended without saying why").wait_for()
    kept = len(run.history())
    assert kept >= length
    page.get_by_role("button", name="Resume").click()
    wait_for_curve(page, kept)
    assert run.status.beat.pid != pid
    assert [row["epoch"] for row in run.history()] == list(range(1, len(run.history()) + 1))

    page.locator(".st-key-run_actions").get_by_role(
        "button", name="Stop", exact=True
    ).click()  # Streamlit has one too
    page.get_by_role("slider", name="Epoch").wait_for()
    assert run.status.state == "stopped"
    page.get_by_role("slider", name="Epoch").press("Home")  # scrub back to the start
    page.get_by_text("Before training").wait_for()


def test_a_finished_run_is_kept_renamed_exported_imported_and_deleted(
    dashboard, open_train, own_runs, tmp_path
):
    name = "browser-test"
    page = open_train()
    start(page, name, epochs=2)
    page.get_by_role("button", name="Keep as checkpoint").click()
    page.get_by_role("button", name="Keep it").click()
    wait_until((dashboard.checkpoints / name / "card.json").exists)
    page.get_by_role("tab", name="Networks in use").click()
    expect(page.get_by_role("combobox", name="Checkpoint")).to_have_value(
        name
    )  # and the boxes above offer it
    settle(page)
    page.get_by_role("combobox", name="Network on the left").click()
    page.get_by_role("option", name=name).click()  # at once usable
    page.locator("h2", has_text=name).first.wait_for()
    settle(page)
    page.get_by_role("tab", name="Train", exact=True).click()

    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    archive = tmp_path / "run.zip"
    download.value.save_as(archive)

    page.get_by_role("button", name="Rename", exact=True).click()
    fill(page, "textbox", "New name", "renamed")
    page.get_by_role("button", name="Rename the run").click()
    wait_until((own_runs / "renamed" / "config.json").exists)
    assert not (own_runs / name).exists()
    wait_for_run(page, "renamed")

    choose_file(page, archive)
    page.get_by_role("button", name="Import", exact=True).click()
    wait_until((own_runs / "run" / "config.json").exists)
    assert Run(own_runs / "run").history() == Run(own_runs / "renamed").history()
    wait_for_run(page, "run")

    page.keyboard.press("Escape")  # the box of Import is still open
    expect(page.locator("input[type=file]")).to_have_count(0)
    page.get_by_role("tab", name="Compare runs").click()
    page.wait_for_function(
        "() => document.querySelectorAll('.st-key-compared_curves .js-plotly-plot').length >= 3"
    )
    page.get_by_role("tab", name="Train", exact=True).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    wait_until(lambda: not (own_runs / "run").exists())
    assert (own_runs / "renamed").exists()


def test_a_hostile_zip_is_refused_on_the_page(open_train, own_runs, tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK no zip")
    page = open_train()
    choose_file(page, bad)
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("This file is no zip that can be read").wait_for()
    assert list_runs(own_runs) == []
