"""A Ray cluster of two machines on this one: `pytest -m cluster`, a minute or two.

The machines have working folders of their own and share none with the sweep. One is killed while it
trains, and all results arrive.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bnnlib.runs.folder import list_runs

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("default")]
ROOT = Path(__file__).parents[2]
SPEC = """
name = "twelve"
[[grid]]
kind = ["bayesian", "dropout"]
preset = "quick"
seed = [0, 1, 2]
lr = [1e-3, 2e-3]
epochs = 30
hidden_width = 64
images = 2000
device = "cpu"
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head that trains nothing."""
    module = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("BNNLIB_DATA", raising=False)
    monkeypatch.chdir(ROOT)
    made = module.Cluster()
    made.add_node(num_cpus=0, include_dashboard=False)
    yield made
    made.shutdown()


@pytest.fixture
def add_machine(cluster: Any, tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Adds a machine of one core with a folder of its own; gives both."""

    def add(name: str, **environment: str) -> tuple[Any, Path]:
        folder = tmp_path / name
        folder.mkdir()
        own = {"TMPDIR": str(folder), "BNNLIB_RUNS": str(folder / "runs"), **environment}
        return cluster.add_node(num_cpus=1, env_vars=own), folder

    return add


def start(spec: Path, address: str, runs: Path) -> subprocess.Popen[str]:
    words = ["sweep", str(spec), "--address", address, "--runs", str(runs)]
    return subprocess.Popen(
        [sys.executable, "-m", "bnnlib", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_twelve_trainings_arrive_though_one_of_two_machines_is_killed(
    cluster: Any, add_machine: Callable[..., tuple[Any, Path]], tmp_path: Path
) -> None:
    spec, runs = tmp_path / "twelve.toml", tmp_path / "results"
    spec.write_text(SPEC)
    (_, staying), (doomed, folder) = add_machine("staying"), add_machine("doomed")
    driver = start(spec, cluster.address, runs)
    began = time.monotonic()
    while not (len(list_runs(runs)) >= 3 and list(folder.glob("bnnlib-trial-*/trial/history.*"))):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() - began < 240
        time.sleep(0.05)
    cluster.remove_node(doomed, allow_graceful=False)  # at work: it has finished an epoch
    before = len(list_runs(runs))
    out, err = driver.communicate(timeout=400)
    print(out, err)
    assert driver.returncode == 0
    assert "12 trained, 0 failed" in out
    where = re.findall(r"^twelve-\S+ +trained .* (\S+)$", out, re.MULTILINE)
    assert len(where) == 12
    assert len(set(where)) == 2  # both have trained
    assert len(set(where[before + 1 :])) == 1  # the one that was left
    assert not list(staying.glob("bnnlib-trial-*"))
    assert not list(staying.glob("runs/*"))
    found = list_runs(runs)
    assert len(found) == 12
    assert all(run.status.state == "finished" for run in found)
    assert all(len(run.history()) == 30 for run in found)
    again = start(spec, cluster.address, runs)
    out, err = again.communicate(timeout=100)
    assert again.returncode == 0
    assert "12 finished before" in err


def test_a_machine_without_the_data_gets_one_sentence(
    cluster: Any, add_machine: Callable[..., tuple[Any, Path]], tmp_path: Path, one_sentence
) -> None:
    spec, raw = tmp_path / "s.toml", tmp_path / "data" / "MNIST" / "raw"
    spec.write_text(SPEC)
    raw.mkdir(parents=True)
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{stem}-ubyte").touch()
    add_machine("other", BNNLIB_DATA=str(tmp_path / "data"))
    if (ROOT / "data" / "MNIST").exists():
        pytest.skip("the full MNIST of the checkout hides what the machine has")
    driver = start(spec, cluster.address, tmp_path / "results")
    _, err = driver.communicate(timeout=100)
    assert driver.returncode == 2
    assert "cannot train: it has the full MNIST, unlike" in err
    assert one_sentence(err.splitlines()[-1])


def test_a_cluster_without_machines_ends_the_sweep_with_one_sentence(
    cluster: Any, add_machine: Callable[..., tuple[Any, Path]], tmp_path: Path, one_sentence
) -> None:
    spec, runs = tmp_path / "s.toml", tmp_path / "results"
    spec.write_text(SPEC)
    only, folder = add_machine("only")
    driver = start(spec, cluster.address, runs)
    while not list(folder.glob("bnnlib-trial-*")):
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.05)
    cluster.remove_node(only, allow_graceful=False)
    _, err = driver.communicate(timeout=200)
    assert driver.returncode == 2
    assert "No machine is left that could train" in err
    assert one_sentence(err.splitlines()[-1])
