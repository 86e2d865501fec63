"""What import-linter cannot see: the pages, what an import loads, randomness, and public names.

The direction of the imports between folders is held by the contracts of `[tool.importlinter]` in
pyproject.toml.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "bnnlib").rglob("*.py"))
SCREENS = [ROOT / "dashboard.py", *sorted((ROOT / "pages").glob("*.py"))]
HEAVY = {
    "pyro",
    "torchvision",
    "mlxtend",
    "plotly",
    "streamlit",
    "matplotlib",
    "pandas",
    "sklearn",
    "scipy",
    "sympy",
    "torch._dynamo",
}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it; every import must be absolute."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            found.add(node.module.split(".")[0])
    return found


def loaded(script: str) -> set[str]:
    """The modules that a fresh Python has loaded after the script."""
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("path", SCREENS, ids=named)
def test_a_page_imports_only_ui_bnnlib_and_other_packages(path: Path) -> None:
    """import-linter cannot see them: dashboard.py is no package, and pages start with digits."""
    own = {child.stem if child.suffix == ".py" else child.name for child in ROOT.iterdir()}
    assert imports(path) & own <= {"ui", "bnnlib"}
    assert "streamlit" in imports(path)


@pytest.mark.parametrize("path", LIBRARY, ids=named)
def test_the_library_never_imports_streamlit_or_a_page(path: Path) -> None:
    """The linter knows imported packages only: it cannot see `import dashboard` nor `pages`."""
    above = {"streamlit", "streamlit_drawable_canvas", "dashboard", "pages", "tests"}
    assert not imports(path) & above


def test_importing_bnnlib_and_asking_a_bayesian_network_loads_nothing_heavy() -> None:
    modules = loaded(
        "import torch, bnnlib\n"
        "from bnnlib.networks import BayesianConfig, BayesianNetwork\n"
        "network = BayesianNetwork(BayesianConfig(hidden=(8, 8, 8)))\n"
        "for count in (300, 1):\n"
        "    bnnlib.sample_probs(network, torch.zeros(count, 28, 28), 2, 0)"
    )
    assert not HEAVY & modules


def test_importing_the_layers_package_loads_pyro_only_on_demand() -> None:
    assert not HEAVY & loaded("import bnnlib.layers")


@pytest.mark.parametrize("path", LIBRARY, ids=named)
def test_randomness_is_an_argument(path: Path) -> None:
    """No call seeds or draws from a generator that all threads share."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            call = ast.unparse(node.func)
            assert call not in {
                "torch.manual_seed",
                "torch.seed",
                "pyro.set_rng_seed",
                "np.random.seed",
                "random.seed",
            }, call
            if call in {
                "torch.randn",
                "torch.rand",
                "torch.randint",
                "torch.randperm",
                "torch.bernoulli",
                "torch.normal",
            }:
                assert "generator" in {keyword.arg for keyword in node.keywords}, (
                    f"{path}:{node.lineno}: {call} without a generator"
                )
            assert not call.startswith("np.random.") or call == "np.random.default_rng", call


MEASURES = (
    "predictive_entropy",
    "expected_entropy",
    "mutual_information",
    "variation_ratio",
    "votes",
)


def test_bnnlib_has_the_names_a_script_may_rely_on() -> None:
    import bnnlib

    for name in ("load_mnist", "load_checkpoint", "sample_probs", "deterministic_probs"):
        assert callable(getattr(bnnlib, name))
    for name in MEASURES:
        assert callable(getattr(bnnlib.uncertainty, name))
    assert callable(bnnlib.drawing.image_from_canvas)
    assert callable(bnnlib.drawing.image_from_strokes)


def test_uncertainty_can_be_imported_as_a_module() -> None:
    """In a fresh Python, where no other test has imported bnnlib before."""
    assert "bnnlib" in loaded(f"from bnnlib.uncertainty import {', '.join(MEASURES)}")
