"""The code of docs/library.md runs, block after block, as a reader would type it."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"


def test_the_code_on_the_page_runs(capsys) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for number, block in enumerate(blocks, 1):
            exec(compile(block, f"docs/library.md, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "KL" in printed
    assert "TraceMeanField_ELBO" in printed  # the refusal names what to use
