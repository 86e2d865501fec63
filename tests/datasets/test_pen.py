"""Pen digits by writer, and what is no digit: small files whose contents are known."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bnnlib.datasets import not_digits, pen, rendering
from bnnlib.datasets.digit_parts import mixture, of_digits
from bnnlib.datasets.mnist import Digits
from bnnlib.datasets.not_digits import Learnt
from bnnlib.datasets.ood import load_ood
from bnnlib.datasets.shapes import KINDS, free_shape
from bnnlib.drawing.warp import Strokes, Warp, warped
from bnnlib.errors import BnnlibError

STROKE = ".PEN_DOWN\n 10 20\n 30 50\n 20 90\n.PEN_UP\n"
DIGITS = [(7, 1), (3, 18), (2, 19), (4, 25), (5, 30)]  # and their writers


@pytest.fixture
def pendigits(tmp_path: Path) -> Path:
    path = tmp_path / "pendigits-orig-tra.txt"
    path.write_text(
        "".join(
            f'.SEGMENT DIGIT 0 ? "{digit}"\n.COMMENT {digit} {writer} 9\n{STROKE}'
            for digit, writer in DIGITS
        )
    )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Letters of writers 4 and 5, and doodles of one category to learn and one to report."""
    for writer in (4, 5):
        text = "".join(f'.SEGMENT CHARACTER 0 ? "{c}"\n{STROKE}' for c in "aoZ1")
        (tmp_path / f"UJIpenchars-w{writer:02d}.txt").write_text(text)
    (tmp_path / "deeper").mkdir()
    for word in ("house", "cat", "circle"):
        lines = [json.dumps({"word": word, "drawing": [[[0, 9, 9], [0, 0, 9]], [[3], [4]]]})] * 2
        (tmp_path / "deeper" / f"{word}.ndjson").write_text("\n".join(lines))
    return tmp_path


def test_a_training_learns_from_its_own_writers_alone(pendigits: Path) -> None:
    learnt, tuning = pen.training_split(pendigits, 0)
    assert learnt.labels.tolist() == [7, 3] * pen.VERSIONS
    assert tuning.labels.tolist() == [2]
    assert learnt.images.shape == (2 * pen.VERSIONS, 28, 28)
    assert learnt.images.dtype == torch.uint8
    as_drawn = pen.rendered([strokes for _, strokes in pen.pen_digits(pendigits, [1])])
    assert torch.equal(learnt.images[0], pen.to_bytes(as_drawn)[0])
    assert not torch.equal(learnt.images[0], learnt.images[2])  # another version of it
    again, _ = pen.training_split(pendigits, 0)
    assert torch.equal(learnt.images, again.images)


def test_pen_digits_join_the_training_images_and_come_first_among_those_held_out(
    pendigits: Path, few: Digits
) -> None:
    joined = pen.with_pen_digits(few, pendigits)
    assert joined.train.labels.tolist() == [*few.train.labels.tolist(), 7, 3]  # writers 1 and 18
    assert joined.validation.labels.tolist() == [2, *few.validation.labels.tolist()]  # writer 19
    assert torch.equal(joined.train.images[:300], few.train.images)
    assert torch.equal(joined.validation.images[1:], few.validation.images)
    assert joined.test is few.test
    drawn = pen.rendered([strokes for _, strokes in pen.pen_digits(pendigits, range(1, 20))])
    new = torch.cat([joined.train.images[300:], joined.validation.images[:1]])
    assert torch.equal(new, pen.to_bytes(drawn))


def test_the_images_are_the_same_however_many_processes_render_them(
    pendigits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "PART", 3)
    digits = [(strokes, pen.DIGIT_WARP) for _, strokes in pen.pen_digits(pendigits, range(1, 31))]
    drawings = digits + digits[:2]
    apart = rendering.rendered_anew(drawings, 4)
    here = [rendering._render((drawings[k : k + 3], (4, k))) for k in (0, 3, 6)]
    assert apart.dtype == torch.uint8
    assert torch.equal(apart, torch.cat(here))
    assert not torch.equal(apart[:2], apart[5:])  # the same digits are drawn otherwise
    assert torch.equal(rendering.rendered_anew(drawings[:3], 4), here[0])
    assert not torch.equal(rendering.rendered_anew(drawings[:3], 5), here[0])


def test_letters_and_doodles_that_look_like_digits_are_left_out(folder: Path) -> None:
    found = not_digits.letters(folder / "UJIpenchars-w04.txt")
    assert [label for label, _ in found] == ["a"]
    drawn = not_digits.doodles(folder)
    assert [word for word, _ in drawn] == ["cat", "cat", "house", "house"]
    assert drawn[0][1][0].tolist() == [[0, 0], [9, 0], [9, 9]]


