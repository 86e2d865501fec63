"""Images of digits in rows, each with its caption as text."""

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from bnnlib.figures.mosaic import data_uri

STYLE = """<style>
.pictures { display: flex; flex-wrap: wrap; gap: .55rem .6rem; list-style: none; }
.pictures { margin: 0 !important; padding: 0 !important; }
.pictures li { width: 66px; margin: 0; padding: 0; text-align: center; }
.pictures li { font-size: .74rem; line-height: 1.25; }
.pictures img { width: 60px; height: 60px; image-rendering: pixelated; border-radius: 3px; }
.pictures img { display: block; margin: 0 auto .15rem; }
.pictures b { font-weight: 650; }
</style>"""


def pictures(
    images: np.ndarray, captions: Sequence[str], alts: Sequence[str], framed: Sequence[bool]
) -> None:
    """Show images, uint8 `[K, 28, 28]`.

    captions: may have several lines. alts: the text for a screen reader. framed: the mistakes.
    """
    items = "".join(
        f'<li><img src="{data_uri(image, bool(frame))}" alt="{escape(alt, quote=True)}">'
        f"{escape(caption).replace(chr(10), '<br>')}</li>"
        for image, caption, alt, frame in zip(images, captions, alts, framed, strict=True)
    )
    st.html(f'{STYLE}<ul class="pictures">{items}</ul>')
