"""One's own checkpoints can be renamed and deleted; those of the project cannot."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.errors import BnnlibError
from bnnlib.storage import checkpoints
from bnnlib.storage.own_checkpoints import (
    delete_checkpoint,
    new_checkpoint,
    own_checkpoints,
    rename_checkpoint,
)

LEFT, RIGHT = "dropout-pen", "bayesian-pen"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two networks that the pages start with, and one of one's own."""
    for name, copy in ((LEFT, LEFT), (RIGHT, RIGHT), (LEFT, "mine")):
        shutil.copytree(checkpoints.FOLDER / name, tmp_path / copy)
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    return tmp_path


def test_renaming_moves_the_whole_checkpoint(folder: Path) -> None:
    files = {path.name for path in (folder / "mine").iterdir()}
    assert own_checkpoints() == ["mine"]
    assert rename_checkpoint("mine", "sevens") == folder / "sevens"
    assert own_checkpoints() == ["sevens"]
    assert {path.name for path in (folder / "sevens").iterdir()} == files
    checkpoints.load_checkpoint("sevens")


def test_deleting_leaves_nothing_and_touches_no_other(folder: Path) -> None:
    delete_checkpoint("mine")
    assert sorted(path.name for path in folder.iterdir()) == [RIGHT, LEFT]


@pytest.mark.parametrize("name", [LEFT, RIGHT, "nobody", "../mine", ""])
def test_what_is_not_ones_own_stays(folder: Path, one_sentence, name: str) -> None:
    for act in (lambda: delete_checkpoint(name), lambda: rename_checkpoint(name, "other")):
        with pytest.raises(BnnlibError) as caught:
            act()
        assert one_sentence(str(caught.value))
    assert sorted(path.name for path in folder.iterdir()) == [RIGHT, LEFT, "mine"]


@pytest.mark.parametrize("new", [RIGHT, "../out", ".hidden", "a/b"])
def test_a_name_that_cannot_be_had_loses_nothing(folder: Path, one_sentence, new: str) -> None:
    with pytest.raises(BnnlibError) as caught:
        rename_checkpoint("mine", new)
    assert one_sentence(str(caught.value))
    assert own_checkpoints() == ["mine"]


def aside(folder: Path, name: str) -> Path:
    return checkpoints._aside(folder / name)


def test_a_deleted_checkpoint_does_not_come_back_after_a_killed_replacement(folder: Path) -> None:
    """Killed before it removed the old one, which was read from there once the new one was gone."""
    shutil.copytree(folder / "mine", aside(folder, "mine"))
    delete_checkpoint("mine")
    assert own_checkpoints() == []
    assert not aside(folder, "mine").exists()


def test_a_checkpoint_that_was_set_aside_can_be_renamed_and_deleted(folder: Path) -> None:
    """Killed before the new one took its place."""
    (folder / "mine").rename(aside(folder, "mine"))
    assert own_checkpoints() == ["mine"]
    rename_checkpoint("mine", "sevens")
    assert own_checkpoints() == ["sevens"]
    (folder / "sevens").rename(aside(folder, "sevens"))
    delete_checkpoint("sevens")
    assert own_checkpoints() == []


def test_the_name_of_a_checkpoint_that_was_set_aside_is_taken(folder: Path) -> None:
    shutil.copytree(folder / "mine", folder / "other")
    (folder / "mine").rename(aside(folder, "mine"))
    with pytest.raises(BnnlibError, match="already"):
        rename_checkpoint("other", "mine")
    (folder / "mine").rename(aside(folder, "mine"))
    with pytest.raises(BnnlibError, match="already"):
        new_checkpoint("mine")
    assert own_checkpoints() == ["mine", "other"]


@pytest.fixture
def page(without_mnist: None, monkeypatch: pytest.MonkeyPatch, folder: Path) -> AppTest:
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.session_state["networks"] = ("mine", RIGHT)
    app.run()
    app.switch_page("pages/2_Train.py").run()
    assert not app.exception
    return app


def press(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    button.click().run()
    assert not page.exception
    return page


def test_a_page_that_uses_a_renamed_network_follows_it(page: AppTest, folder: Path) -> None:
    page.text_input(key="rename_own_mine").set_value("sevens").run()
    press(page, "Rename it")
    assert page.session_state["networks"] == ("sevens", RIGHT)
    assert page.selectbox(key="train_left").value == "sevens"
    assert own_checkpoints() == ["sevens"]


def test_a_page_that_used_a_deleted_network_goes_back_to_the_shipped_one(
    page: AppTest, folder: Path
) -> None:
    press(page, "Delete it for good")
    assert page.session_state["networks"] == (LEFT, RIGHT)
    assert not (folder / "mine").exists()
    assert not [
        button for button in page.button if button.label in ("Rename it", "Delete it for good")
    ]


def test_where_training_is_off_nothing_is_renamed_or_deleted(
    page: AppTest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    page.run()
    assert not [
        button for button in page.button if button.label in ("Rename it", "Delete it for good")
    ]
