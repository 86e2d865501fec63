"""The Draw screen without a browser: drawings are put where the canvas would put them."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib import deterministic_probs, load_checkpoint, sample_probs
from bnnlib.drawing.codec import to_text
from bnnlib.drawing.strokes import Stroke, drawn_image, make_stroke
from bnnlib.storage.evaluations import Results, load_results, save_results
from ui.draw.examples import BY_SLUG, EXAMPLES
from ui.draw.fabric import from_fabric, to_fabric

ROOT = Path(__file__).resolve().parents[2]
ONE = make_stroke([(140, 40), (140, 240)])
DASH = make_stroke([(60, 140), (220, 140)])


def opened(**address: str) -> AppTest:
    """By an address that, where it names no networks, means dropout and bayesian."""
    return opened_at({"samples": "20", **address})


def opened_at(address: dict[str, str]) -> AppTest:
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    for name, value in address.items():
        app.query_params[name] = value
    app.session_state["figures"] = True  # the table below the chart unfolded
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def draw(app: AppTest, *strokes: Stroke) -> AppTest:
    """What the canvas sends after these strokes."""
    objects = [to_fabric(stroke) for stroke in strokes]
    app.session_state[f"pad{app.session_state['draw'].canvas}"] = {
        "drawing": {"raw": {"objects": objects}, "data": None}
    }
    return checked(app.run())


def button(app: AppTest, label: str):
    return next(b for b in app.button if b.label == label)


def pieces(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def sentence(app: AppTest) -> str:
    return html.unescape(re.search(r'<p class="sentence"[^>]*>(.*?)</p>', pieces(app))[1])


def table(app: AppTest) -> list[list[str]]:
    """The rows of the figures below the chart."""
    (text,) = [m.value for m in app.markdown if m.value.startswith("| digit")]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| **")]
    return [[cell.strip("* ") for cell in row] for row in rows]


def address(app: AppTest) -> dict[str, str]:
    return {
        name: value[0] if isinstance(value, list) else value
        for name, value in dict(app.query_params).items()
    }


@pytest.fixture(scope="module")
def networks():
    return load_checkpoint("dropout"), load_checkpoint("bayesian")


def expected_rows(networks, image: torch.Tensor, samples: int, seed: int) -> list[list[str]]:
    """The figures worked out without the page."""
    rows = [[str(digit)] for digit in range(10)]
    for network in networks:
        probs = sample_probs(network, image[None], samples, seed)[:, 0]
        low, high = np.quantile(probs.numpy(), (0.05, 0.95), axis=0)
        votes = torch.bincount(probs.argmax(-1), minlength=10)
        for digit, row in enumerate(rows):
            row += [
                f"{probs.mean(0)[digit]:.3f}",
                f"{low[digit]:.3f} to {high[digit]:.3f}",
                str(int(votes[digit])),
            ]
        if network.config.kind == "dropout":
            for row, value in zip(rows, deterministic_probs(network, image[None])[0], strict=True):
                row.append(f"{value:.3f}")
    return rows


def test_opens_with_an_example_drawn_and_answered_by_the_pen_networks() -> None:
    app = opened_at({})
    assert app.session_state["networks"] == ("dropout-pen", "bayesian-pen")
    assert list(cards(app)) == ["dropout-pen", "bayesian-pen"]
    assert app.session_state["draw"].example == EXAMPLES[0].slug
    pen = load_checkpoint("dropout-pen"), load_checkpoint("bayesian-pen")
    assert table(app) == expected_rows(pen, drawn_image(EXAMPLES[0].strokes), 200, 0)
    assert sentence(app).endswith(".")
    assert address(app) == {}
    (chart,) = app.get("plotly_chart")
    assert sentence(app) in chart.proto.alt


def test_a_drawing_is_answered_and_named_in_the_address(networks) -> None:
    app = draw(opened(), ONE)
    assert table(app) == expected_rows(networks, drawn_image([ONE]), 20, 0)
    assert address(app) == {
        "left": "dropout",
        "right": "bayesian",
        "samples": "20",
        "drawing": to_text([ONE]),
    }
    again = opened(**address(app))
    assert table(again) == table(app)
    assert again.session_state["draw"].strokes == (ONE,)


def test_an_address_shared_before_the_pen_networks_shows_what_it_showed(networks) -> None:
    app = opened_at({"example": "letter-a"})
    assert list(cards(app)) == ["dropout", "bayesian"]
    assert table(app) == expected_rows(networks, drawn_image(BY_SLUG["letter-a"].strokes), 200, 0)
    written = {"left": "dropout", "right": "bayesian", "example": "letter-a"}
    assert address(app) == written
    again = opened_at(address(app))
    assert table(again) == table(app)
    assert address(again) == written


def test_a_drawing_for_the_pen_networks_names_both_and_a_reload_shows_the_same() -> None:
    app = draw(opened_at({}), ONE)
    written = {"left": "dropout-pen", "right": "bayesian-pen", "drawing": to_text([ONE])}
    assert address(app) == written
    again = opened_at(address(app))
    assert list(cards(again)) == ["dropout-pen", "bayesian-pen"]
    assert table(again) == table(app)
    assert sentence(again) == sentence(app)
    assert address(again) == written


def test_networks_chosen_on_an_empty_address_are_both_named_until_they_are_the_usual_ones() -> None:
    app = opened_at({})
    app.selectbox(key="network-left").select("dropout")
    checked(app.run())
    assert address(app) == {"left": "dropout", "right": "bayesian-pen"}
    assert list(cards(opened_at(address(app)))) == ["dropout", "bayesian-pen"]
    app.selectbox(key="network-left").select("dropout-pen")
    checked(app.run())
    assert address(app) == {}


def test_undo_and_clear() -> None:
    app = draw(opened(), ONE, DASH)
    button(app, "Undo").click()
    checked(app.run())
    assert app.session_state["draw"].strokes == (ONE,)
    assert app.session_state["draw"].on_canvas == (ONE,)
    button(app, "Clear").click()
    checked(app.run())
    assert app.session_state["draw"].strokes == ()
    assert "blank" in sentence(app)
    for left in ((ONE,), ()):  # Undo brings back what was cleared, then takes strokes again
        button(app, "Undo").click()
        checked(app.run())
        assert app.session_state["draw"].strokes == left
    assert button(app, "Undo").disabled


def test_choosing_an_example_puts_it_on_a_fresh_canvas() -> None:
    app = draw(opened(), ONE)
    before = app.session_state["draw"].canvas
    app.button(key="example-letter-a").click()
    checked(app.run())
    state = app.session_state["draw"]
    assert (state.strokes, state.canvas > before) == (BY_SLUG["letter-a"].strokes, True)
    assert address(app)["example"] == "letter-a"
    assert "drawing" not in address(app)


def test_controls_change_the_answer_and_the_address(networks) -> None:
    app = opened()
    first = table(app)
    button(app, "Draw again").click()
    checked(app.run())
    assert table(app) == expected_rows(networks, drawn_image(EXAMPLES[0].strokes), 20, 1) != first
    app.slider(key="samples").set_value(50)
    checked(app.run())
    assert sum(int(row[3]) for row in table(app)) == 50
    app.select_slider(key="threshold").set_value(1.0)
    checked(app.run())
    assert sentence(app).startswith("Neither network knows")
    app.selectbox(key="network-left").select("bayesian")
    checked(app.run())
    assert app.session_state["networks"] == ("bayesian", "bayesian")
    assert address(app) == {
        "left": "bayesian",
        "right": "bayesian",
        "samples": "50",
        "threshold": "100",
        "seed": "1",
    }


def cards(app: AppTest) -> dict[str, str]:
    """What each network's card says, by its name."""
    return dict(
        re.findall(
            r'<section class="verdict"[^>]*aria-label="([^"]+)">(.*?)</section>',
            pieces(app),
            re.DOTALL,
        )
    )


