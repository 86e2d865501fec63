"""Several digits on one sheet: which images they are, and each one's answer in a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from bnnlib.drawing.cuts import FITTED_WITH
from bnnlib.drawing.segment import Split, segment_strokes
from bnnlib.drawing.strokes import Stroke
from bnnlib.errors import BnnlibError
from bnnlib.figures.embed import embed, to_png
from bnnlib.figures.theme import network_colours
from bnnlib.metrics.answer import Answer, stands
from bnnlib.networks.recogniser import recogniser
from bnnlib.sentences.answers import Limit
from bnnlib.sentences.several import digit_said, split_note
from ui.draw.state import DrawState
from ui.loaders import chosen_networks, load_network
from ui.verdict import percent

MOST_STROKES = 40  # more are a scribble or a shaded picture: they are read as one
MOST_DIGITS = 12
MAYBE = 0.6  # of the doubt: from here on one digit may as well be several, and the page says so


@dataclass(frozen=True)
class Digits:
    """The digits on the sheet in reading order: images float `[n, 28, 28]`, n >= 1.

    doubt: of the split, in [0, 1], or None if it is not known or the user chose. other: how many
    digits the likeliest other reading has, or None.
    """

    images: Tensor
    doubt: float | None = None
    other: int | None = None

    @property
    def several(self) -> bool:
        return len(self.images) > 1

    def shown(self, state: DrawState) -> int:
        """The place of the digit whose answer is shown in full."""
        return min(state.part, len(self.images) - 1)


def digits_of(state: DrawState) -> Digits:
    """What is on the sheet, split as its ink or the user says."""
    whole = state.image[None]
    if state.sent:
        if state.parts is None:
            return Digits(whole)
        if state.strokes:
            return _read(_split_image(whole[0]), whole, state.reading)
        doubt = state.picture.reading.doubt if state.picture else None
        if state.reading == "one" or (state.reading is None and state.whole):
            return Digits(whole, doubt, len(state.parts))
        return Digits(torch.from_numpy(state.parts[:MOST_DIGITS]).float() / 255, doubt, 1)
    if len(state.strokes) > MOST_STROKES or not state.strokes:
        return Digits(whole)
    return _read(_split_strokes(state.strokes), whole, state.reading)


def _read(split: Split, whole: Tensor, reading: str | None) -> Digits:
    """One of the split's readings; `whole` `[1, 28, 28]` is that as one digit."""
    readings = [split, *split.alternatives]
    counts = [len(one.images) for one in readings]
    if reading == "one":
        return Digits(whole, other=next((n for n in counts if n > 1), None))
    if reading == "several":
        images = next((one.images for one in readings if len(one.images) > 1), whole)
        return Digits(images[:MOST_DIGITS], other=1)
    other = next((n for n in counts[1:] if n != counts[0]), None)
    if counts[0] > 1:
        return Digits(split.images[:MOST_DIGITS], split.doubt, other)
    return Digits(whole, split.doubt, other)


def score(images: Tensor) -> Tensor:
    """How sure a network is that each image is a digit, `[B]`: the one that the cuts were fitted
    with, or else one of the chosen ones.

    0 for all where no network can be loaded.
    """
    for name in (FITTED_WITH, *chosen_networks()):
        try:
            return recogniser(load_network(name))(images)
        except BnnlibError:
            continue
    return torch.zeros(len(images))


@lru_cache(maxsize=64)
def _split_strokes(strokes: tuple[Stroke, ...]) -> Split:
    return segment_strokes([stroke.points for stroke in strokes])


def _split_image(image: Tensor) -> Split:
    """The split of an image with strokes over it, float `[28, 28]`."""
    from bnnlib.drawing.segment import segment_ink

    large = Image.fromarray((image.numpy() * 255).astype(np.uint8)).resize((224, 224))
    return segment_ink(np.asarray(large) / 255)


def row(
    digits: Digits,
    names: Sequence[str],
    answers: Sequence[Sequence[Answer]],
    limits: Sequence[Limit],
    places: Sequence[int],
    dark: bool,
) -> str:
    """A row of the digits as HTML: each one's image and each network's answer to it.

    answers: of each network, to each digit. places: 0 for the left network, 1 for the right.
    """
    colours = network_colours(dark)
    items = []
    for k, image in enumerate(digits.images):
        said = digit_said([one[k] for one in answers], limits)
        lines = "".join(
            f'<span style="--network: {colours[place]}"><i aria-hidden="true"></i>'
            f"<b>{one[k].digit if stands(one[k], limit) else '?'}</b> "
            f'{percent(one[k].probability)} <small class="name">{escape(name)}</small></span>'
            for name, one, limit, place in zip(names, answers, limits, places, strict=True)
        )
        picture = embed(to_png(Image.fromarray((image.numpy() * 255).round().astype(np.uint8))))
        alt = f"Digit {k + 1} of {len(digits.images)}, answered as {said}"
        items.append(f'<li><img src="{picture}" alt="{alt}"><div>{lines}</div></li>')
    return f'<ol class="parts" aria-label="The digits from left to right">{"".join(items)}</ol>'


def choice(state: DrawState, digits: Digits) -> None:
    """What corrects the split, and whose answer is shown in full.

    It is shown where there are several digits, or might be.
    """
    maybe = digits.doubt is not None and digits.doubt > MAYBE and digits.other is not None
    if not (digits.several or state.reading or maybe):
        return
    with st.container(horizontal=True, key="parts", vertical_alignment="center"):
        st.session_state["reading"] = "several" if digits.several else "one"
        st.segmented_control(
            "How many digits",
            ["one", "several"],
            format_func=lambda reading: f"{reading} digit{'s' * (reading != 'one')}".capitalize(),
            key="reading",
            required=True,
            on_change=set_reading,
            args=(state,),
            label_visibility="collapsed",
        )
        if digits.several:
            count = len(digits.images)
            st.session_state["part"] = digits.shown(state)
            st.segmented_control(
                "Whose answer is shown in full",
                list(range(count)),
                format_func=lambda k: f"Digit {k + 1}",
                key="part",
                required=True,
                on_change=set_part,
                args=(state,),
                label_visibility="collapsed",
            )
        st.caption(note(state, digits))


def note(state: DrawState, digits: Digits) -> str:
    """How doubtful the split is, in words."""
    count = len(digits.images)
    if state.reading:
        return "Read as you chose."
    if digits.several:
        return split_note(count, digits.doubt, digits.other)
    return "Read as one digit; it may be several."


def set_reading(state: DrawState) -> None:
    state.reading, state.part = st.session_state["reading"], 0


def set_part(state: DrawState) -> None:
    state.part = st.session_state["part"]
