"""The form, live view and comparison of the Train page; no browser, no process is started."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.figures.curves import Curve, epoch_curves
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.runs import queue, worker
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run, list_runs
from bnnlib.runs.heartbeat import this_process, write_beat
from bnnlib.runs.run import HISTORY, Run
from bnnlib.training.config import TrainingConfig
from ui.train.curves import modified, panels

TINY = RunConfig(
    BayesianConfig(hidden=(8, 8, 8)),
    TrainingConfig(epochs=2, batch_size=100, classes=(3, 7), device="cpu"),
    "quick",
    ("a three", "mine"),
)


@pytest.fixture
def page(without_mnist: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    return AppTest.from_file("../../dashboard.py", default_timeout=120)


@pytest.fixture
def finished(trained: Callable[[RunConfig], Run]) -> Run:
    """A finished run of a network that knows threes and sevens only."""
    return trained(TINY)


def opened(page: AppTest) -> AppTest:
    page.run()
    page.switch_page("pages/2_Train.py").run()
    assert not page.exception
    return page


def button(page: AppTest, label: str):
    (found,) = [found for found in page.button if found.label == label]
    return found


def text(page: AppTest) -> str:
    return " ".join(
        str(part.value)
        for part in [*page.markdown, *page.caption, *page.info, *page.warning, *page.error]
    )


def test_training_that_is_off_is_said_kindly_and_runs_can_still_be_seen(
    page, finished, monkeypatch
):
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    shown = opened(page)
    assert "switched off on this server" in shown.info[0].value
    labels = {found.label for found in shown.button}
    assert not labels & {
        "Start training",
        "Resume",
        "Stop",
        "Keep it",
        "Delete for good",
        "Rename the run",
        "Import",
    }
    assert "finished" in shown.get("progress")[0].proto.text
    assert len(shown.get("plotly_chart")) >= 5


def test_the_form_starts_a_run_with_its_settings(page, own_runs, monkeypatch):
    begun: list[Run] = []
    monkeypatch.setattr(queue, "start", begun.append)
    shown = opened(page)
    shown.number_input(key="form_bayesian_quick_images").set_value(500)
    shown.number_input(key="form_bayesian_quick_epochs").set_value(3)
    shown.number_input(key="form_bayesian_quick_hidden_width").set_value(32)
    shown.text_input(key="form_name_0").set_value("mine")
    button(shown, "Start training").click().run()
    assert not shown.exception
    (run,) = begun
    assert run.name == "mine"
    training, network = run.config.training, run.config.network
    assert (training.epochs, training.images, network.hidden) == (3, 500, (32, 32, 32))
    assert run.config.preset == "quick"
    assert run.pinned().shape[0] == 11  # one of each digit, and what is on the Draw screen
    assert run.config.captions[-1] == "your drawing"
    assert shown.query_params["run"] in ("mine", ["mine"])


@pytest.mark.parametrize("name", ["../evil", "a b", ".hidden"])
def test_a_name_that_leaves_the_folder_is_refused_in_a_sentence(
    page, own_runs, monkeypatch, one_sentence, name
):
    monkeypatch.setattr(queue, "start", lambda run: pytest.fail("started"))
    shown = opened(page)
    shown.text_input(key="form_name_0").set_value(name)
    button(shown, "Start training").click().run()
    assert one_sentence(shown.error[0].value)
    assert list_runs(own_runs) == []


def test_a_hand_edited_config_is_said_and_the_rest_of_the_page_works(page, finished):
    (finished.folder / "config.json").write_text("{}")
    shown = opened(page)
    assert "has format None" in shown.error[0].value
    assert button(shown, "Start training")


def test_a_finished_run_can_be_scrubbed_through(page, finished):
    shown = opened(page)
    assert "After epoch 2" in text(shown)
    assert "It has never seen 0, 1, 2, 4, 5, 6, 8, 9" in text(shown)
    shown.slider(key="scrub_done_2").set_value(0).run()
    assert not shown.exception
    assert "Before training" in text(shown)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", "no room"),
        ("stopped", "stopped"),
        ("interrupted", "without saying why"),
        ("queued", "starting"),
    ],
)
def test_every_state_is_said_in_words(page, finished, state, words):
    beat = dataclasses.replace(this_process(), state=state, message="There is no room.")
    if state == "interrupted":
        beat = dataclasses.replace(beat, state="running", started="another boot")
    write_beat(finished.folder, beat)
    assert finished.status.state == state
    shown = opened(page)
    assert words in text(shown) + shown.get("progress")[0].proto.text


def test_compared_runs_show_what_differs_and_only_that(page, finished, few):
    other = dataclasses.replace(TINY, network=DropoutConfig(hidden=(8, 8, 8)))
    assert worker.work(create_run(finished.folder.with_name("other"), other)) == 0
    shown = opened(page)
    table = shown.table[0].value
    rows = table.to_string()
    assert "kind" in rows
    assert "prior scale" in rows
    assert "batch size" not in rows


def test_an_unknown_run_in_the_address_is_said(page, finished):
    page.run()
    page.switch_page("pages/2_Train.py")
    page.query_params["run"] = "nobody"
    shown = page.run()
    assert not shown.exception
    assert "There is no run 'nobody'" in text(shown)


def test_the_address_of_a_run_names_the_networks_in_use_too(page, finished):
    shown = opened(page)
    assert shown.query_params == {"left": "dropout-pen", "right": "bayesian-pen", "run": "done"}


def test_curves_stand_in_a_frame_of_all_epochs():
    figure = epoch_curves(
        [Curve("a", "#0072B2", [(1, 0.5), (2, 0.01)])], "Error", 40, dark=False, percent=True
    )
    assert list(figure.layout.xaxis.range) == pytest.approx([0, 41.6])
    assert figure.layout.yaxis.type == "log"
    assert figure.data[0].y == (0.5, 0.01)
    assert epoch_curves([Curve("a", "#0072B2", [])], "Error", 40, dark=True).data == ()
    first = epoch_curves(
        [Curve("a", "#0072B2", [(1, 0.01)])], "Error", 40, dark=False, percent=True
    )
    assert (
        first.layout.yaxis.rangemode == "tozero"
    )  # else plotly puts one point between -100 % and 100 %


def test_curves_are_made_anew_only_when_an_epoch_has_ended(finished):
    def now():
        return panels(str(finished.folder), modified(finished, HISTORY), False)

    first = now()
    assert now() is first
    assert [len(trace.x) for panel in first for trace in panel.figure.data] == [2] * 7
    finished.write_history(finished.history()[:1])
    assert [len(trace.x) for panel in now() for trace in panel.figure.data] == [1] * 7


def test_answers_change_epoch_by_epoch(finished):
    answers = finished.answers()
    assert answers.shape == (3, 100, 2, 10)
    assert torch.allclose(answers.sum(-1), torch.ones(3, 100, 2), atol=0.01)
    assert not torch.equal(answers[0], answers[2])
