"""Too little memory: a limit on the process, as `ulimit -v` sets it, hit for real."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.cli.parser import main
from bnnlib.errors import BnnlibError, is_memory
from bnnlib.networks import BayesianConfig
from bnnlib.runs.config import RunConfig
from bnnlib.runs.folder import create_run
from bnnlib.training.config import TrainingConfig
from tests.faults.conftest import PAGES, opened

ROOT = Path(__file__).resolve().parents[2]
# The small run loads all that a training needs: an import that lacks memory fails in many ways.
LIMITED = """
import resource, sys
from bnnlib.cli.parser import main
small, large = sys.argv[1:]
assert main(["train", "bayesian", "--run", small, "--resume"]) == 0
used = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20,) * 2)
sys.exit(main(["train", "bayesian", "--run", large, "--resume"]))
"""
linux = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs Linux to know a process's memory"
)


@linux
def test_a_run_that_needs_more_memory_fails_with_a_sentence(
    own_runs: Path, one_sentence: Callable[[object], bool]
) -> None:
    training = TrainingConfig(epochs=1, images=200, batch_size=100, compile=False)
    small, run = (
        create_run(own_runs / name, RunConfig(BayesianConfig(hidden=hidden), training))
        for name, hidden in (("small", (8, 8, 8)), ("large", (2_048,) * 3))  # large: over 400 MB
    )
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(small.folder), str(run.folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=120,
    )
    assert ended.returncode == 2
    assert "There was not enough memory: choose a smaller hidden width" in ended.stderr
    assert run.status.state == "failed"
    assert run.status.beat is not None
    assert one_sentence(run.status.beat.message)


def test_the_command_line_says_it_in_one_sentence(
    one_sentence: Callable[[object], bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def allocate(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("bnnlib.cli.evaluate.evaluate", allocate)
    assert main(["evaluate", "bayesian"]) == 2
    said = capsys.readouterr().err
    assert "There was not enough memory: ask for fewer samples" in said
    assert one_sentence(said)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (SystemError("error return without exception set"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (BnnlibError("There is no run 'x'."), False),
    ],
)
def test_what_counts_as_too_little_memory(error: Exception, memory: bool) -> None:
    assert is_memory(error) == memory


@pytest.mark.parametrize(
    ("path", "where"),
    [*((path, "title") for path in PAGES), ("pages/5_Method.py", "plotly_chart")],
)
def test_a_page_says_it_and_the_next_visit_works(
    path: str, where: str, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """title: at the page's start. plotly_chart: in a fragment, whose errors nobody else sees."""

    def allocate(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    app.run()
    with monkeypatch.context() as patch:
        patch.setattr(f"streamlit.{where}", allocate)
        app.switch_page(path).run()
        assert not app.exception
        assert any("The server has not enough memory for this" in one.value for one in app.error)
        assert len(app.header) == (8 if where == "plotly_chart" else 0)  # the other sections
    opened(app, path)
    assert not any("not enough memory" in one.value for one in app.error)
