"""Pictures that are no digits: what the sets hold, and one sentence for what cannot be read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bnnlib.datasets import ood
from bnnlib.datasets.mnist import Digits
from bnnlib.drawing.unipen import read_unipen
from bnnlib.errors import BnnlibError

LETTER = (
    '.LEXICON "a" "1"\n.SEGMENT CHARACTER 0 ? "a"\n'
    ".PEN_DOWN\n 0 0\n 10 100\n 20 0\n.PEN_UP\n.PEN_DOWN\n 5 50\n 15 50\n.PEN_UP\n"
)
DIGIT = LETTER.replace('? "a"', '? "1"')


def picture(path: Path, size: tuple[int, int] = (28, 28), mode: str = "L") -> Path:
    """A light cross on a dark ground."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 2 - 1 : height // 2 + 1, 2:-2] = pixels[
        2:-2, width // 2 - 1 : width // 2 + 1
    ] = 255
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    (tmp_path / "pictures").mkdir()
    return tmp_path / "pictures"


def test_noise_is_uniform_and_the_same_for_the_same_seed(embedded: Digits) -> None:
    noise = ood.load_ood("noise", embedded.validation)
    assert noise.images.dtype == torch.uint8
    assert noise.images.shape == (ood.NOISE_IMAGES, 28, 28)
    assert noise.images.float().mean().item() == pytest.approx(127.5, abs=0.5)
    assert torch.equal(noise.images, ood.load_ood("noise", embedded.validation).images)
    assert not torch.equal(noise.images, ood.load_ood("noise", embedded.validation, seed=1).images)


def test_matched_images_carry_exactly_a_digits_ink(embedded: Digits) -> None:
    generator = torch.Generator().manual_seed(0)
    clothes = torch.randint(0, 256, (20, 28, 28), generator=generator).to(torch.uint8)
    digits = embedded.validation.images[:5]
    matched = ood.match_ink(clothes, digits, seed=3)
    inks = {tuple(image.flatten().sort().values.tolist()) for image in digits}
    for image, original in zip(matched, clothes, strict=True):
        assert tuple(image.flatten().sort().values.tolist()) in inks
        brighter = original.flatten().argsort(stable=True)
        assert (
            image.flatten()[brighter].diff() >= 0
        ).all()  # the order of the pixels is the garment's


def test_a_folder_of_pictures_as_they_are(pictures: Path, embedded: Digits) -> None:
    picture(pictures / "b.png")
    picture(pictures / "deep" / "a.png")
    (pictures / "notes.md").write_text("not a picture")
    found = ood.load_ood(str(pictures), embedded.validation)
    assert found.name == "pictures"
    assert found.note is None
    assert torch.equal(found.images[0], torch.from_numpy(np.array(Image.open(pictures / "b.png"))))


@pytest.mark.parametrize(
    ("size", "mode"),
    [((280, 140), "L"), ((28, 28), "RGB"), ((64, 64), "RGBA"), ((40, 40), "1"), ((30, 50), "P")],
)
def test_other_sizes_and_modes_are_converted_and_said_so(
    pictures: Path, size: tuple[int, int], mode: str, embedded: Digits
) -> None:
    picture(pictures / "a.png", size, mode)
    found = ood.load_ood(str(pictures), embedded.validation)
    assert found.images.shape == (1, 28, 28)
    assert 0 < found.images.float().mean() < 128
    assert "1 of 1 pictures in pictures were not 28 x 28 and grey" in found.note


def test_a_folder_that_cannot_serve_gets_one_sentence(
    pictures: Path, embedded: Digits, one_sentence
) -> None:
    def complaint() -> str:
        with pytest.raises(BnnlibError) as caught:
            ood.load_ood(str(pictures), embedded.validation)
        assert one_sentence(caught.value)
        return str(caught.value)

    assert "it is empty" in complaint()
    (pictures / "readme.md").write_text("words")
    assert "none of its 1 files is a picture" in complaint()
    (pictures / "broken.png").write_bytes(b"no picture at all")
    assert "is named like a picture but is none" in complaint()
    (pictures / "broken.png").unlink()
    whole = picture(pictures / "whole.png", (200, 200)).read_bytes()
    (pictures / "whole.png").write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as a picture" in complaint()
    (pictures / "whole.png").unlink()
    picture(pictures / "7" / "a.png")
    assert "has folders named 7, as for digits" in complaint()