def test_what_is_learnt_is_named_and_what_is_reported_is_the_rest(
    folder: Path, pendigits: Path, embedded: Digits
) -> None:
    digits = pen.pen_digits(pendigits, pen.TRAINING)
    categories = {word for word in ("house", "cat") if not_digits.is_for_training(word)}
    assert len(categories) == 1, "one of the two is for training, by its name"
    images, met = not_digits.pool(folder, digits, seed=0, each=4)
    assert images.shape == (4 * 4, 28, 28)  # letters, doodles, shapes, mixtures
    assert images.flatten(1).amax(1).min() > 100  # none is blank
    assert met == Learnt(frozenset({4}), frozenset(categories))
    card = {
        "not_digits": {
            "letters of writers": sorted(met.writers),
            "doodles of": sorted(met.categories),
        }
    }
    assert not_digits.learnt_of(card) == met
    assert not_digits.learnt_of({}) == Learnt()
    whole = load_ood(str(folder / "deeper"), embedded.validation)
    rest = load_ood(str(folder / "deeper"), embedded.validation, learnt=met)
    assert (len(whole.images), len(rest.images)) == (4, 2)
    assert rest.note == "1 of 2 categories of doodles are left out: this network learnt from them"
    for name in ("pendigits-orig-tra.txt", "deeper/house.ndjson"):
        (folder / name).unlink(missing_ok=True)
    everyone = load_ood(str(folder), embedded.validation)
    others = load_ood(str(folder), embedded.validation, learnt=met)
    assert (len(everyone.images), len(others.images)) == (6, 3)  # a, o and Z of each writer


def test_nothing_left_to_report_or_to_learn_is_said(
    folder: Path, embedded: Digits, one_sentence
) -> None:
    met = Learnt(frozenset({4, 5}), frozenset({"house", "cat"}))
    with pytest.raises(BnnlibError, match="every category") as error:
        load_ood(str(folder / "deeper"), embedded.validation, learnt=met)
    assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="every writer") as error:
        load_ood(str(folder / "UJIpenchars-w04.txt"), embedded.validation, learnt=met)
    assert one_sentence(error.value)
    with pytest.raises(BnnlibError, match="no letters to learn") as error:
        not_digits.pool(folder / "deeper", [], seed=0, each=4)
    assert one_sentence(error.value)
    (folder / "deeper" / "cat.ndjson").write_text("{}")
    with pytest.raises(BnnlibError, match="line 1 holds no drawing") as error:
        not_digits.doodles(folder)
    assert one_sentence(error.value)


def test_a_warp_of_nothing_scales_and_a_turn_turns() -> None:
    random = np.random.default_rng(0)
    corner = [np.array([(0.0, 0), (100, 0), (100, 100)])]
    (same,) = warped(corner, Warp(), random)
    assert same[0] == pytest.approx([-0.5, -0.5])
    assert same[-1] == pytest.approx([0.5, 0.5])
    assert np.ptp(same, axis=0) == pytest.approx([1, 1], abs=0.03)
    (mirrored,) = warped(corner, Warp(mirror=1.0), random)
    assert mirrored[-1] == pytest.approx([-0.5, 0.5])
    dot = warped([np.array([(5.0, 5.0)])], Warp(rotation=10), random)
    assert [line.shape for line in dot] == [(1, 2)]


def mixed(digits: list[tuple[int, Strokes]], random: np.random.Generator) -> Strokes:
    """Of a letter with a dot, a doodle of a single point, and digits."""
    letter = [np.array([(0.0, 0), (0, 5)]), np.array([(0.0, 9)])]
    return mixture([[letter], [[np.array([(3.0, 3)])]], [s for _, s in digits]], random)


MAKERS = {
    "of digits": of_digits,
    "free shape": lambda digits, random: free_shape(random),
    **{
        kind.__name__: lambda digits, random, kind=kind: kind(random)
        for kind in dict.fromkeys(KINDS)
    },
    "mixture": mixed,
}


@pytest.mark.parametrize("maker", MAKERS)
def test_shapes_are_finite_drawings_and_differ(maker: str, pendigits: Path) -> None:
    digits = pen.pen_digits(pendigits, range(1, 31))
    random = np.random.default_rng(0)
    found = [MAKERS[maker](digits, random) for _ in range(200)]
    for strokes in found:
        assert all(line.ndim == 2 and line.shape[1] == 2 and len(line) for line in strokes)
        assert np.isfinite(np.concatenate(strokes)).all()
        assert np.ptp(np.concatenate(strokes), axis=0).max() > 0
    # Five digits, mirrored or turned, repeat now and then; all else is new each time.
    assert len({round(float(np.concatenate(s).sum()), 6) for s in found}) > 140
