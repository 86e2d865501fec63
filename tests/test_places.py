"""Where data, checkpoints and runs are: in a checkout, and where bnnlib is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bnnlib import BnnlibError, load_checkpoint, places, save_checkpoint
from bnnlib.networks import DropoutConfig, DropoutNetwork
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import find_checkpoint, list_checkpoints

VARIABLES = ("BNNLIB_DATA", "BNNLIB_CHECKPOINTS", "BNNLIB_RUNS", "BNNLIB_CACHE")


@pytest.fixture
def tiny() -> DropoutNetwork:
    return DropoutNetwork(DropoutConfig(hidden=(4,)))


@pytest.fixture
def unnamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No environment variable names a place; the user's folders are in a folder of the test's."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_in_a_checkout_the_places_are_its_folders(unnamed: Path) -> None:
    checkout = Path(__file__).resolve().parents[1]
    assert places.project() == checkout
    assert places.data_folders() == [checkout / "data"]
    assert places.checkpoint_folders() == [checkout / "checkpoints"]
    assert places.runs_folder() == checkout / "runs"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_where_bnnlib_is_installed_the_places_are_the_users(
    unnamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "ROOT", unnamed / "site-packages")
    assert places.project() is None
    mine = unnamed / "share" / "bnnlib"
    assert places.data_folders() == [mine / "data"]
    assert places.checkpoint_folders() == [mine / "checkpoints"]
    assert places.runs_folder() == mine / "runs"
    assert places.cache_folder() == unnamed / "cache" / "bnnlib"


def test_an_environment_variable_comes_first(
    unnamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, str(unnamed / variable))
    assert places.data_folders()[0] == unnamed / "BNNLIB_DATA"
    assert places.checkpoint_folders()[0] == unnamed / "BNNLIB_CHECKPOINTS"
    assert places.runs_folder() == unnamed / "BNNLIB_RUNS"
    assert places.cache_folder() == unnamed / "BNNLIB_CACHE"


def test_a_checkpoint_is_read_from_every_place_and_the_first_wins(
    tmp_path: Path, tiny: DropoutNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, packaged = tmp_path / "mine", tmp_path / "packaged"
    for folder in (mine / "both", packaged / "both", packaged / "only-packaged"):
        save_checkpoint(folder, tiny, {})
    monkeypatch.setattr(checkpoints, "FOLDER", mine)
    monkeypatch.setattr(checkpoints, "OTHERS", [packaged])
    assert find_checkpoint("both") == mine / "both"
    assert find_checkpoint("only-packaged") == packaged / "only-packaged"
    assert [info.folder for info in list_checkpoints()] == [
        mine / "both",
        packaged / "only-packaged",
    ]
    assert [info.name for info in list_checkpoints(mine)] == ["both"]


def test_a_shipped_checkpoint_that_is_not_here_is_said_where_to_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_sentence
) -> None:
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(checkpoints, "OTHERS", [])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BnnlibError, match="copy its folder from the project's") as caught:
        load_checkpoint("ensemble")
    assert str(tmp_path) in str(caught.value)
    assert one_sentence(caught.value)


def test_the_package_alone_lists_its_checkpoints_and_reads_data_in_another_process(
    unnamed: Path, tiny: DropoutNetwork
) -> None:
    """A copy of the package and nothing beside it, as in site-packages; run from elsewhere."""
    site, elsewhere = unnamed / "site", unnamed / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(Path(places.__file__).parent, site / "bnnlib")
    save_checkpoint(site / "bnnlib" / "checkpoints" / "packaged", tiny, {})
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import bnnlib, bnnlib.datasets.isolated as isolated\n"
        "from bnnlib.storage.checkpoints import FOLDER\n"
        "print(bnnlib.__file__, FOLDER, *(info.name for info in bnnlib.list_checkpoints()))\n"
        "try: isolated._read('no such set')\n"
        "except bnnlib.BnnlibError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(site)],
        cwd=elsewhere,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    listed, refused = done.stdout.splitlines()
    file, folder, *names = listed.split(" ")
    assert Path(file).parent == site / "bnnlib"
    assert names == ["packaged"]
    if sys.platform == "linux":
        assert Path(folder) == unnamed / "share" / "bnnlib" / "checkpoints"
    assert "no such set" in refused  # said by the process that `-m bnnlib.datasets...` started
