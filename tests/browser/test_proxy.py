"""Two replicas behind nginx with the project's own configuration, below a base path.

nginx is started as Debian packages it. The page's host is a name, as it is in use.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = """daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  log_format served "$uri $upstream_addr $cookie_replica";
  access_log {folder}/access.log served;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/site.conf;
}}
"""


class Site:
    """The proxy and its replicas."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.folder, self.ports = folder, ports[1:]
        self.address = f"http://digits.localhost:{ports[0]}"
        self.direct = f"http://127.0.0.1:{ports[0]}"  # Python does not know names of localhost
        self.replicas: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, replica: int) -> None:
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
        options = {
            "server.port": self.ports[replica - 1],
            "server.address": "127.0.0.1",
            "server.baseUrlPath": "digits",
        }
        self.replicas[replica] = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            cwd=ROOT,
            env={**os.environ, "STREAMLIT_SERVER_COOKIE_SECRET": "the same for both"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, replica: int) -> None:
        self.replicas[replica].send_signal(signal.SIGKILL)
        self.replicas[replica].wait()

    def served(self) -> list[tuple[str, str, str]]:
        """Of every request so far: its path, the replica's port, the cookie it came with."""
        lines = (self.folder / "access.log").read_text().splitlines()
        found = (re.fullmatch(r"(\S+) (?:.*:)?(\d+|-) (\S+)", line) for line in lines)
        return [match.groups() for match in found if match]  # type: ignore[misc]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """nginx in front of two replicas, all on free ports of this machine."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        missing = "there is no nginx: apt-get install nginx-light"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    made = Site(folder, ports)
    text = (ROOT / "deploy" / "nginx.conf").read_text().replace("listen 8080", f"listen {ports[0]}")
    for k, port in enumerate(made.ports, start=1):
        text = text.replace(f"replica-{k}:8501", f"127.0.0.1:{port}")
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(WRAPPER.format(folder=folder))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    proxy = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for replica in (1, 2):
            made.start(replica)
        for port in made.ports:
            wait_for(f"http://127.0.0.1:{port}/digits/_stcore/health")
        wait_for(f"{made.direct}/digits/_stcore/health")
        yield made
    finally:
        proxy.terminate()
        proxy.wait()
        for process in made.replicas.values():
            process.kill()
            process.wait()


def wait_for(address: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=1) as answer:
                assert answer.read().strip() == b"ok"
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{address} does not answer")


def get(address: str, cookie: str = "") -> tuple[int, Message]:
    """Status and headers of an answer; redirections are not followed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments):
            return None

    request = urllib.request.Request(address, headers={"Cookie": cookie} if cookie else {})
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=10) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def replica_in(headers: Message) -> str:
    """The replica that the proxy's cookie names."""
    cookies = "\n".join(headers.get_all("Set-Cookie", []))
    named = re.search(r"^replica=([12]); Path=/digits; HttpOnly; SameSite=Lax$", cookies, re.M)
    assert named, cookies
    return named[1]


def open_at(site: Site, chromium, path: str) -> Page:
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(120_000)
    page.goto(site.address + path)
    return page


def test_the_root_leads_below_and_the_metrics_stay_inside(site: Site) -> None:
    status, headers = get(f"{site.direct}/")
    assert (status, headers["Location"]) == (302, f"{site.direct}/digits/")
    assert get(f"{site.direct}/digits/_stcore/health")[0] == 200
    assert get(f"{site.direct}/digits/_stcore/metrics")[0] == 404
    assert get(f"{site.direct}/elsewhere")[0] == 404


def test_the_cookie_names_the_replica_and_keeps_to_it(site: Site) -> None:
    for replica in (1, 2):
        own = str(site.ports[replica - 1])
        for _ in range(30):  # a replica that was slow to start is left alone for five seconds
            get(f"{site.direct}/digits/_stcore/health", f"replica={replica}")
            if site.served()[-1][1] == own:
                break
            time.sleep(0.5)
        before = len(site.served())
        for _ in range(8):
            _, headers = get(f"{site.direct}/digits/_stcore/health", f"replica={replica}")
            assert replica_in(headers) == str(replica)
        ports = {port for _, port, _ in site.served()[before:]}
        assert ports == {own}
    fresh = {replica_in(get(f"{site.direct}/digits/")[1]) for _ in range(40)}
    assert fresh == {"1", "2"}  # one in 2 ** 39 is unlucky


def test_deep_links_uploads_and_websockets_work_and_a_dead_replica_loses_no_drawing(
    site: Site, chromium, tmp_path: Path
) -> None:
    page = open_at(site, chromium, "/digits/?example=blank")
    page.get_by_text("The canvas is blank").wait_for()
    pad = page.get_by_role("img", name="Drawing canvas")
    box = pad.bounding_box()
    assert box is not None
    x, y, side = box["x"], box["y"], box["width"]
    page.mouse.move(x + 0.5 * side, y + 0.2 * side)
    page.mouse.down()
    page.mouse.move(x + 0.5 * side, y + 0.8 * side, steps=8)
    page.mouse.up()
    expect(page.locator(".sentence")).to_contain_text("1")
    page.wait_for_function("new URLSearchParams(location.search).has('drawing')")
    drawing = page.evaluate("new URLSearchParams(location.search).get('drawing')")
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    replica = int(cookies["replica"])
    sockets = [port for path, port, _ in site.served() if path.endswith("/_stcore/stream")]
    assert set(sockets) <= {str(site.ports[replica - 1])}

    site.kill(replica)
    page.reload()
    expect(page.locator(".sentence")).to_contain_text("1")
    assert page.evaluate("new URLSearchParams(location.search).get('drawing')") == drawing
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()

    digit = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(digit).line([(100, 30), (100, 170)], fill=0, width=14)
    digit.save(tmp_path / "one.png")
    page.get_by_text("From a picture").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "one.png")
    expect(page.locator(".seen figcaption")).to_contain_text("From your picture")

    page.goto(f"{site.address}/digits/Uncertain_digits?samples=10&mistakes=true")
    expect(page.get_by_text(re.compile("^Nos. 1 to"))).to_be_visible()
    page.get_by_test_id("stSidebar").get_by_role("link", name="Draw").click()
    page.wait_for_url(re.compile(r"/digits/?(\?|$)"))
    expect(page.locator(".seen img")).to_be_visible()
    page.context.close()