@pytest.mark.parametrize("name", ["mnist", "no/such/folder", ""])
def test_an_unknown_set_names_the_known_ones(name: str, embedded: Digits) -> None:
    with pytest.raises(BnnlibError, match=r"fashion-mnist.*noise|has folders"):
        ood.load_ood(name or "nothing", embedded.validation)


@pytest.mark.parametrize(
    "name", ["fashion-mnist", "fashion-matched", "kmnist", "emnist-letters", "letters"]
)
def test_a_set_whose_data_are_missing_says_where_they_belong(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: Digits, one_sentence
) -> None:
    monkeypatch.setattr(ood, "data_folders", lambda: [tmp_path])
    assert ood.available_sets() == ["noise"]
    with pytest.raises(BnnlibError, match=str(tmp_path)) as caught:
        ood.load_ood(name, embedded.validation)
    assert one_sentence(caught.value)


def idx(values: np.ndarray, magic: int) -> bytes:
    """uint8 values in LeCun's IDX format, as MNIST's files: magic number, sizes, bytes."""
    return (
        magic.to_bytes(4, "big")
        + b"".join(size.to_bytes(4, "big") for size in values.shape)
        + values.tobytes()
    )


def write_set(data: Path, folder: str, stem: str, images: np.ndarray) -> None:
    """Write images uint8 `[B, 28, 28]` with labels 1, 2, 3 ... in torchvision's layout."""
    raw = data / folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    (raw / f"{stem}-images-idx3-ubyte").write_bytes(idx(images, 0x803))
    (raw / f"{stem}-labels-idx1-ubyte").write_bytes(
        idx(np.arange(1, len(images) + 1, dtype=np.uint8), 0x801)
    )


