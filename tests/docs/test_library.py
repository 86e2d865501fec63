"""The code of docs/library.md runs, block after block, as a reader would type it."""

import re
from pathlib import Path

import torch

from bnnlib import metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_the_code_on_the_page_runs(capsys) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 9
    names: dict[str, object] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for number, block in enumerate(blocks, 1):
            exec(compile(block, f"docs/library.md, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "KL" in printed
    assert "TraceMeanField_ELBO" in printed  # the refusal names what to use
    assert "a 7 with" in printed


def test_links_to_files_lead_somewhere() -> None:
    for page in PAGE.parent.glob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_metrics_in_the_table_are_those_there_are() -> None:
    section = PAGE.read_text(encoding="utf-8").split("| in `bnnlib.metrics` |")[1].split("They")[0]
    named = re.findall(r"`(\w+)`", section)
    assert len(named) > 15
    assert set(named) <= set(metrics.__all__)