def test_of_an_ensemble_each_member_answers_once() -> None:
    """Its members take turns: asked more often, it would only repeat five answers."""
    app = opened(left="ensemble", samples="200")
    ensemble, card = load_checkpoint("ensemble"), cards(app)["ensemble"]
    members = ensemble.config.members
    assert f"of {members}</b>" in card
    assert "of members:" in card
    image = drawn_image(EXAMPLES[0].strokes)[None]
    mean = torch.stack([member(image).exp() for member in ensemble.members]).mean(0)[0]
    assert [row[1] for row in table(app)] == [f"{p:.3f}" for p in mean.tolist()]
    assert sum(int(row[3]) for row in table(app)) == members


def copied(name: str, folder: Path, threshold: float | None) -> str:
    """A copy of a shipped network whose evaluation learnt this threshold; None: no evaluation."""
    shutil.copytree(
        ROOT / "checkpoints" / name, folder / name, ignore=shutil.ignore_patterns("evaluation*")
    )
    if threshold is not None:
        rule = {"threshold": 1 - threshold, "answered": 0.9504, "right": 0.9982}
        found = load_results(ROOT / "checkpoints" / name)
        rules = {"rules": {"least_confidence": rule}}
        summary = {**found.summary, "refusal": rules, "distance": None}
        save_results(folder / name, Results(summary, found.arrays))
    return str(folder / name)


