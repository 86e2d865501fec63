"""What the tests share: real digits, small networks, and the skipping of tests without MNIST."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bnnlib.datasets.mnist import Digits, find_mnist, load_mnist
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    LaplaceNetwork,
    Network,
)
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.runs.run import Run

SMALL = (16, 16, 16)

# The networks here are small: threads would only wait for each other, in processes of tests, too.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs the full MNIST where it is not; the embedded digits serve all other tests.

    Skip what starts a cluster, too, unless the marker was asked for.
    """
    if "cluster" not in config.option.markexpr:
        for item in items:
            if item.get_closest_marker("cluster"):
                item.add_marker(pytest.mark.skip(reason="starts Ray: run pytest -m cluster"))
    if find_mnist() is None:
        for item in items:
            if item.get_closest_marker("mnist"):
                item.add_marker(
                    pytest.mark.skip(
                        reason="the full MNIST is missing: set BNNLIB_DATA to a folder with it"
                    )
                )


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes the page that a test runs `__main__`; new processes would run it again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of training runs of the test's own."""
    monkeypatch.setenv("BNNLIB_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def without_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the full MNIST, whatever this one has."""
    monkeypatch.setattr("bnnlib.datasets.mnist.find_mnist", lambda: None)


@pytest.fixture(scope="session")
def mnist() -> Digits:
    """The full MNIST; only for tests marked `mnist`."""
    return load_mnist()


@pytest.fixture(scope="session")
def embedded() -> Digits:
    """The 5,000 embedded digits, always at hand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnnlib.datasets.mnist.find_mnist", lambda: None)
        return load_mnist()


@pytest.fixture(scope="session")
def few(embedded: Digits) -> Digits:
    """300 real digits to train on, 100 to validate, 100 held out: trained on in a second."""
    splits = (embedded.train, 300), (embedded.validation, 100), (embedded.test, 100)
    return Digits(*(split.select(torch.arange(n)) for split, n in splits), source="embedded")


@pytest.fixture(params=["dropout", "bayesian", "laplace"])
def network(request: pytest.FixtureRequest) -> Network:
    """A small untrained network of each kind in turn."""
    generator = torch.Generator().manual_seed(0)
    if request.param == "bayesian":
        return BayesianNetwork(BayesianConfig(hidden=SMALL), generator)
    dropout = DropoutNetwork(DropoutConfig(hidden=SMALL), generator)
    if request.param == "dropout":
        return dropout
    laplace, width = LaplaceNetwork.of(dropout), SMALL[-1]
    laplace.set_posterior(torch.eye(10), torch.eye(width), torch.full((10, width + 1), 0.5))
    return laplace


@pytest.fixture
def one_sentence() -> Callable[[str], bool]:
    """Whether a message is one sentence: it ends with a full stop and has none before."""

    def check(message: object) -> bool:
        text = str(message).strip()
        return "\n" not in text and text.endswith(".") and not re.search(r"[.!?] +[A-Z]", text)

    return check


@pytest.fixture
def trained(
    few: Digits, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[RunConfig], Run]:
    """Trains a run with two pinned images to its end, on few digits.

    A test that resumes the run trains on them too.
    """
    from bnnlib.runs import worker  # here, not above: it loads Pyro

    monkeypatch.setattr(worker, "load_mnist", lambda: few)

    def train(config: RunConfig) -> Run:
        run = create_run(own_runs / "done", config, few.test.images[:2])
        assert worker.work(run) == 0
        return run

    return train
