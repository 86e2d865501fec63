"""Metrics on tensors of other devices: the CPU's numbers, and no mixture of devices."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

from bnnlib import metrics
from bnnlib.metrics.answer import make_answer
from tests.devices import moved_to, simulated_devices

S, B, C = 4, 60, 5


def given(device: str = "cpu") -> dict[str, Tensor]:
    """Samples, their mean, labels, doubt, errors and a set of others, on `device`."""
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(S, B, C, generator=generator).mul(2).softmax(-1)
    mean = samples.mean(0)
    labels = torch.multinomial(mean, 1, generator=generator)[:, 0]
    made = {
        "samples": samples,
        "probs": mean,
        "labels": labels,
        "doubt": 1 - mean.amax(-1),
        "wrong": mean.argmax(-1) != labels,
        "outside": torch.rand(B, generator=generator),
    }
    return moved_to(made, device)


def mean(values: Tensor) -> float:
    return values.float().mean().item()


METRICS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "figures": lambda t: metrics.figures(t["probs"], t["labels"]),
    "equal_mass_ece": lambda t: metrics.equal_mass_ece(t["probs"], t["labels"]),
    "squared_calibration_error": lambda t: metrics.squared_calibration_error_interval(
        t["probs"], t["labels"]
    ),
    "reliability": lambda t: metrics.reliability(t["probs"], t["labels"]).count,
    "confusion": lambda t: metrics.per_class_error(metrics.confusion(t["probs"], t["labels"])),
    "temperature": lambda t: metrics.fit_temperature(t["probs"], t["labels"]),
    "temperature of samples": lambda t: metrics.fit_temperature(t["samples"], t["labels"]),
    "aurc": lambda t: metrics.aurc(t["doubt"], t["wrong"]),
    "aurc_interval": lambda t: metrics.aurc_interval(t["doubt"], t["wrong"], 20),
    "risk_coverage": lambda t: metrics.risk_coverage(t["doubt"], t["wrong"])[1],
    "refusal_threshold": lambda t: metrics.refusal_threshold(t["doubt"]),
    "accuracy_at_coverage": lambda t: metrics.accuracy_at_coverage(t["doubt"], t["wrong"], 0.9),
    "detection": lambda t: metrics.detection(t["doubt"], t["outside"]),
    "auroc_interval": lambda t: metrics.auroc_interval(t["doubt"], t["wrong"], 20),
    "bootstrap": lambda t: metrics.bootstrap_interval(mean, t["wrong"], resamples=20),
    "paired": lambda t: metrics.paired_interval(mean, [t["wrong"]], [t["doubt"]], 20),
    "doubts": lambda t: metrics.doubts(t["samples"]),
    "corrected": lambda t: metrics.corrected_mutual_information(t["samples"]),
    "answer": lambda t: make_answer(t["samples"][:, :1], t["probs"][:1]).votes,
}


def plain(value: Any) -> Any:
    """Numbers and lists of them."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def near(first: Any, second: Any) -> bool:
    """Equal up to float32; a temperature lies in a flat minimum, so it is known less exactly."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(near(first[k], second[k]) for k in first)
    return first == pytest.approx(second, rel=3e-3, abs=1e-6)


@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_the_same_on_every_device(name: str, device: str) -> None:
    expected = plain(METRICS[name](given()))
    with simulated_devices():
        found = plain(METRICS[name](given(device)))
    assert near(found, expected)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"answer"}))
def test_no_metric_mixes_devices_by_pytorchs_own_rules(name: str) -> None:
    """Fake CUDA tensors hold no values: a metric ends where it asks for a number, not before."""
    with FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=False):
        tensors = {
            "samples": torch.empty(S, B, C, device="cuda"),
            "probs": torch.empty(B, C, device="cuda"),
            "labels": torch.empty(B, dtype=torch.int64, device="cuda"),
            "doubt": torch.empty(B, device="cuda"),
            "wrong": torch.empty(B, dtype=torch.bool, device="cuda"),
            "outside": torch.empty(B, device="cuda"),
        }
        try:
            found = METRICS[name](tensors)
        except (DataDependentOutputException, GuardOnDataDependentSymNode):
            return
        for tensor in found.values() if isinstance(found, dict) else [found]:
            assert tensor.device.type == "cuda"


def test_ece_of_fake_cuda_tensors_gets_to_its_sums() -> None:
    with FakeTensorMode(shape_env=ShapeEnv()):
        table = metrics.reliability(
            torch.empty(B, C, device="cuda"), torch.empty(B, dtype=torch.int64, device="cuda")
        )
        assert table.accuracy.device.type == table.count.device.type == "cuda"
