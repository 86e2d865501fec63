"""Make the README's pictures from the real app: `make pictures`, under three minutes.

A picture of every page that `ui/page.py` names, light and dark, and the animation (`film.py`). The
README's gallery is written anew, so a new page is taken along. Headless Chromium and the full MNIST
are needed; without MNIST the pictures show the embedded digits.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.draw_latency import free_port, wait_until_healthy
from docs.pictures.film import NETWORKS, SHRINK, SIZE, play

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
README = ROOT / "README.md"
MADE_BY, END = "<!-- made by: make pictures -->", "<!-- end of the pictures -->"
PATIENCE = 60_000  # milliseconds
# The state that a page is shown in; others open with their bare address.
STATES = {"Draw": f"?example=4-or-9&{NETWORKS}"}
# A training to watch on the page Train: a real one, short.
TRAINING = ["train", "bayesian", "--preset", "quick", "--epochs", "6", "--images", "5000"]


def known_pages() -> list[tuple[str, str]]:
    """Name and path in the address of every page that there is, in the sidebar's order."""
    text = (ROOT / "ui" / "page.py").read_text(encoding="utf-8")
    block = re.search(r"^PAGES = \((.*?)^\)", text, re.DOTALL | re.MULTILINE)
    assert block, "ui/page.py has no PAGES"
    found = re.findall(r'\("([\w/.]+)", "([^"]+)",', block[1])
    return [
        (name, "" if file == "dashboard.py" else Path(file).stem.partition("_")[2])
        for file, name in found
        if (ROOT / file).is_file()
    ]


def picture_file(name: str, dark: bool) -> Path:
    """Where the picture of a page is."""
    return HERE / f"{name.lower().replace(' ', '-')}{'-dark' if dark else ''}.webp"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of the dashboard on a free port, with training runs of its own in `folder`."""
    environment = {**os.environ, "BNNLIB_RUNS": str(folder)}
    port = free_port()
    run, kept = folder / "quick-bayesian", folder.parent / "kept"
    subprocess.run(
        [sys.executable, "-m", "bnnlib", *TRAINING, "--run", str(run), "--out", str(kept)],
        cwd=ROOT,
        env={**environment, "OMP_NUM_THREADS": "1"},  # threads of a busy machine wait for another
        check=True,
        capture_output=True,
    )
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless=true"]
    place = ["--server.address=127.0.0.1", f"--server.port={port}"]
    process = subprocess.Popen(
        [*command, *place],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_healthy(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def window(browser: Any, shrink: float) -> Iterator[Any]:
    """A page of a fresh browser context, still: nothing moves by itself."""
    context = browser.new_context(
        viewport={"width": SIZE[0], "height": SIZE[1]},
        device_scale_factor=shrink,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()


def photograph(page: Any, address: str, name: str) -> None:
    """A page in both themes, once it is complete and at rest."""
    page.goto(address)
    page.get_by_role("heading", level=1).first.wait_for()
    page.locator(".js-plotly-plot .main-svg, [data-testid=stImage] img").first.wait_for()
    for dark in (False, True):
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        for _ in range(3):  # a fragment may follow the page, and the page follows the theme
            page.wait_for_timeout(600)
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
            page.locator("[data-stale=true]").first.wait_for(state="detached")
        file, shot = picture_file(name, dark), Image.open(BytesIO(page.screenshot()))
        shot.convert("RGB").save(file, quality=80, method=6)
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB", flush=True)


def gallery(pages: list[tuple[str, str]]) -> None:
    """Write the README's gallery anew: two pictures a row, each of the reader's theme."""
    cells = []
    for name, _ in pages:
        light, dark = (picture_file(name, dark).relative_to(ROOT) for dark in (False, True))
        cells.append(
            f'<td width="50%"><picture><source media="(prefers-color-scheme: dark)" '
            f'srcset="{dark}"><img src="{light}" alt="The page {name}"></picture></td>'
        )
    rows = ["<tr>\n" + "\n".join(cells[k : k + 2]) + "\n</tr>" for k in range(0, len(cells), 2)]
    text = README.read_text(encoding="utf-8")
    before, after = text.split(MADE_BY)[0], text.split(END)[1]
    table = "\n".join([MADE_BY, "<table>", *rows, "</table>", END])
    README.write_text(before + table + after, encoding="utf-8")


def main() -> None:
    """All pictures, the animation, the gallery."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no Chromium: apt-get install chromium")
    pages = known_pages()
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder) / "runs") as address,
        sync_playwright() as playwright,
    ):
        flags = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for name, path in pages:
            with window(browser, 1) as page:
                photograph(page, f"{address}/{path}{STATES.get(name, '')}", name)
        with window(browser, SHRINK) as page:
            film = play(page, address)
        film.save(HERE / "tour.webp")
        browser.close()
    size = (HERE / "tour.webp").stat().st_size / 1000
    print(f"tour.webp: {sum(film.seconds):.0f} s, {len(film.frames)} frames, {size:.0f} kB")
    gallery(pages)


if __name__ == "__main__":
    main()
