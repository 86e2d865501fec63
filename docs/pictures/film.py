"""The animation of the README: half a minute of the real app, as screenshots with durations.

A screenshot does not show the pointer, so it is drawn over the frame, with a line of text below.
"""

from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE, SHRINK = (1280, 800), 0.75  # of the window, in its own pixels; of a frame to it
STRIP = 40  # pixels below a frame, for the text
POINTER = ((0, 0), (0, 19), (5, 15), (9, 23), (12, 21), (9, 14), (15, 14))
NETWORKS = "left=dropout-pen&right=bayesian-pen"  # what the pages start with
STEP = 0.14  # seconds a frame while the pen moves

# Points of the 280 x 280 sheet; a digit and a letter that a person might write.
FIVE = (
    ((176, 60), (112, 62), (106, 122), (140, 114), (180, 134), (186, 180), (158, 222), (98, 218)),
)
LETTER = (((70, 230), (104, 140), (138, 52), (172, 140), (208, 230)), ((98, 164), (182, 164)))


@dataclass
class Film:
    """Takes frames of `page`; `at` is where the pointer is, in the window's pixels."""

    page: Any
    text: str = ""
    at: tuple[float, float] | None = None
    frames: list[Image.Image] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def shoot(self, seconds: float) -> None:
        """One frame that is shown for so long; the same picture again prolongs the last one."""
        shot = Image.open(BytesIO(self.page.screenshot())).convert("RGB")
        frame = Image.new("RGB", (shot.width, shot.height + STRIP), "#16202C")
        frame.paste(shot)
        draw = ImageDraw.Draw(frame)
        draw.text(
            (frame.width / 2, shot.height + STRIP / 2),
            self.text,
            fill="white",
            font=ImageFont.load_default(19),
            anchor="mm",
        )
        if self.at is not None:
            x, y = (SHRINK * value for value in self.at)
            tip = [(x + dx, y + dy) for dx, dy in POINTER]
            draw.polygon(tip, fill="white", outline="#16202C", width=2)
        if self.frames and frame.tobytes() == self.frames[-1].tobytes():
            self.seconds[-1] += seconds
        else:
            self.frames.append(frame)
            self.seconds.append(seconds)

    def settle(self) -> None:
        """Wait until the app has answered and is at rest."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
        self.page.locator("[data-stale=true]").first.wait_for(state="detached")
        self.page.wait_for_timeout(350)

    def draw(self, strokes: tuple[tuple[tuple[float, float], ...], ...]) -> None:
        """Draw on the canvas; the app answers while the pen is down."""
        box = self.page.get_by_role("img", name="Drawing canvas").bounding_box()
        zoom = box["width"] / 280
        for stroke in strokes:
            path = [(box["x"] + zoom * x, box["y"] + zoom * y) for x, y in stroke]
            self.at = path[0]
            self.page.mouse.move(*self.at)
            self.shoot(2 * STEP)
            self.page.mouse.down()
            for (x, y), (to_x, to_y) in pairwise(path):
                for share in (0.5, 1):
                    self.at = (x + share * (to_x - x), y + share * (to_y - y))
                    self.page.mouse.move(*self.at, steps=4)
                    self.page.wait_for_timeout(400)  # a move's answer takes up to so long
                    self.shoot(STEP)
            self.page.mouse.up()
            self.settle()
            self.shoot(3 * STEP)

    def point(self, locator: Any, click: bool = False) -> None:
        """Move the pointer to the middle of an element."""
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        self.at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.move(*self.at)
        if click:
            self.shoot(4 * STEP)
            self.page.mouse.click(*self.at)
            self.settle()

    def scroll(self, heading: str, seconds: float) -> None:
        """Bring a heading of the page to the top."""
        self.at = None
        self.page.get_by_role("heading", name=heading).first.evaluate(
            "node => node.scrollIntoView({block: 'start'})"
        )
        self.page.wait_for_timeout(500)
        self.shoot(seconds)

    def save(self, file: Path) -> None:
        """As an animated WebP that repeats for ever."""
        first, *others = self.frames
        first.save(
            file,
            save_all=True,
            append_images=others,
            duration=[round(1000 * seconds) for seconds in self.seconds],
            loop=0,
            quality=72,
            method=4,
        )


def play(page: Any, address: str) -> Film:
    """A digit, a letter, the uncertain digits, the evaluation."""
    film = Film(page, "Draw a digit. Hundreds of sampled networks answer while you draw.")
    page.goto(f"{address}/?example=blank&{NETWORKS}")
    page.get_by_text("The canvas is blank").wait_for()
    film.settle()
    film.shoot(1.5)
    film.draw(FIVE)
    film.text = "Every dot is one sampled network. They agree: it is a 5."
    film.shoot(3.5)
    film.text = "Now draw something that is no digit."
    film.point(page.get_by_role("button", name="Clear", exact=True), click=True)
    page.get_by_text("The canvas is blank").wait_for()
    film.shoot(0.8)
    film.draw(LETTER)
    film.text = "The sampled networks contradict each other. The answer: I don't know."
    film.shoot(4)

    film.text = "The test images that the networks doubt most."
    film.point(page.get_by_role("link", name="Uncertain digits"), click=True)
    page.locator(".st-key-grid_wide .scatterlayer .trace").last.locator("path.point").nth(
        63
    ).wait_for(state="attached")
    film.settle()
    film.at = None
    film.shoot(3)
    points = page.locator(".st-key-grid_wide .scatterlayer .trace").last.locator("path.point")
    film.point(points.nth(12))
    film.shoot(1)
    film.point(points.nth(12), click=True)
    page.wait_for_function("new URLSearchParams(location.search).get('place') === '13'")
    film.settle()
    film.shoot(3)

    film.text = "Can the doubt be trusted? Calibration, refusing to answer, strange images."
    film.point(page.get_by_role("link", name="Evaluate"), click=True)
    page.get_by_role("heading", level=1, name="Can their doubt be trusted?").wait_for()
    page.get_by_text("Digits in use").wait_for()
    film.settle()
    film.at = None
    film.shoot(2)
    film.scroll("What if it may refuse to answer?", 3)
    film.scroll("Does it doubt what is no digit?", 3)
    return film
