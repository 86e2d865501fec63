"""The README: its example runs, its commands are known, its table is what the cards say."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from bnnlib.cli.parser import main, parser
from bnnlib.storage.checkpoints import SHIPPED

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    exec(example, {})
    least_sure, drew = capsys.readouterr().out.splitlines()
    assert sum(int(votes) for votes in re.search(r"\[(.*)\]", least_sure)[1].split(",")) == 100
    assert drew == "you drew a 7"


def test_the_layer_learns_the_slope_in_the_readmes_own_model() -> None:
    example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1]
    names: dict[str, Any] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(example, names)
    slope, intercept = names["layer"].loc[:, 0].tolist()
    # 50 points with noise 0.1: the slope's own standard error is 0.1 / sqrt(sum x^2) = 0.024
    assert slope == pytest.approx(2, abs=0.15)
    assert intercept == pytest.approx(0, abs=0.1)


def test_links_to_files_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_the_commands_are_known() -> None:
    commands = re.findall(r"^python -m bnnlib (.*?)(?: +#.*)?$", README, re.MULTILINE)
    assert len(commands) > 5
    for command in commands:
        parser().parse_args(command.split())  # exits where it is unknown
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_the_folders_and_pages_are_there() -> None:
    block = re.search(r"## Where things are\n\n```\n(.*?)```", README, re.DOTALL)[1]
    for line in block.splitlines():
        for name in line.split("   ")[0].split(", "):
            assert (ROOT / name.strip()).exists(), name
    pages = {
        path.stem.split("_", 1)[1].replace("_", " ") for path in (ROOT / "pages").glob("*.py")
    } | {"Draw"}
    section = README.split("## The pages")[1].split("##")[0]
    assert set(re.findall(r"^- \*\*(.+?)\*\*", section, re.MULTILINE)) == pages


def test_the_figures_are_those_of_the_cards(capsys: pytest.CaptureFixture[str]) -> None:
    """To renew them: python -m bnnlib checkpoints --markdown."""
    assert main(["checkpoints", "--markdown"]) == 0
    header, line, *rows = capsys.readouterr().out.strip().splitlines()
    table = re.search(
        r"<!-- made by: python -m bnnlib checkpoints --markdown -->\n(.*?)\n<!-- end -->",
        README,
        re.DOTALL,
    )[1].splitlines()
    assert table[:2] == [header, line]
    assert set(table[2:]) <= set(rows)
    named = {row.split("`")[1] for row in table[2:]}
    assert set(SHIPPED) <= named


def test_the_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bnnlib|ui)/[\w/.]+|\w+\.(?:py|toml))`", text))
    assert len(named) > 20
    for name in named:
        assert (ROOT / name).exists(), name
    for folder in (ROOT / "bnnlib").iterdir():
        if (folder / "__init__.py").is_file():
            assert folder.name in text.split("```")[1], f"{folder.name} is not in the diagram"