def test_every_network_refuses_below_the_threshold_of_its_own_evaluation_until_one_is_chosen(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    names = copied("dropout", tmp_path, 0.9995), copied("bayesian", tmp_path, None)
    # Both say 0 with a probability of 0.94 and more: that is below the threshold of the first, and
    # above the default threshold of the second.
    app = opened(example="smiley")
    app.session_state["networks"] = names
    checked(app.run())
    strict, plain = (cards(app)[name] for name in names)
    assert "I don't know" in strict
    assert "I don't know" not in plain
    told = app.select_slider(key="threshold").help
    assert "1.00 (answers 95% of test digits, 99.8% right)" in told
    assert f"{names[1]} has no evaluation: 0.50." in told
    assert "threshold" not in address(app)
    app.select_slider(key="threshold").set_value(0.5)
    checked(app.run())
    assert not any("I don't know" in said for said in cards(app).values())
    assert address(app)["threshold"] == "50"
    app.select_slider(key="threshold").set_value("learnt")
    checked(app.run())
    assert "I don't know" in cards(app)[names[0]]
    assert "threshold" not in address(app)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"samples": "5"}, "samples must be a whole number from 10 to 1000 in steps of 10"),
        ({"samples": "١٢٠"}, "samples must be"),
        ({"threshold": "nan"}, "threshold must be"),
        ({"seed": "-1"}, "seed must be"),
        ({"example": "<b>"}, "there is no example '<b>'"),
        ({"drawing": "AAA"}, "the drawing is incomplete or damaged"),
        ({"drawing": "A" * 100_000}, "the drawing is incomplete or damaged"),
        ({"colour": "red", "samples": "0"}, "'colour' means nothing here"),
        ({"left": "../../etc"}, "names '../../etc', which is no checkpoint here"),
    ],
)
def test_an_address_that_is_not_understood_gets_one_sentence_and_defaults(
    wrong, told, one_sentence
) -> None:
    app = opened(**wrong)
    (warning,) = app.warning
    assert told in warning.value
    assert one_sentence(warning.value)
    assert app.session_state["draw"].example == EXAMPLES[0].slug
    assert not wrong.items() & address(draw(app, ONE)).items()
    assert table(app)


def test_blank_dot_and_painted_canvas_get_one_sentence_each(one_sentence) -> None:
    painted = [make_stroke([(0, y), (280, y)], 40) for y in range(0, 281, 20)]
    app = opened(example="blank")
    told = [
        sentence(app),
        sentence(draw(app, make_stroke([(140, 140)]))),
        sentence(draw(app, *painted)),
    ]
    for message, word in zip(told, ("blank", "single dot", "painted full"), strict=True):
        assert word in message
        assert one_sentence(message)
    assert len(table(app)) == 10


def damaged(folder: Path) -> str:
    shutil.copytree(ROOT / "checkpoints" / "bayesian", folder / "damaged")
    weights = folder / "damaged" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return str(folder / "damaged")


@pytest.mark.parametrize("broken", ["missing", "damaged"])
def test_a_broken_checkpoint_gets_a_message_and_the_other_network_answers(broken, tmp_path) -> None:
    name = damaged(tmp_path) if broken == "damaged" else "nowhere"
    app = opened()
    app.session_state["networks"] = ("dropout", name)
    checked(app.run())
    (error,) = app.error
    assert name in error.value
    assert [len(row) for row in table(app)] == [5] * 10
    assert "dropout network" in sentence(app)
    app.selectbox(key="network-right").select("bayesian")
    checked(app.run())
    assert not app.error
    assert [len(row) for row in table(app)] == [8] * 10


def test_no_checkpoint_at_all_leaves_a_page_that_says_so() -> None:
    app = opened()
    app.session_state["networks"] = ("nowhere", "nothing")
    checked(app.run())
    assert len(app.error) == 2
    assert sentence(app) == "No network can answer: choose another checkpoint."
    assert draw(app, ONE).session_state["draw"].strokes == (ONE,)


