"""The direction of the arrows, and what importing bnnlib may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = sorted((ROOT / "bnnlib").rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def below(names: set[str], *packages: str) -> set[str]:
    return {name for name in names if name.split(".")[0] in packages}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_knows_no_streamlit_and_nothing_above_it(path: Path) -> None:
    assert not below(
        imports(path),
        "streamlit",
        "streamlit_drawable_canvas",
        "ui",
        "pages",
        "dashboard",
        "benchmarks",
        "tests",
    )


@pytest.mark.parametrize("path", sorted((ROOT / "ui").rglob("*.py")), ids=lambda path: path.name)
def test_what_the_pages_share_knows_no_page(path: Path) -> None:
    assert not below(imports(path), "pages", "dashboard", "benchmarks", "tests")


@pytest.mark.parametrize(
    "name",
    [
        "datasets.mnist",
        "metrics.uncertainty",
        "layers.linear_normal",
        "networks.bayesian",
        "networks.dropout",
    ],
)
def test_the_ground_floor_imports_no_siblings(name: str) -> None:
    path = (ROOT / "bnnlib" / name.replace(".", "/")).with_suffix(".py")
    siblings = {module for module in imports(path) if module.startswith("bnnlib.")}
    assert all(
        module.startswith(
            ("bnnlib.errors", "bnnlib.networks", "bnnlib.layers", "bnnlib.datasets.download")
        )
        for module in siblings
    ), siblings


def test_importing_bnnlib_and_asking_a_bayesian_network_loads_nothing_heavy() -> None:
    script = (
        "import sys, torch, bnnlib; from bnnlib.networks import BayesianConfig, BayesianNetwork;"
        "network = BayesianNetwork(BayesianConfig(hidden=(8, 8, 8)));"
        "bnnlib.sample_probs(network, torch.zeros(300, 28, 28), 2, 0); bnnlib.sample_probs(network, torch.zeros(1, 28, 28), 2, 0);"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {
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
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
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


def test_bnnlib_has_the_names_a_script_may_rely_on() -> None:
    import bnnlib

    for name in ("load_mnist", "load_checkpoint", "sample_probs"):
        assert callable(getattr(bnnlib, name))
    for name in (
        "predictive_entropy",
        "expected_entropy",
        "mutual_information",
        "variation_ratio",
        "votes",
    ):
        assert callable(getattr(bnnlib.uncertainty, name))
    assert callable(bnnlib.drawing.image_from_canvas)
    assert callable(bnnlib.drawing.image_from_strokes)
