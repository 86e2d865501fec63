"""What the pages read is changed under them: data that vanish, checkpoints that are replaced."""

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import find_mnist
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.storage.checkpoints import save_checkpoint
from tests.datasets.test_mnist import write_mnist
from tests.faults.conftest import PAGES, opened

CARD, WEIGHTS = "card.json", "weights.safetensors"


def said(page: AppTest) -> str:
    assert not page.exception
    return " ".join(str(one.value) for one in [*page.error, *page.warning])


def shown(page: AppTest) -> str:
    return " ".join(str(one.value) for one in [*page.markdown, *page.caption])


def test_data_that_vanish_are_replaced_by_the_embedded_digits(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_mnist(tmp_path / "data")
    monkeypatch.setenv("BNNLIB_DATA", str(data))
    # An earlier test may have loaded the page's module without the full MNIST.
    monkeypatch.setattr("ui.loaders.find_mnist", find_mnist)
    monkeypatch.setattr("bnnlib.places.home", lambda name: tmp_path / "nowhere" / name)
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.session_state["networks"] = ("dropout", "bayesian")
    page = opened(app, "pages/2_Train.py")
    assert "Digits in use: the full MNIST" in shown(page)
    data.rename(tmp_path / "gone")
    page.run()
    assert not page.exception
    assert "Digits in use: the 5,000 MNIST digits embedded" in shown(page)
    for path in PAGES:
        opened(app, path)


def test_a_checkpoint_replaced_in_two_steps_is_never_a_mixture(
    app: AppTest, checkpoints: Path, tmp_path: Path
) -> None:
    mine = checkpoints / "bayesian"
    other = BayesianNetwork(BayesianConfig(hidden=(32, 32), initial_factors=(0.5, 0.5)))
    save_checkpoint(tmp_path / "other", other, {"source": "embedded"})
    app.run()
    assert not said(app)
    (tmp_path / "other" / WEIGHTS).replace(mine / WEIGHTS)
    app.run()
    assert "its card says [785, 16]: it belongs to another network." in said(app)
    assert "**dropout**" in app.get("plotly_chart")[0].proto.alt or app.get("plotly_chart")
    (tmp_path / "other" / CARD).replace(mine / CARD)
    app.run()
    assert not said(app)


@pytest.mark.parametrize("fault", ["truncated", "no weights", "no card", "gone"])
def test_a_checkpoint_damaged_in_use_is_said_and_every_page_goes_on(
    fault: str, app: AppTest, checkpoints: Path
) -> None:
    mine = checkpoints / "bayesian"
    app.run()
    if fault == "truncated":
        (mine / WEIGHTS).write_bytes((mine / WEIGHTS).read_bytes()[:1_000])
    elif fault == "gone":
        shutil.rmtree(mine)
    else:
        (mine / (WEIGHTS if fault == "no weights" else CARD)).unlink()
    app.run()
    assert "bayesian" in said(app)
    assert app.get("plotly_chart")  # the other network's answer
    for path in PAGES:
        opened(app, path)
