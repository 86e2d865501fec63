"""A picture of a digit from a file or the camera: read, shown step by step, and corrected.

OpenCV and the reading are imported only when a picture is there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.figures.embed import embed, to_png

if TYPE_CHECKING:
    from ui.draw.state import DrawState

Score = Callable[[Tensor], Tensor]
Bytes = NDArray[np.uint8]
THUMBNAIL = 240  # pixels of the longer side
MAX_BYTES = 20 << 20  # of a picture's file, as server.maxUploadSize in .streamlit/config.toml
WHOLE = (0.0, 0.0, 1.0, 1.0)
INKS: dict[bool | None, str] = {
    None: "darker or lighter: found out",
    False: "darker than the paper",
    True: "lighter than the paper",
}
READING = Lock()  # one picture at a time in the whole server: each takes up to 200 MB for a second


@dataclass(frozen=True)
class Corrections:
    """What the user set. crop: left, top, right, bottom as shares; turns: quarters to the left;
    invert and threshold: None to find them out."""

    crop: tuple[float, float, float, float] = WHOLE
    turns: int = 0
    invert: bool | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Reading:
    """What was made of a picture.

    steps: (picture as data URI, caption) each. image: uint8 `[28, 28]`, the whole as one digit.
    parts: uint8 `[n, 28, 28]`, the digits if there are several, or None if there cannot be.
    whole: whether it is one digit rather than `parts`; doubt: of that, in [0, 1]. threshold: what
    differs from the paper by more is ink. blank: whether there is no ink.
    """

    steps: tuple[tuple[str, str], ...]
    image: Bytes
    parts: Bytes | None
    whole: bool
    doubt: float
    threshold: float
    blank: bool


@dataclass(frozen=True)
class Picture:
    """A picture as it was read: its colours, uint8 `[H, W, 3]`, and what was made of them."""

    name: str
    colours: Bytes
    notes: tuple[str, ...]
    reading: Reading
    corrections: Corrections = field(default_factory=Corrections)


def open_picture(content: bytes, name: str, score: Score | None = None) -> Picture:
    """The picture in a file. Raises BnnlibError, in one sentence, for what cannot be read."""
    from bnnlib.drawing.pictures import read_picture

    if len(content) > MAX_BYTES:
        raise BnnlibError(f"{name} is larger than {MAX_BYTES >> 20} MB: scale it down first.")
    with READING:
        found = read_picture(content, name)
        colours = (found.colours * 255).round().astype(np.uint8)
        return Picture(name, colours, found.notes, _read(colours, Corrections(), score))


def corrected(picture: Picture, corrections: Corrections, score: Score | None = None) -> Picture:
    """The picture read again with these corrections."""
    with READING:
        reading = _read(picture.colours, corrections, score)
    return replace(picture, corrections=corrections, reading=reading)


def _read(colours: Bytes, corrections: Corrections, score: Score | None) -> Reading:
    from bnnlib.drawing.photo import own_ink, read_photo
    from bnnlib.drawing.segment import segment_ink

    upright = np.rot90(colours, corrections.turns)
    crop, invert = corrections.crop, corrections.invert
    steps = read_photo(upright.astype(np.float32) / 255, crop, invert, corrections.threshold)
    blank = not bool(steps.chosen.any())
    split = segment_ink(own_ink(steps), score)
    parts = next((s.images for s in (split, *split.alternatives) if len(s.images) > 1), None)
    image = _bytes(steps.image)
    side = "lighter" if steps.inverted else "darker"
    pictures = (
        (_framed(upright, crop), "the picture"),
        (_grey(steps.flat / max(float(steps.flat.max()), 1e-6)), f"{side} than the paper"),
        (_grey(steps.mask), f"ink: differs by more than {steps.threshold:.2f}"),
        (_grey(steps.chosen), "the digit's own ink"),
        (Image.fromarray(image), "28 x 28 pixels"),
    )
    return Reading(
        tuple((embed(to_png(shown)), caption) for shown, caption in pictures),
        image,
        None if parts is None else _bytes(parts),
        len(split.images) < 2,
        split.doubt,
        steps.threshold,
        blank,
    )


def _bytes(image: Tensor) -> Bytes:
    return (image * 255).round().to(torch.uint8).numpy()


def _framed(colours: Bytes, crop: tuple[float, float, float, float]) -> Image.Image:
    """A small copy; what lies outside the crop is pale."""
    small = Image.fromarray(np.ascontiguousarray(colours))
    small.thumbnail((THUMBNAIL, THUMBNAIL), reducing_gap=2)
    if crop == WHOLE:
        return small
    width, height = small.size
    left, right = round(crop[0] * width), round(crop[2] * width)
    top, bottom = round(crop[1] * height), round(crop[3] * height)
    pale = Image.blend(small, Image.new("RGB", small.size, (128, 128, 128)), 0.75)
    pale.paste(small.crop((left, top, right, bottom)), (left, top))
    return pale


def _grey(values: NDArray) -> Image.Image:
    """A small copy of `[H, W]` in [0, 1] in which thin lines stay bright."""
    full = Image.fromarray((np.asarray(values, np.float32) * 255).astype(np.uint8))
    factor = max(1, max(full.size) // THUMBNAIL)
    small = np.asarray(full.reduce(factor), dtype=np.float32) * min(factor, 3) ** 0.5
    return Image.fromarray(np.clip(small, 0, 255).astype(np.uint8))


def steps_shown(picture: Picture) -> str:
    """The steps from the picture to its image as HTML: small pictures in a row with captions."""
    items = "".join(
        f'<li><img src="{uri}" alt="Step {number}: {escape(caption)}">'
        f"<span><b>{number}</b> {escape(caption)}</span></li>"
        for number, (uri, caption) in enumerate(picture.reading.steps, 1)
    )
    return f'<ol class="steps" aria-label="From the picture to 28 x 28 pixels">{items}</ol>'


def from_picture(state: "DrawState", score: Score) -> None:
    """The part of the Draw page that takes a picture and shows and corrects its reading.

    Nothing is asked of the camera before it is chosen.
    """
    shown = state.tried or state.picture
    box = st.expander(
        "From a picture",
        expanded=shown is not None,
        icon=":material/photo_camera:",
        key="from-picture",
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        _choice(state, score)
        if problem := st.session_state.pop("picture-problem", None):
            st.error(problem, icon=":material/error:")
        if shown is not None:
            _corrections(state, shown, score)


def _choice(state: "DrawState", score: Score) -> None:
    """A file, or the camera once it is asked for."""
    count = st.session_state.setdefault("pictures-taken", 0)
    source = st.segmented_control(
        "Where the picture comes from",
        ["A file", "The camera"],
        default="A file",
        key=f"picture-source-{count}",
        label_visibility="collapsed",
    )
    key = f"picture-{count}"
    taken: dict[str, Any] = {"key": key, "on_change": take, "args": (state, key, score)}
    if source == "The camera":
        st.camera_input("A photograph of a digit", **taken)
    else:
        st.file_uploader(
            "A picture or photograph of one digit or several",
            max_upload_size=MAX_BYTES >> 20,
            **taken,
        )


def take(state: "DrawState", key: str, score: Score) -> None:
    """Read what the widget `key` holds; then a fresh widget takes its place."""
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state["pictures-taken"] += 1
    try:
        _lay(state, open_picture(file.getvalue(), file.name, score))
    except BnnlibError as error:
        st.session_state["picture-problem"] = str(error)


def correct(state: "DrawState", picture: Picture, corrections: Corrections, score: Score) -> None:
    """Read the picture again with other corrections."""
    try:
        _lay(state, corrected(picture, corrections, score))
    except BnnlibError as error:
        st.session_state["picture-problem"] = str(error)


def _lay(state: "DrawState", picture: Picture) -> None:
    """Lay the picture on the sheet, or say that it holds no ink and leave the sheet as it is."""
    if not picture.reading.blank:
        state.put_picture(picture)
        return
    state.tried = picture
    st.session_state["picture-problem"] = (
        f"No ink was found in {picture.name}: the sheet is as it was. "
        "Correct the reading below, or take another picture."
    )


def _corrections(state: "DrawState", picture: Picture, score: Score) -> None:
    """The steps, and what can be corrected in them."""
    st.html(steps_shown(picture))
    for note in picture.notes:
        st.caption(f"{note}.")
    set_to = picture.corrections
    left, top, right, bottom = set_to.crop
    found = float(np.clip(round(picture.reading.threshold, 2), 0.01, 0.99))
    st.session_state.update(
        {
            "crop-across": (round(100 * left), round(100 * right)),
            "crop-down": (round(100 * top), round(100 * bottom)),
            "ink-threshold": found,
            "ink-side": set_to.invert,
        }
    )

    def changed() -> None:
        across, down = st.session_state["crop-across"], st.session_state["crop-down"]
        crop = (across[0] / 100, down[0] / 100, across[1] / 100, down[1] / 100)
        moved = st.session_state["ink-threshold"]
        threshold = set_to.threshold if moved == found else moved
        invert = st.session_state["ink-side"]
        correct(state, picture, Corrections(crop, set_to.turns, invert, threshold), score)

    st.slider("Crop: left and right", 0, 100, key="crop-across", format="%d %%", on_change=changed)
    st.slider("Crop: top and bottom", 0, 100, key="crop-down", format="%d %%", on_change=changed)
    st.slider(
        "Threshold of ink",
        0.01,
        0.99,
        step=0.01,
        key="ink-threshold",
        on_change=changed,
        help="What differs from the paper by more than this is ink. "
        "It is found from the picture until you move it.",
    )
    st.selectbox(
        "The ink is", list(INKS), key="ink-side", format_func=lambda k: INKS[k], on_change=changed
    )
    with st.container(horizontal=True, key="turns"):
        for label, symbol, turn in (
            ("Turn left", "rotate_left", 1),
            ("Turn right", "rotate_right", -1),
        ):
            turned = replace(set_to, crop=WHOLE, turns=(set_to.turns + turn) % 4)
            st.button(
                label,
                icon=f":material/{symbol}:",
                on_click=correct,
                args=(state, picture, turned, score),
            )
        st.button(
            "Start over",
            icon=":material/restart_alt:",
            on_click=correct,
            args=(state, picture, Corrections(), score),
            disabled=set_to == Corrections(),
            help="Read the picture without corrections",
        )
