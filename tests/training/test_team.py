"""Several processes train one network: torchrun with two of them, on the CPU."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed.run import get_args_parser

from bnnlib.cli.parser import parser
from bnnlib.runs.folder import list_runs
from bnnlib.runs.run import Run
from bnnlib.training.team import Team

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TORCHRUN, *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 13, 256])
def test_the_shares_are_the_batch_and_their_weights_those_of_its_images(count: int) -> None:
    size, batch = 3, torch.arange(100, 100 + count)
    teams = [Team(torch.nn.Linear(1, 1)) for _ in range(size)]
    for rank, team in enumerate(teams):
        team.size, team.rank = size, rank
    shares = [team.share(batch) for team in teams]
    assert torch.cat([index for index, weight in shares if weight]).tolist() == batch.tolist()
    assert sum(weight for _, weight in shares) == pytest.approx(size)
    for index, weight in shares:
        assert len(index)
        assert not weight or weight == pytest.approx(len(index) * size / count)


def test_two_processes_have_the_loss_and_gradients_of_one_with_the_whole_batch() -> None:
    done = torchrun("tests/training/in_a_team.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("equal") == 2


def test_torchrun_trains_one_network_that_rank_0_alone_writes(own_runs: Path) -> None:
    words = ["train", "bayesian", "--preset", "quick", "--device", "cpu", "--adversarial", "1"]
    words += ["--epochs", "2", "--hidden-width", "8", "--images", "101", "--batch-size", "25"]
    done = torchrun("-m", "--", "bnnlib", *words, "--run", str(own_runs / "team"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[Epoch 2/2]") == 1
    assert [run.name for run in list_runs(own_runs)] == ["team"]
    run = Run(own_runs / "team")
    assert run.status.state == "finished"
    assert [report["epoch"] for report in run.history()] == [1, 2]


def test_torchrun_understands_the_documented_command() -> None:
    text = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    commands = re.findall(r"^torchrun (.*?)(?: +#.*)?$", text.replace("\\\n", ""), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        found = get_args_parser().parse_args(command.split())  # exits where it is unknown
        assert (found.module, found.training_script) == (True, "bnnlib")
        parser().parse_args(found.training_script_args)
