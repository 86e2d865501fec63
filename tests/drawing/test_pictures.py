"""Picture files of every kind mean what they show, and what cannot be read is named."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnnlib.drawing.pictures import MAX_SIDE, read_picture
from bnnlib.drawing.raster import image_from_file
from bnnlib.errors import BnnlibError

SIDE = 120


def cross() -> np.ndarray:
    """A plus sign of ink 1 on 0, float `[120, 120]`."""
    ink = np.zeros((SIDE, SIDE), np.float32)
    ink[20:100, 52:68] = 1
    ink[52:68, 30:90] = 1
    return ink


def shows_the_cross(path: Path) -> bool:
    image, _ = image_from_file(str(path))
    return bool(image[14, 9:20].min() > 0.5 and image[7:22, 14].min() > 0.5 and image[8, 8] < 0.1)


def test_12_bits_in_16_are_seen(tmp_path: Path) -> None:
    Image.fromarray(((1 - cross()) * 4_095).astype(np.uint16)).save(tmp_path / "a.png")
    assert shows_the_cross(tmp_path / "a.png")


@pytest.mark.parametrize("scale", [1.0, 255.0, 1e-4])
def test_floats_are_seen_in_any_unit(scale: float, tmp_path: Path) -> None:
    Image.fromarray((1 - cross()) * np.float32(scale)).save(tmp_path / "a.tif")
    assert shows_the_cross(tmp_path / "a.tif")


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_background(odd: float, tmp_path: Path) -> None:
    values = 1 - cross()
    values[0:3, 0:3] = odd
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert shows_the_cross(tmp_path / "a.tif")


def test_negative_floats_are_seen(tmp_path: Path) -> None:
    Image.fromarray(-5 - cross()).save(tmp_path / "a.tif")
    assert shows_the_cross(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "P", "1", "RGB", "LA"])
def test_every_mode_is_seen(mode: str, tmp_path: Path) -> None:
    grey = Image.fromarray(((1 - cross()) * 255).astype(np.uint8))
    if mode == "LAB":
        picture = Image.merge("LAB", [grey, *[Image.new("L", grey.size, 128)] * 2])
    else:
        picture = grey.convert("RGB").convert(mode) if mode != "LA" else grey.convert("LA")
    picture.save(tmp_path / "a.tif")
    assert shows_the_cross(tmp_path / "a.tif")


@pytest.mark.parametrize("ink", [0, 255])
def test_lines_on_nothing_are_seen_whatever_their_colour(ink: int, tmp_path: Path) -> None:
    rgba = np.full((SIDE, SIDE, 4), ink, np.uint8)
    rgba[..., 3] = cross() * 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert shows_the_cross(tmp_path / "a.png")


def test_a_sticker_with_a_transparent_rim_shows_what_is_on_it(tmp_path: Path) -> None:
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    rgba[8:112, 8:112] = 255
    rgba[..., :3] = (rgba[..., :3] * (1 - cross()[..., None])).astype(np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert shows_the_cross(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_of_several_pictures_the_first_is_taken_and_said(kind: str, tmp_path: Path) -> None:
    first = Image.fromarray(((1 - cross()) * 255).astype(np.uint8))
    path = tmp_path / f"a.{kind.lower()}"
    first.save(path, kind, save_all=True, append_images=[Image.new("L", (SIDE, SIDE), 9)])
    assert shows_the_cross(path)
    assert any("holds 2 pictures" in note for note in read_picture(path).notes)


def test_a_photograph_of_50_megapixels_is_read_small() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8_200, 6_100), "white").save(file, "JPEG")
    picture = read_picture(file.getvalue(), "large.jpg")
    assert max(picture.colours.shape) == MAX_SIDE
    assert "8200 x 6100" in picture.notes[0]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42", "video"),
        (b"\x00\x00\x00\x14ftypqt  ", "video"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00", "video"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "video"),
        (b"%PDF-1.7\n", "PDF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>', "SVG"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"", "no picture"),
        (b"hello", "no picture"),
    ],
)
def test_other_formats_are_named_in_one_sentence(
    head: bytes, kind: str, tmp_path: Path, one_sentence
) -> None:
    path = tmp_path / "renamed.png"
    path.write_bytes(head + (bytes(200) if head.startswith((b"\x00", b"RIFF")) else b""))
    for source in (path, path.read_bytes()):
        with pytest.raises(BnnlibError, match=kind) as error:
            read_picture(source)
        assert one_sentence(error.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_truncated_file_is_refused_in_one_sentence(kind: str, one_sentence) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind)
    data = file.getvalue()
    with pytest.raises(BnnlibError) as error:
        read_picture(data[: len(data) // 2])
    assert one_sentence(error.value)