def test_an_image_sent_from_another_page_is_answered_from_its_own_pixels_until_it_is_cleared(
    networks, few
) -> None:
    image = few.test.images[3].numpy()
    app = opened()
    app.session_state["sent_image"] = (image, "Test image 3, a <two>")
    checked(app.run())
    assert table(app) == expected_rows(networks, torch.from_numpy(image).float() / 255, 20, 0)
    assert "Test image 3, a &lt;two&gt;" in pieces(app)
    assert "drawing" not in address(app)
    draw(app, DASH)
    assert table(app) == expected_rows(networks, drawn_image([DASH], image), 20, 0)
    assert "with your strokes" in pieces(app)
    button(app, "Clear").click()
    checked(app.run())
    assert app.session_state["draw"].sent is None
    assert "Test image 3" not in pieces(app)


def test_the_drawing_is_still_there_after_a_visit_to_another_page() -> None:
    app = draw(opened(), ONE, DASH)
    checked(app.switch_page("pages/2_Train.py").run())
    app.query_params.clear()
    checked(app.switch_page("dashboard.py").run())
    assert app.session_state["draw"].on_canvas == (ONE, DASH)
    assert address(app)["drawing"] == to_text([ONE, DASH])


def test_a_folded_table_is_not_made() -> None:
    app = opened()
    assert len(table(app)) == 10
    app.session_state["figures"] = False
    assert not [m for m in checked(app.run()).markdown if m.value.startswith("| digit")]


def test_everything_has_its_help_and_its_words_for_those_who_do_not_see_it() -> None:
    app = opened()
    for control in [*app.button, *app.slider, *app.select_slider, *app.selectbox]:
        assert control.help, control.label
    for image in re.findall(r"<img[^>]*>", pieces(app)):
        assert re.search(r'alt="[^"]{10,}"', image)
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))


def test_the_canvas_speaks_of_strokes_as_fabric_does() -> None:
    for example in EXAMPLES:
        for stroke in example.strokes:
            assert from_fabric(to_fabric(stroke)) == stroke
    curve = {
        "type": "Path",
        "strokeWidth": 12,
        "path": [["M", 0, 0], ["Q", 0, 0, 50, 0], ["Q", 100, 0, 100, 50], ["L", 100, 100]],
    }
    stroke = from_fabric(curve)
    assert stroke.width == 12
    assert (stroke.points[0], stroke.points[-1]) == ((0, 0), (100, 100))
    # The middle of the quadratic curve is (87.5, 12.5).
    assert any(np.hypot(x - 88, y - 12) < 3 for x, y in stroke.points)
    assert from_fabric({"type": "Rect", "width": 3}) is None


def test_the_way_to_the_first_answer_loads_nothing_it_does_not_need() -> None:
    script = (
        "import sys; from streamlit.testing.v1 import AppTest;"
        "app = AppTest.from_file('dashboard.py', default_timeout=120).run();"
        "assert not app.exception; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"pyro", "torchvision", "mlxtend", "sklearn", "torch._dynamo", "sympy", "cv2"} & set(
        done.stdout.split()
    )


def test_the_nearest_images_are_looked_for_only_when_the_section_is_open(monkeypatch, few) -> None:
    monkeypatch.setattr("ui.draw.nearest.load_digits", lambda: few)
    app = opened(example="clear-3")
    assert '<div class="reminders">' not in pieces(app)
    app.session_state["reminders"] = True
    checked(app.run())
    (shown,) = re.findall(r'<div class="reminders">.*?</div>', pieces(app), re.DOTALL)
    labels = re.findall(r"<b>(\d)</b>", shown)
    assert len(labels) == 10  # five of each network
    assert labels.count("3") >= 8
    assert len(re.findall(r'alt="Training image \d+, a \d', shown)) == 10
    assert any("MNIST is not here. Of 300 embedded" in c.value for c in app.caption)
    # An image of the training set is nearest to itself.
    app.session_state["sent_image"] = (few.train.images[7].numpy(), "Training image 7")
    checked(app.run())
    (shown,) = re.findall(r'<div class="reminders">.*?</div>', pieces(app), re.DOTALL)
    first = re.findall(r'<ol><li><img[^>]*alt="(Training image \d+), a \d, ([\d.]+) times', shown)
    assert first == [("Training image 7", "0.0")] * 2


def test_a_network_with_a_distance_says_how_far_the_drawing_is() -> None:
    far, near = cards(opened(example="letter-a")), cards(opened(example="clear-3"))
    shares = [
        float(re.search(r"farther than ([\d.]+) %", card["bayesian"])[1]) for card in (far, near)
    ]
    assert shares[0] > 95 > shares[1]
    assert "I don't know" in far["bayesian"]


def test_a_chosen_threshold_shows_what_it_showed_before_there_were_rules() -> None:
    app = opened(example="letter-a", threshold="0")
    assert not any("I don't know" in card for card in cards(app).values())
    assert "does not know" not in sentence(app)
