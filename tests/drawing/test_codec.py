"""Images as text for an address, and back."""

import zlib
from base64 import urlsafe_b64encode

import numpy as np
import pytest

from bnnlib.drawing.codec import MAX_IMAGES, images_from_text, images_to_text
from bnnlib.errors import BnnlibError


def test_images_come_back_as_they_were() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    text = images_to_text(images)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert np.array_equal(images_from_text(text), images)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "ä",
        "AAAA",
        images_to_text(np.zeros((1, 28, 28), np.uint8))[:-6] or "x",
        urlsafe_b64encode(zlib.compress(b"too short")).decode(),
        # A small text that would fill the memory if it were unpacked whole.
        urlsafe_b64encode(zlib.compress(bytes(784 * (MAX_IMAGES + 1)))).decode(),
    ],
)
def test_what_holds_no_images_is_refused_in_one_sentence(text: str, one_sentence) -> None:
    with pytest.raises(BnnlibError) as error:
        images_from_text(text)
    assert one_sentence(error.value)
