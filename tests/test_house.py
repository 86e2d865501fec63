"""The house around the library: what is installed fits together, and nothing waits at a prompt."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    ROOT / "dashboard.py",
    *(path for folder in ("bnnlib", "ui", "pages") for path in (ROOT / folder).rglob("*.py")),
]
PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "pyro": "pyro-ppl",
    "streamlit_drawable_canvas": "streamlit-drawable-canvas",
}  # named otherwise than imported
EXTRAS = {"laplace", "ray"}  # imported only where a function of an optional extra is called


def requirements() -> dict[str, str]:
    """Package -> version specifier."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(
        re.fullmatch(r"([\w-]+)(.*)", line).groups()
        for line in lines
        if line and not line.startswith("#")
    )


def test_torch_and_torchvision_are_a_pair_that_fits() -> None:
    import torch
    from torchvision.ops import nms  # what is missing where they do not fit

    for package in ("torch", "torchvision"):
        assert requirements()[package] == f"=={importlib.metadata.version(package).split('+')[0]}"
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
    assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]


def test_whatever_is_imported_is_required() -> None:
    imported = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    foreign = imported - sys.stdlib_module_names - {"bnnlib", "ui"} - EXTRAS
    assert {PACKAGES.get(name, name) for name in foreign} <= requirements().keys()


def test_the_python_that_is_promised_is_the_one_that_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert "Python 3.11 or newer" in (ROOT / "README.md").read_text()
    assert "(3, 11)" in (ROOT / "Makefile").read_text()
    assert project["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_a_python_that_is_too_old_gets_one_sentence(tmp_path: Path, one_sentence) -> None:
    old = tmp_path / "python2"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "-C", str(ROOT), f"PYTHON={old}", f"BIN={tmp_path}/bin", f"{tmp_path}/bin/python"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert one_sentence(
        next(line for line in done.stderr.splitlines() if "older than 3.11" in line)
    )


def test_streamlit_never_waits_at_a_prompt_nor_reports_home() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["showEmailPrompt"] is False
    assert not config["server"].get(
        "headless"
    )  # where there is a screen, the dashboard opens in the browser by itself
    assert config["browser"]["gatherUsageStats"] is False


def test_ci_runs_the_readmes_test_command_with_a_browser() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    assert (
        text.index("export CI=true")
        < text.index("install -y -qq chromium")
        < text.rindex("make test")
    )


@pytest.mark.parametrize(
    "path",
    ["data/MNIST/raw/train-images-idx3-ubyte", ".venv/bin/python", "runs/first/state.safetensors"],
)
def test_data_environments_and_runs_are_not_for_git(path: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    assert (
        subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0
    )
