"""The Train page without a browser: networks in use, cards, damage, training images."""

import json
import math
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.figures.curves import learning_curve, usable_history
from bnnlib.storage import checkpoints

PAGE = "pages/2_Train.py"
HISTORY = [
    {
        "epoch": k + 1,
        "validation_error": 0.1 / (k + 1),
        "validation_nll": 0.3 / (k + 1),
        "nll": 0.5 / (k + 1),
        "kl": 10.0 + k,
    }
    for k in range(3)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints to play with: two of the shipped ones."""
    for name in ("dropout", "bayesian"):
        shutil.copytree(checkpoints.FOLDER / name, tmp_path / name)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(checkpoints.list_checkpoints, "__defaults__", (tmp_path,))
    return tmp_path


@pytest.fixture
def page(without_mnist: None, monkeypatch: pytest.MonkeyPatch, folder: Path) -> AppTest:
    """The dashboard with these two networks in use, on a machine without the full MNIST.

    The Train page is opened by `opened`.
    """
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.session_state["networks"] = ("dropout", "bayesian")
    return app


def opened(page: AppTest) -> AppTest:
    page.run()
    page.switch_page(PAGE).run()
    assert not page.exception
    return page


def write_card(folder: Path, **changes: object) -> dict:
    """Change the card of the checkpoint in `folder`."""
    card = {**json.loads((folder / "card.json").read_text()), **changes}
    (folder / "card.json").write_text(json.dumps(card))
    return card


def test_both_cards_are_shown_with_their_figures(page: AppTest, folder: Path) -> None:
    figures = {
        "error": 0.0123,
        "nll": 0.0456,
        "ece": 0.00789,
        "brier": 0.0222,
        "images": 10_000,
        "samples": 100,
    }
    write_card(
        folder / "bayesian",
        figures={"test": figures},
        history=HISTORY,
        best_epoch=2,
        command="python -m bnnlib train bayesian",
    )
    shown = opened(page)
    assert [box.value for box in shown.selectbox] == ["dropout", "bayesian"]
    assert [metric.value for metric in shown.metric][-4:] == ["1.23%", "0.0456", "0.79%", "0.0222"]
    assert "epoch 2 of 3 was kept" in " ".join(text.value for text in shown.markdown)
    assert "python -m bnnlib train bayesian" in [code.value for code in shown.code]
    alts = [chart.proto.alt for chart in shown.get("plotly_chart")]
    assert any("bayesian ends at 0.03333" in alt for alt in alts)


def test_the_choice_holds_on_all_pages_and_stands_in_the_address(
    page: AppTest, folder: Path
) -> None:
    shutil.copytree(folder / "bayesian", folder / "another")
    shown = opened(page)
    shown.selectbox(key="train_left").select("another").run()
    assert shown.session_state["networks"] == ("another", "bayesian")
    assert shown.query_params == {"left": "another", "right": "bayesian"}
    shown.switch_page("dashboard.py").run()
    shown.switch_page(PAGE).run()
    assert [shown.selectbox(key=f"train_{side}").value for side in ("left", "right")] == [
        "another",
        "bayesian",
    ]
    shown.selectbox(key="train_left").select("bayesian").run()  # the same network twice
    assert not shown.exception


def test_damaged_checkpoints_are_listed_with_what_is_wrong(
    page: AppTest, folder: Path, one_sentence
) -> None:
    truncated, foreign, bare, empty = (
        folder / name for name in ("truncated", "foreign", "bare", "empty")
    )
    shutil.copytree(folder / "dropout", truncated)
    weights = truncated / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000])
    shutil.copytree(folder / "dropout", foreign)
    write_card(foreign, format=99)
    shutil.copytree(folder / "dropout", bare)
    (bare / "weights.safetensors").unlink()
    empty.mkdir()
    shown = opened(page)
    problems = {
        warning.value.split("**")[1]: warning.value.split("cannot be used. ")[1]
        for warning in shown.warning
    }
    assert problems.keys() == {"truncated", "foreign", "bare", "empty"}
    assert all(one_sentence(problem) for problem in problems.values())
    for name, word in (
        ("truncated", "truncated"),
        ("foreign", "99"),
        ("bare", "missing"),
        ("empty", "card.json"),
    ):
        assert word in problems[name]


def test_a_card_full_of_nonsense_breaks_nothing(page: AppTest, folder: Path) -> None:
    write_card(
        folder / "bayesian",
        figures={"test": {"error": "low", "nll": None, "images": [1]}},
        history=[3, {"epoch": "one"}, {"epoch": 1, "validation_error": "x", "nll": True}],
        best_epoch="last",
        training=[1, 2],
        sigma_ratios=["a"],
        split=7,
        source=["mnist"],
        command=4,
        created=5,
    )
    shown = opened(page)
    assert [metric.value for metric in shown.metric][-4:] == ["?"] * 4


def test_no_checkpoint_at_all_says_how_to_get_one(page: AppTest, folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path)
    shown = opened(page)
    assert any("python -m bnnlib train bayesian" in info.value for info in shown.info)
    assert len(shown.get("image")) == 1  # the training images are still there


def test_the_articles_first_picture_and_others(page: AppTest, embedded: Digits) -> None:
    shown = opened(page)
    for start in (0, 64):
        (image,) = shown.get("image")[0].proto.imgs
        labels = ", ".join(
            str(label) for label in embedded.train.labels[start : start + 64].tolist()
        )
        assert image.alt.endswith(f"with their labels: {labels}.")
        (others,) = [button for button in shown.button if button.label == "Show others"]
        others.click().run()


def test_every_control_is_explained(page: AppTest) -> None:
    shown = opened(page)
    controls = [*shown.button, *shown.selectbox, *shown.metric]
    assert [control.proto.label for control in controls if not control.proto.help] == []


def test_usable_history_leaves_out_what_is_no_finite_number() -> None:
    history = [
        {"epoch": 1, "nll": 0.5, "kl": math.nan, "note": "x"},
        {"nll": 1.0},
        "no",
        {"epoch": 2, "nll": math.inf, "kl": 3},
    ]
    assert usable_history({"history": history}) == [{"epoch": 1, "nll": 0.5}, {"epoch": 2, "kl": 3}]
    assert usable_history({"history": "no"}) == usable_history({}) == []


def test_learning_curve_draws_each_network_in_its_colour_and_marks_the_epoch_kept() -> None:
    figure = learning_curve(
        [("a", "#E69F00", HISTORY, 2), ("b", "#0072B2", [{"epoch": 1, "nll": 3.0}], 1)],
        "nll",
        "NLL",
        dark=False,
    )
    a, b = figure.data
    assert (list(a.x), list(a.y)) == ([1, 2, 3], [0.5, 0.25, 0.5 / 3])
    assert [size > 0 for size in a.marker.size] == [False, True, False]
    assert (a.line.color, b.line.color) == ("#E69F00", "#0072B2")
    assert figure.layout.yaxis.type == "log"  # 3.0 is more than ten times 0.17
    assert (
        len(learning_curve([("a", "#E69F00", HISTORY, 2)], "validation_ece", "ECE", dark=True).data)
        == 0
    )
