"""What the Draw screen keeps in a session, and how the address holds the part to share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from torch import Tensor

from bnnlib.drawing.codec import MAX_IMAGES, from_text, images_from_text, images_to_text, to_text
from bnnlib.drawing.replay import CHANGES
from bnnlib.drawing.strokes import Stroke, drawn_image
from bnnlib.errors import BnnlibError
from ui.address import means_nothing, not_understood, own_parameters, whole_number, write_parameters
from ui.draw.examples import BY_SLUG, EXAMPLES
from ui.draw.picture import Picture
from ui.loaders import named_networks
from ui.stage.mode import RESTING

SAMPLES, SEED, PEN = 200, 0, 20
PARAMETERS = (
    "left",
    "right",
    "samples",
    "threshold",
    "seed",
    "example",
    "drawing",
    "picture",
    "digits",
    "part",
    "open",
    "change",
    "into",
)
OPEN_PARTS = ("replay", "reminders")  # of those below the answers, the ones that can be shared
CHANGE, INTO = "change", "morph_into"  # keys of the widgets in the part `replay`
USUAL_CHANGE, USUAL_INTO = "rotate", EXAMPLES[1].slug
READINGS = ("one", "several")  # how the user says that the ink is to be read
MAX_SEED = 2**31 - 1
LIVE_SAMPLES = 100  # at most so many samples while the pen is down, so that the answer keeps up
MAX_TEXT = 6_000  # characters of a drawing in an address; longer ones are not shared


@dataclass
class DrawState:
    """The drawing and the settings.

    threshold: a network does not know if its winner's mean probability is below this; None for
    each network's own threshold. sent: an image uint8 `[28, 28]` from another page or a picture,
    with its caption; it lies below the strokes. parts: the digits that the picture may be split
    into, uint8 `[n, 28, 28]`, or None; whole: whether it is one digit rather than these. picture:
    the picture itself, while it is at hand; tried: one without ink, to be corrected. reading: "one"
    digit or "several", if the user says so; None to let the ink decide. part: the place of the
    digit whose answer is shown in full. canvas: the number of the canvas; with a new number the
    page shows a fresh canvas with `on_canvas` on it. address: the parameters last written.
    pen_down: whether a stroke is being drawn. moves: how many moves of the pen `strokes` knows.
    table: the numbers of the last answer for which the pen was up, as Markdown. chart: its figure,
    and that in words. below: the drawing that each open part below the answers shows. opened: which
    parts below are open, change: how the drawing is changed in the part `replay`, into: into which
    example. cleared: what Clear took away: strokes, `sent` and `parts`.
    """

    strokes: tuple[Stroke, ...] = EXAMPLES[0].strokes
    samples: int = SAMPLES
    threshold: float | None = None
    seed: int = SEED
    pen: int = PEN
    sent: tuple[np.ndarray, str] | None = None
    parts: np.ndarray | None = None
    whole: bool = False
    picture: Picture | None = None
    tried: Picture | None = None
    reading: str | None = None
    part: int = 0
    canvas: int = 0
    on_canvas: tuple[Stroke, ...] = ()
    address: dict[str, str] = field(default_factory=dict)
    pen_down: bool = False
    moves: int = 0
    table: str = ""
    chart: tuple[go.Figure, str] | None = None
    below: dict[str, tuple[Stroke, ...]] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    change: str = USUAL_CHANGE
    into: str = USUAL_INTO
    cleared: tuple[tuple[Stroke, ...], tuple[np.ndarray, str] | None, np.ndarray | None] | None = (
        None
    )

    def put(self, strokes: tuple[Stroke, ...], keep_sent: bool = False) -> None:
        """Put this drawing on a fresh canvas."""
        self.strokes = self.on_canvas = strokes
        self.canvas += 1
        self.tried = self.cleared = None
        self.pen_down = False
        if not keep_sent:
            self.sent = self.parts = self.picture = self.reading = None
            self.part = 0

    def clear(self) -> None:
        """Empty the sheet; `undo` brings back what was on it."""
        was = self.strokes, self.sent, self.parts
        self.put(())
        self.cleared = was if was[0] or was[1] else None

    def undo(self) -> None:
        """Take back the last stroke, or the clearing of the sheet."""
        if self.strokes or self.cleared is None:
            self.put(self.strokes[:-1], keep_sent=True)
        else:
            strokes, sent, parts = self.cleared
            self.put(strokes)
            self.sent, self.parts = sent, parts

    @property
    def can_undo(self) -> bool:
        return bool(self.strokes) or self.cleared is not None

    def put_picture(self, picture: Picture) -> None:
        """Put a picture with ink on a fresh canvas; strokes that lay over it stay over it."""
        again = self.picture is not None and self.picture.colours is picture.colours
        self.put(self.strokes if again else ())
        self.picture = picture
        self.sent = picture.reading.image, "From your picture"
        self.parts, self.whole = picture.reading.parts, picture.reading.whole

    def open_below(self, part: str, is_open: bool) -> None:
        """Note that this part below the answers shows the drawing, or that it is closed."""
        self.below.pop(part, None)
        if is_open:
            self.below[part] = self.strokes

    @property
    def outdated(self) -> bool:
        """Whether an open part below the answers shows another drawing than this one."""
        return any(shown != self.strokes for shown in self.below.values())

    @property
    def image(self) -> Tensor:
        """What the networks see, float `[28, 28]`."""
        return drawn_image(self.strokes, self.sent[0] if self.sent else None)

    @property
    def example(self) -> str | None:
        """The slug of the example that is on the canvas unchanged."""
        if self.sent:
            return None
        return next((e.slug for e in EXAMPLES if e.strokes == self.strokes), None)


def draw_state(arrived: bool) -> tuple[DrawState, str | None]:
    """The session's state, and a sentence if the address was not understood.

    Call it once in each run of the page. arrived: whether the page was just entered; then the
    drawing is put on a fresh canvas. The address is read at the start of a session, and when the
    browser goes back or forward; so Back undoes a stroke and Forward redoes it.
    """
    old: DrawState | None = st.session_state.get("draw")
    parameters, problem = own_parameters(), None
    own = _own(parameters)
    if old is None or (own != _own(old.address) and (own or not arrived)):
        state, problem = from_address(parameters)
        if old is not None:
            state.canvas, state.pen = old.canvas, old.pen
            if "picture" in parameters and parameters["picture"] == old.address.get("picture"):
                state.sent, state.picture = old.sent, old.picture
        show_parts(state, old is not None)
        arrived = True
    else:
        state = old
    if sent := st.session_state.pop("sent_image", None):
        state.put(())
        state.sent = sent
    elif st.session_state.pop(RESTING, False):
        state.put(())
    elif arrived:
        state.put(state.strokes, keep_sent=True)
    st.session_state["draw"] = state
    return state, problem


def show_parts(state: DrawState, close: bool) -> None:
    """Open the parts below the answers that the address names; close: the others are closed."""
    for part in OPEN_PARTS:
        if part in state.opened or close:
            st.session_state[part] = part in state.opened
    for key, value, usual in (
        (CHANGE, state.change, USUAL_CHANGE),
        (INTO, state.into, USUAL_INTO),
    ):
        if close or value != usual:
            st.session_state[key] = value


def _own(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters of this page; those of the two networks belong to all pages."""
    return {name: value for name, value in parameters.items() if name not in ("left", "right")}