@pytest.fixture
def upright() -> np.ndarray:
    """An L and an F, uint8 `[2, 28, 28]`: turned or mirrored, they are no longer the same."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 8:11] = images[0, 21:24, 8:19] = 255
    images[1, 4:24, 8:11] = images[1, 4:7, 8:20] = images[1, 12:15, 8:16] = 200
    return images


@pytest.mark.parametrize(
    ("name", "folder"), [("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_a_set_in_torchvisions_layout_is_read_as_it_is(
    name: str,
    folder: str,
    upright: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded: Digits,
) -> None:
    empty, data = tmp_path / "empty", tmp_path / "data"
    (empty / folder / "raw").mkdir(parents=True)  # an empty folder: the search must go on
    write_set(data, folder, "t10k", upright)
    monkeypatch.setattr(ood, "data_folders", lambda: [empty, data])
    assert name not in ood.available_sets()  # torchvision wants all four files
    write_set(data, folder, "train", upright[:1])
    assert name in ood.available_sets()
    assert np.array_equal(ood.load_ood(name, embedded.validation).images, upright)
    assert np.array_equal(ood.load_ood(name, embedded.validation, "train").images, upright[:1])


def test_of_a_long_set_images_from_all_over_its_file_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: Digits
) -> None:
    """Files may be sorted by class: the first images would all be of the first letters."""
    alphabet = np.repeat(np.arange(1, 27, dtype=np.uint8), 4)[:, None, None] * np.ones(
        (1, 28, 28), np.uint8
    )
    write_set(tmp_path, "EMNIST", "emnist-letters-test", alphabet)
    monkeypatch.setattr(ood, "data_folders", lambda: [tmp_path])
    monkeypatch.setattr(ood, "MAX_IMAGES", 52)
    found = ood.load_ood("emnist-letters", embedded.validation).images[:, 0, 0]
    assert len(found) == 52
    assert found.unique().tolist() == list(range(1, 27))


def test_emnist_letters_stand_upright(
    upright: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded: Digits,
    one_sentence,
) -> None:
    columns = np.stack(
        [np.stack([image[:, x] for x in range(28)]) for image in upright]
    )  # its files hold column after column
    write_set(tmp_path, "EMNIST", "emnist-letters-test", columns)
    monkeypatch.setattr(ood, "data_folders", lambda: [tmp_path])
    assert ood.available_sets() == ["emnist-letters", "noise"]
    found = ood.load_ood("emnist-letters", embedded.validation)
    assert found.images.dtype == torch.uint8
    assert found.images.is_contiguous()
    assert np.array_equal(found.images, upright)
    with pytest.raises(
        BnnlibError,
        match=r"emnist-letters-train-\{images-idx3,labels-idx1\}-ubyte, unpacked, in EMNIST/raw",
    ) as caught:
        ood.load_ood("emnist-letters", embedded.validation, "train")
    assert one_sentence(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no images", "cannot be read"),
        (b"", "cannot be read"),
        (None, r"cannot be read \(\w+"),
        (np.zeros((3, 32, 32), np.uint8), "3, 32, 32"),
    ],
)
def test_damaged_files_of_a_set_get_one_sentence(
    content: bytes | np.ndarray | None,
    words: str,
    upright: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    embedded: Digits,
    one_sentence,
) -> None:
    for stem in ("train", "t10k"):
        write_set(tmp_path, "KMNIST", stem, upright)
    file = tmp_path / "KMNIST" / "raw" / "t10k-images-idx3-ubyte"
    cut = file.read_bytes()[:-100]  # as an interrupted copy leaves it
    file.write_bytes(
        cut if content is None else content if isinstance(content, bytes) else idx(content, 0x803)
    )
    monkeypatch.setattr(ood, "data_folders", lambda: [tmp_path])
    with pytest.raises(BnnlibError, match=words) as caught:
        ood.load_ood("kmnist", embedded.validation)
    assert one_sentence(caught.value)


def test_pen_files_give_their_letters_and_only_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded: Digits
) -> None:
    (tmp_path / "pen").mkdir()
    file = tmp_path / "pen" / "UJIpenchars-w01.txt"
    file.write_text(LETTER + DIGIT + LETTER.replace('? "a"', '? "Z"'))
    monkeypatch.setattr(ood, "data_folders", lambda: [tmp_path])
    assert [label for label, _ in read_unipen(file)] == ["a", "1", "Z"]
    strokes = read_unipen(file)[0][1]
    assert [len(stroke) for stroke in strokes] == [3, 2]
    assert strokes[0][1].tolist() == [10, 100]
    for name in ("letters", str(file), str(tmp_path / "pen")):
        found = ood.load_ood(name, embedded.validation)
        assert found.images.shape == (2, 28, 28)
        assert found.images.float().mean() > 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "holds no drawn characters"),
        (DIGIT, "holds no letters"),
        ('.SEGMENT CHARACTER 0 ? "a"\n.PEN_DOWN\n 1 2\n oops\n', "line 4: 'oops' is no point"),
        ('.SEGMENT CHARACTER 0 ? "a"\n.PEN_DOWN\n.PEN_UP\n', "holds no drawn characters"),
    ],
)
def test_a_text_that_is_no_pen_file_gets_one_sentence(
    text: str, words: str, tmp_path: Path, embedded: Digits, one_sentence
) -> None:
    file = tmp_path / "pen.txt"
    file.write_text(text)
    with pytest.raises(BnnlibError, match=words) as caught:
        ood.load_ood(str(file), embedded.validation)
    assert one_sentence(caught.value)


@pytest.mark.mnist
def test_the_named_sets_hold_what_they_say(mnist: Digits) -> None:
    if "fashion-mnist" not in ood.available_sets():
        pytest.skip("Fashion-MNIST is not beside MNIST")
    test, train = (
        ood.load_ood("fashion-mnist", mnist.validation, part).images for part in ("test", "train")
    )
    assert test.shape == train.shape == (10_000, 28, 28)
    assert not torch.equal(test, train)
    matched = ood.load_ood("fashion-matched", mnist.validation).images.float().mean()
    assert matched == pytest.approx(mnist.validation.images.float().mean().item(), rel=0.02)
