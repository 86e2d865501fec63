"""A real server and a real Chromium for the pages' browser tests.

    def test_something(page_at):
        page = page_at("/Train", width=400, dark=True)

`page_at` opens a page of the running dashboard and waits until it is ready. After the test it
checks that the browser's console held no error.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A script that is compiled while it arrives is not taken from the cache of compiled ones.
    "--disable-features=ScriptStreaming,BackgroundResourceFetch",
]
PATIENCE = 120_000  # milliseconds; only ever spent where something is wrong or the machine is busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the dashboard, started on a free port."""
    with started() as address:
        yield address


@contextmanager
def started() -> Iterator[str]:
    """A dashboard of one's own, killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "dashboard.py",
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                    break
            except OSError:
                assert process.poll() is None, "the dashboard ended while it was starting"
                time.sleep(0.1)
        else:
            pytest.fail("the dashboard did not start within 60 s")
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def profile(tmp_path_factory: pytest.TempPathFactory):
    """The profile of a headless Chromium, which most tests share.

    It keeps the compiled scripts: to open a page again takes half as long. Without a Chromium the
    browser tests are skipped, in CI they fail.
    """
    missing = None
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        missing = "Playwright is not installed: pip install -r requirements-dev.txt"
    if path is None:
        missing = "there is no Chromium: apt-get install chromium"
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    expect.set_options(timeout=PATIENCE)  # its own 5 s are short on a busy machine
    with sync_playwright() as playwright:
        profile = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=path, args=FLAGS
        )
        yield profile
        profile.close()


@pytest.fixture(scope="session")
def chromium(profile):
    """The browser, for tests that make contexts of their own."""
    return profile.browser


@pytest.fixture
def page_at(server: str, profile) -> Iterator[Callable]:
    """Open a page: `page_at(path="/", width=1280, height=800, dark=False, touch=False)`.

    Each is a visitor of its own. Console errors, and requests to other hosts, fail the test.
    """
    with pages_of(server, profile) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def cold_server() -> Iterator[str]:
    """A dashboard for the tests of one file, which nobody has visited before them."""
    with started() as address:
        yield address


@pytest.fixture
def cold_page_at(cold_server: str, profile) -> Iterator[Callable]:
    """The same as `page_at` on this one."""
    with pages_of(cold_server, profile) as open_page:
        yield open_page


@contextmanager
def pages_of(server: str, profile) -> Iterator[Callable]:
    """The function that opens pages of this server.

    The first visitor has the shared profile, any other one, and one with a finger, has his own.
    """
    visitors, errors = [], []

    def open_page(
        path: str = "/",
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        touch: bool = False,
    ):
        size, scheme = {"width": width, "height": height}, "dark" if dark else "light"
        if visitors or touch:
            page = profile.browser.new_page(
                viewport=size, color_scheme=scheme, has_touch=touch, is_mobile=touch
            )
        else:
            page = profile.new_page()
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
        visitors.append(page)
        page.set_default_timeout(PATIENCE)
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type == "error" and not probes(message)
                else None
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: (
                errors.append(f"asks another host: {request.url}")
                if leaves(request.url, server)
                else None
            ),
        )
        page.goto(server + path)
        settle(page)
        return page

    yield open_page
    for page in visitors:
        page.close()  # with its context, if it has its own
    forget(profile, server)
    assert not errors


def forget(profile, server: str) -> None:
    """What the pages of this server have kept in the profile."""
    session = profile.new_cdp_session(profile.pages[0])
    session.send(
        "Storage.clearDataForOrigin",
        {"origin": server, "storageTypes": "cookies,local_storage,indexeddb"},
    )
    session.detach()


def probes(message) -> bool:
    """Whether the message is a 404 of Streamlit's search for its server.

    Streamlit looks below the page's own address first.
    """
    return "/_stcore/" in message.location["url"]


def leaves(url: str, server: str) -> bool:
    """Whether a request goes to another host than the server."""
    return url.startswith(("http", "ws")) and server.partition("://")[2] not in url


def settle(page) -> None:
    """Wait until the script has run and nothing on the page is out of date."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.locator("[data-stale=true]").first.wait_for(state="detached")


@pytest.fixture
def in_the_dark():
    """Change an open page to the dark theme, and wait until its charts have followed."""
    from playwright.sync_api import expect

    def change(page) -> None:
        page.emulate_media(color_scheme="dark")
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(15, 21, 29)")
        expect(page.locator(".js-plotly-plot .xtick text").first).to_have_css(
            "fill", "rgb(232, 237, 243)"
        )
        settle(page)

    return change


UNREADABLE = """() => {
  const parse = colour => {
    const n = (colour.match(/[\\d.]+/g) || []).map(Number);
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    if (/^rgba?\\(/.test(colour)) return parse(colour);
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, under) =>
    [0, 1, 2].map(k => top[k] * top[3] + under[k] * (1 - top[3])).concat(1);
  const linear = x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  const light = c => {
    const v = c.slice(0, 3).map(x => linear(x / 255));
    return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
  };
  const background = node => {
    const layers = [], own = node.getBoundingClientRect();
    const x = own.x + own.width / 2, y = own.y + own.height / 2;
    for (let at = node; at; at = at.parentElement) {
      // Text may be outside a small element that holds it, as a slider's value is.
      const box = at.getBoundingClientRect();
      const inside = x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      if (inside || box.height > 100) layers.push(rgba(getComputedStyle(at).backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const opacity = node => {
    let o = 1;
    for (let at = node; at; at = at.parentElement) o *= +getComputedStyle(at).opacity;
    return o;
  };
  const bad = [], app = document.querySelector('[data-testid=stApp]');
  const hidden = 'script, style, noscript, [aria-hidden=true], [disabled], button:disabled';
  const walker = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || node.closest(hidden)) continue;
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    if (!box.width || !box.height || style.visibility !== 'visible') continue;
    const under = background(node), ink = rgba(node.closest('svg') ? style.fill : style.color);
    ink[3] *= opacity(node);
    if (ink[3] < 0.05) continue;  // hidden until it is pointed at
    const [a, b] = [light(over(ink, under)), light(under)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.6 && style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5))
      bad.push(`${text.slice(0, 40)} (${contrast.toFixed(1)})`);
  }
  return bad;
}"""


@pytest.fixture
def unreadable() -> Callable:
    """`unreadable(page)`: the texts whose contrast to their background is too low.

    That is below 4.5 : 1, or 3 : 1 for large letters, and stays so.
    """

    def check(page) -> list[str]:
        settle(page)
        for _ in range(20):  # new elements may still be fading in
            if not (found := page.evaluate(UNREADABLE)):
                break
            page.wait_for_timeout(250)
        return found

    return check