def from_address(parameters: Mapping[str, str]) -> tuple[DrawState, str | None]:
    """The state that the parameters describe, and a sentence if any of them was wrong.

    What is missing or wrong gets its default.
    """
    state, wrong = DrawState(), []
    for name, low, high, step in (
        ("samples", 10, 1000, 10),
        ("threshold", 0, 100, 1),
        ("seed", 0, MAX_SEED, 1),
    ):
        if name in parameters:
            number = whole_number(parameters[name], low, high)
            if number is not None and number % step == 0:
                setattr(state, name, number / 100 if name == "threshold" else number)
            else:
                steps = f" in steps of {step}" if step > 1 else ""
                wrong.append(f"{name} must be a whole number from {low} to {high}{steps}")
    if "drawing" in parameters:
        try:
            if len(parameters["drawing"]) > MAX_TEXT:
                raise BnnlibError("too long")
            state.strokes = tuple(from_text(parameters["drawing"]))
        except BnnlibError:
            wrong.append("the drawing is incomplete or damaged")
    if "picture" in parameters:
        try:
            if len(parameters["picture"]) > MAX_TEXT:
                raise BnnlibError("too long")
            images = images_from_text(parameters["picture"])
            state.sent = images[0], "From a picture"
            state.parts = images[1:] if len(images) > 1 else None
            state.strokes = state.strokes if "drawing" in parameters else ()
        except BnnlibError:
            wrong.append("the picture is incomplete or damaged")
    elif "example" in parameters and "drawing" not in parameters:
        if parameters["example"] in BY_SLUG:
            state.strokes = BY_SLUG[parameters["example"]].strokes
        else:
            wrong.append(f"there is no example {parameters['example'][:40]!r}")
    if "digits" in parameters:
        if parameters["digits"] in READINGS:
            state.reading = parameters["digits"]
        else:
            wrong.append("digits must be one or several")
    if "part" in parameters:
        if part := whole_number(parameters["part"], 1, 99):
            state.part = part - 1
        else:
            wrong.append("part must be the number of a digit on the sheet, from 1")
    if "open" in parameters:
        asked = parameters["open"].split(",")
        state.opened = tuple(part for part in OPEN_PARTS if part in asked)
        if not set(asked) <= set(OPEN_PARTS):
            wrong.append(f"only {' and '.join(OPEN_PARTS)} can be opened")
    for name, known in (("change", CHANGES), ("into", BY_SLUG)):
        if name in parameters:
            if parameters[name] in known:
                setattr(state, name, parameters[name])
            else:
                wrong.append(f"{name} must be one of {', '.join(known)}")
    wrong += means_nothing(parameters, PARAMETERS)
    return state, not_understood(wrong)


