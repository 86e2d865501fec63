"""What `pip install` reads: dependencies declared once, the tested pins, the wheel's contents."""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from bnnlib.storage.checkpoints import SHIPPED, list_checkpoints

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WHEEL = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
MEGABYTE = 1_000_000
# packages that are imported under another name
PACKAGES = {
    "PIL": "pillow",
    "axe_playwright_python": "axe-playwright-python",
    "pyro": "pyro-ppl",
    "sklearn": "scikit-learn",
    "streamlit_drawable_canvas": "streamlit-drawable-canvas",
    "bayesian_torch": "bayesian-torch",
    "blitz": "blitz-bayesian-pytorch",
    "cv2": "opencv-python-headless",
    "laplace": "laplace-torch",
}
OWN = {"bnnlib", "ui", "benchmarks", "tests", "examples", "docs"}


def declared(*extras: str) -> dict[str, SpecifierSet]:
    """Package -> range, of the library and of the extras."""
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in extras)]
    found = [Requirement(line) for lines in lists for line in lines]
    return {one.name: one.specifier for one in found if one.name != PROJECT["name"]}


def pins() -> dict[str, str]:
    """Package -> version, of requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def imported(paths: Iterable[Path]) -> set[str]:
    """The packages of others that files import, anywhere in them."""
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return {PACKAGES.get(name, name) for name in names - sys.stdlib_module_names - OWN}


def test_each_requirement_is_declared_once_and_its_tested_version_lies_in_its_range() -> None:
    ranges = declared("app")
    assert pins().keys() == ranges.keys()
    for name, version in pins().items():
        assert version in ranges[name], name
        assert str(ranges[name]), f"{name} has no range"


def test_the_library_imports_only_what_it_declares() -> None:
    library = set((ROOT / "bnnlib").rglob("*.py"))
    figures = set((ROOT / "bnnlib" / "figures").glob("*.py"))
    fitting = {ROOT / "bnnlib" / "training" / "laplace.py"}  # imports laplace-torch when it is used
    sweeping = {ROOT / "bnnlib" / "runs" / "cluster.py"}  # imports ray when it is used
    assert imported(library - figures - fitting - sweeping) <= declared().keys()
    assert imported(fitting) <= declared("laplace").keys()
    assert imported(sweeping) <= declared("cluster").keys()
    assert imported(figures) <= declared("app").keys()


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (("ui", "pages"), ("app",)),
        (("benchmarks",), ("app", "dev", "bench")),
        (("tests", "docs"), ("app", "dev")),
    ],
)
def test_everything_else_imports_only_what_its_extras_declare(
    folders: tuple[str, ...], extras: tuple[str, ...]
) -> None:
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    # pytest needs `packaging`, which reads the ranges above
    assert imported(paths) - {"packaging"} <= declared(*extras).keys()


def test_everything_that_is_declared_for_the_library_is_imported() -> None:
    library = imported((ROOT / "bnnlib").rglob("*.py"))
    unused = declared().keys() - library
    assert not unused


def test_the_console_script_is_the_command_line() -> None:
    module, name = PROJECT["scripts"]["bnnlib"].split(":")
    script = getattr(importlib.import_module(module), name)
    from bnnlib.__main__ import main

    assert script is main
    with pytest.raises(SystemExit) as done:
        script(["--help"])
    assert done.value.code == 0


def test_the_wheel_holds_the_library_and_two_small_checkpoints() -> None:
    assert WHEEL["packages"] == ["bnnlib"]
    for folder in (ROOT / "bnnlib").rglob("*"):
        if folder.is_dir() and any(folder.glob("*.py")):
            assert (folder / "__init__.py").is_file(), f"{folder} is no package"
    included = WHEEL["force-include"]
    names = {Path(source).name for source in included}
    assert names == {"bayesian", "dropout"}
    assert names < set(SHIPPED)
    assert set(included) < set(
        PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    )
    for source, target in included.items():
        assert target == f"bnnlib/{source}"
        assert {file.name for file in (ROOT / source).iterdir()} >= {
            "card.json",
            "weights.safetensors",
        }
    size = sum(file.stat().st_size for source in included for file in (ROOT / source).iterdir())
    assert size < 20 * MEGABYTE
    found = {info.name for info in list_checkpoints(ROOT / "checkpoints") if info.card}
    assert names <= found


def test_the_pythons_that_are_named_are_the_same_everywhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    classified = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    *others, last = classified
    words = f"{', '.join(others)} and {last}" if others else last
    assert f"(tested with {words})" in readme
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in classified)


def test_the_lock_file_has_every_pin_and_a_hash_for_each_package() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M))
    made = "run: " + lock.splitlines()[1].lstrip("# ")
    assert {name: locked.get(name) for name in pins()} == pins(), made
    for block in re.split(r"\n(?=\S)", lock):
        if "==" in block.splitlines()[0] and not block.startswith("#"):
            assert "--hash=sha256:" in block, block.splitlines()[0]
