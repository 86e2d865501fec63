"""Does drawing stay quick while another visitor trains?

`python -m benchmarks.draw_while_training` prints JSON, times in seconds. One browser watches a
Bayesian network of full size train, another draws. The wait from pen up to the new chart should
stay under a second.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.draw_latency import (
    CHROMIUM_FLAGS,
    PAD,
    STROKES,
    free_port,
    stroke,
    wait_until_healthy,
)
from benchmarks.measure import ROOT
from bnnlib.runs import queue
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.run import Run
from bnnlib.training.config import replace
from bnnlib.training.presets import preset

TARGET = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.draw_while_training", description=__doc__
    )
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
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BNNLIB_RUNS"] = folder
        network, training = preset("bayesian")
        run = create_run(Path(folder) / "busy", RunConfig(network, replace(training, epochs=1_000)))
        queue.start(run)
        try:
            report = measure(options.chromium, run, options.strokes)
        finally:
            if run.status.active:
                queue.stop(run)
            while run.status.active:
                time.sleep(0.2)
    print(json.dumps(report))
    return 0


def measure(chromium: str, run: Run, strokes: int) -> dict:
    """Latencies of the one who draws, while the other watches `run` train."""
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
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_until_healthy(port)
            watching = browser.new_context().new_page()
            watching.goto(f"http://localhost:{port}/Train")
            watching.get_by_text("images a second").wait_for(timeout=120_000)
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(f"http://localhost:{port}")
            page.locator(PAD).wait_for(timeout=60_000)
            page.wait_for_timeout(3_000)
            latencies = []
            for k in range(strokes):
                if k % 5 == 0:
                    page.get_by_role("button", name="Clear", exact=True).click()
                    page.get_by_text("The canvas is blank").first.wait_for()
                    # the new canvas takes the old one's place, more slowly beside a training
                    page.wait_for_timeout(2_500)
                    page.locator(PAD).wait_for()
                latencies.append(stroke(page, k))
            beat = run.status.beat
        finally:
            server.terminate()
            server.wait(timeout=20)
            browser.close()
    return {
        "pen_up_median": round(statistics.median(latencies), 3),
        "pen_up_p95": round(statistics.quantiles(latencies, n=20, method="inclusive")[-1], 3),
        "pen_up_max": round(max(latencies), 3),
        "strokes": strokes,
        "training_images_per_second": beat
        and beat.images_per_second
        and round(beat.images_per_second),
        "load": [round(value, 1) for value in os.getloadavg()],
        "target": TARGET,
    }


if __name__ == "__main__":
    sys.exit(main())