def to_address(state: DrawState, networks: tuple[str, str]) -> dict[str, str]:
    """The parameters that describe the state, without what is at its default."""
    address: dict[str, str] = {}
    if state.samples != SAMPLES:
        address["samples"] = str(state.samples)
    if state.threshold is not None:
        address["threshold"] = str(round(100 * state.threshold))
    if state.seed != SEED:
        address["seed"] = str(state.seed)
    if state.example not in (None, EXAMPLES[0].slug):
        address["example"] = str(state.example)
    elif state.example is None and len(text := to_text(state.strokes)) <= MAX_TEXT:
        if state.sent:
            one = state.reading is None and state.whole  # its parts are only a second thought
            parts = () if state.parts is None or one else state.parts[: MAX_IMAGES - 1]
            picture = images_to_text(np.stack([state.sent[0], *parts]))
            if len(picture) <= MAX_TEXT:
                address["picture"] = picture
        if state.strokes or not state.sent:
            address["drawing"] = text
    if state.reading:
        address["digits"] = state.reading
    if state.part:
        address["part"] = str(state.part + 1)
    if state.opened:
        address["open"] = ",".join(state.opened)
    if "replay" in state.opened:
        if state.change != USUAL_CHANGE:
            address["change"] = state.change
        if state.change == "morph" and state.into != USUAL_INTO:
            address["into"] = state.into
    return named_networks(networks, bool(address)) | address


def write_address(state: DrawState, networks: tuple[str, str]) -> None:
    """Write the browser's address anew if the state has changed; it waits while the pen is down."""
    if state.pen_down:
        return
    state.opened = tuple(part for part in OPEN_PARTS if st.session_state.get(part))
    state.change = st.session_state.get(CHANGE) or state.change
    state.into = st.session_state.get(INTO) or state.into
    state.address = to_address(state, networks)
    write_parameters(state.address)
