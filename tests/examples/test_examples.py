"""The examples run as they stand, and what they claim is so."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Runs an example and returns its variables; the embedded digits are its MNIST."""
    monkeypatch.setattr("bnnlib.datasets.mnist.find_mnist", lambda: None)

    def run(name: str) -> dict[str, Any]:
        with torch.random.fork_rng():
            return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")

    return run


def test_regression_fits_the_data_and_its_error_bars_widen_away_from_it(run, capsys) -> None:
    result = run("regression")
    x, mean, sd = result["grid"][:, 0], result["mean"], result["sd"]
    near = x.abs() < 0.9
    error = (mean - torch.sin(3 * x))[near]
    assert error.square().mean().sqrt() < 0.1  # the noise of one point
    assert sd[near].max() < 0.2
    for side in (x < 0, x > 0):
        at = {r: sd[side & ((x.abs() - r).abs() < 0.01)].item() for r in (0.5, 1.5, 2.25, 3.0)}
        assert at[0.5] < at[1.5] < at[2.25] < at[3.0]
        assert at[3.0] > 4 * at[0.5]
    assert capsys.readouterr().out.count("+-") == len(x)


def test_the_converted_classifier_is_as_good_and_knows_what_is_no_digit(run) -> None:
    result = run("digits8x8")
    labels, metrics = result["labels"], result["metrics"]
    before, after = result["before"], result["after"].mean(0)
    assert after.shape == (597, 10)
    assert metrics.error(after, labels) < 0.05
    assert metrics.error(after, labels) < metrics.error(before, labels) + 0.015
    assert result["unknown"] > 3 * result["known"]


def test_the_article_learns_with_the_right_sign_and_splits_votes_on_its_mistakes(run) -> None:
    result = run("article")
    losses, wrong, split = result["losses"], result["wrong"], result["split"]
    assert min(losses) > 0  # the published code's loss is negative: it rewards the KL
    assert sum(losses[-50:]) < 0.7 * sum(losses[:50])
    assert result["accuracy"] > 0.88
    assert split[wrong].float().mean() > 2 * split[~wrong].float().mean()


def test_no_example_knows_the_repository() -> None:
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not any(word in text for word in ("sys.path", "__file__", "checkpoints/"))
