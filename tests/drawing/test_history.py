"""Drawings as a file: what goes down comes up, and a wrong file gets one sentence."""

import json

import numpy as np
import pytest

from bnnlib.drawing.history import (
    KEPT,
    MAX_BYTES,
    NO_DIGIT,
    Entry,
    Told,
    from_json,
    most_confusing,
    to_json,
)
from bnnlib.drawing.strokes import make_stroke
from bnnlib.errors import BnnlibError


def told(network: str = "dropout", digit: int = 3, epistemic: float = 0.1) -> Told:
    mean = [0.05] * 10
    mean[digit] = 0.55
    return Told(network, tuple(mean), 0.25, epistemic)


def entry(**changes) -> Entry:
    made = {
        "strokes": (make_stroke([(40, 40), (200, 220)], 12),),
        "answers": (told(), told("bayesian", 5)),
        "under": bytes(np.arange(784, dtype=np.uint8)),
        "label": 3,
    }
    return Entry(**{**made, **changes})


def test_what_is_saved_comes_back() -> None:
    entries = [entry(), entry(under=b"", label=None), entry(label=NO_DIGIT, strokes=())]
    assert from_json(to_json(entries)) == entries
    assert from_json(to_json(entries).encode()) == entries
    assert entries[0].picture.shape == (28, 28)
    assert entries[1].picture is None


def test_the_most_confusing_has_the_highest_total_uncertainty() -> None:
    entries = [
        entry(answers=(told(epistemic=doubt), told(epistemic=0.3))) for doubt in (0.1, 0.9, 0.4)
    ]
    assert most_confusing(entries) == 1
    assert entries[1].doubt == pytest.approx((0.25 + 0.9 + 0.25 + 0.3) / 2)
    assert most_confusing([]) is None


def test_only_the_last_are_kept() -> None:
    entries = [entry(under=b"", label=k % 10) for k in range(KEPT + 7)]
    assert from_json(to_json(entries)) == entries[7:]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        "[]",
        "{}",
        "3",
        '{"objects": [], "background": "#000"}',
        '{"format": "bnnlib drawings", "version": 2, "drawings": []}',
        '{"format": "bnnlib drawings", "version": 1, "drawings": {}}',
        "[" * 100_000,
    ],
)
def test_another_file_gets_a_sentence(content) -> None:
    with pytest.raises(BnnlibError, match="holds no drawings saved here"):
        from_json(content)


@pytest.mark.parametrize(
    "damage",
    [
        {"strokes": "AUQt!"},
        {"strokes": 7},
        {"under": "AAAA"},
        {"under": "?"},
        {"label": 10},
        {"label": True},
        {"label": "3"},
        {"answers": None},
        {"answers": [{"network": "a", "mean": [0.1] * 9, "aleatoric": 0, "epistemic": 0}]},
        {"answers": [{"network": "a", "mean": [float("nan")] * 10, "aleatoric": 0,
                      "epistemic": 0}]},
        {"answers": [{"network": "a", "mean": [0.1] * 10, "aleatoric": 9, "epistemic": 0}]},
    ],
)  # fmt: skip
def test_a_damaged_drawing_is_named(damage) -> None:
    saved = json.loads(to_json([entry(), entry()]))
    saved["drawings"][1].update(damage)
    with pytest.raises(BnnlibError, match=r"^Drawing 2 of the file is damaged"):
        from_json(json.dumps(saved))


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(BnnlibError, match="at most 2 MB"):
        from_json(" " * (MAX_BYTES + 1))
