"""Two networks compared on the same images: differences known beforehand, and old files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bnnlib import metrics
from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.compare import (
    COMPARED,
    check_same_images,
    compare,
    difference,
    lacking,
)
from bnnlib.evaluation.evaluate import Plan, evaluate, examine, networks_asked
from bnnlib.networks import DropoutConfig, DropoutNetwork, EnsembleNetwork
from bnnlib.storage.checkpoints import save_checkpoint
from bnnlib.storage.evaluations import FILE, Results, load_results, save_results
from tests.devices import simulated_devices


@pytest.fixture(scope="module")
def networks() -> list[DropoutNetwork]:
    """Two untrained networks."""
    made = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    return [DropoutNetwork(DropoutConfig(hidden=(16, 16)), generator) for generator in made]


@pytest.fixture(scope="module")
def pair(networks: list[DropoutNetwork], few: Digits) -> list[Results]:
    return [examine(network, few, Plan(samples=3)) for network in networks]


@pytest.fixture
def folders(tmp_path: Path, networks: list[DropoutNetwork], monkeypatch) -> list[Path]:
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    return [
        save_checkpoint(tmp_path / name, network, {"source": "embedded"})
        for name, network in zip("ab", networks, strict=True)
    ]


def test_the_differences_are_those_of_the_figures(pair: list[Results]) -> None:
    found = compare(*pair)
    assert tuple(found) == COMPARED
    for figure, one in found.items():
        assert one.value == pair[0].summary[figure] - pair[1].summary[figure]
        assert one.low <= one.value <= one.high
    swapped = compare(pair[1], pair[0])
    assert swapped["nll"].low == pytest.approx(-found["nll"].high)
    nothing = difference(pair[0], pair[0], "error")
    assert (nothing.value, nothing.low, nothing.high, nothing.beyond_chance) == (0, 0, 0, False)


def test_pairs_that_differ_on_few_images_differ_beyond_chance() -> None:
    """300 mistakes in common; 60 of the first's own, 30 of the second's: McNemar's z is 3.2."""
    labels = torch.zeros(4_000, dtype=torch.uint8)
    image = torch.arange(4_000)
    first, second = image < 360, (image < 300) | (image >= 3_970)
    made = [
        Results({"error": wrong.double().mean().item()}, {"labels": labels, "predicted": wrong})
        for wrong in (first, second)
    ]
    found = difference(*made, "error")
    assert found.value == pytest.approx(0.0075)
    assert found.beyond_chance
    assert found.low == pytest.approx(0.0075 - 1.96 * 0.00237, abs=5e-4)


def test_what_is_kept_of_each_image_has_the_figures_as_its_mean(pair: list[Results]) -> None:
    for found in pair:
        assert found.arrays["nlls"].mean().item() == pytest.approx(found.summary["nll"], rel=1e-5)
        mean = found.arrays["briers"].mean().item()
        assert mean == pytest.approx(found.summary["brier"], rel=1e-5)


def test_other_images_are_not_compared(pair: list[Results], one_sentence) -> None:
    labels = pair[1].arrays["labels"].flip(0)
    other = replace(pair[1], arrays={**pair[1].arrays, "labels": labels})
    with pytest.raises(BnnlibError, match="about different images") as caught:
        check_same_images({"a": pair[0], "b": other})
    assert one_sentence(caught.value)
    split = replace(pair[1], summary={**pair[1].summary, "split": "validation"})
    with pytest.raises(BnnlibError, match="100 validation images"):
        check_same_images({"a": pair[0], "b": split})
    check_same_images({"a": pair[0], "b": pair[1]})
    check_same_images({"a": pair[0]})


def as_earlier(file: Path) -> None:
    """Rewrite a file of results as the version before would have written it."""
    found = load_results(file.parent)
    summary, arrays = dict(found.summary), dict(found.arrays)
    del arrays["nlls"], arrays["briers"], summary["squared_calibration_error"]
    del summary["corrected_means"], summary["intervals"]["squared_calibration_error"]
    summary["adaptive_ece"] = summary.pop("equal_mass_ece")
    summary["intervals"]["ece"] = [0.1, 0.2]
    summary["temperature_scaled"] = {"temperature": 2.0, "adaptive_ece": 0.3}
    save_file(arrays, file, metadata={"summary": json.dumps(summary)})


def test_files_of_an_earlier_version_open_and_compare_as_far_as_they_can(
    pair: list[Results], folders: list[Path]
) -> None:
    for folder, found in zip(folders, pair, strict=True):
        save_results(folder, found)
    as_earlier(folders[0] / FILE)
    old, new = (load_results(folder) for folder in folders)
    assert old.summary["equal_mass_ece"] == pair[0].summary["equal_mass_ece"]
    assert old.summary["temperature_scaled"]["equal_mass_ece"] == 0.3
    assert "ece" not in old.summary["intervals"]
    assert compare(old, new).keys() == {"error", "aurc"}
    assert lacking({"old": old, "new": new}) == ["old"]


def test_the_command_line_compares(
    folders: list[Path], few: Digits, monkeypatch, capsys, one_sentence
) -> None:
    monkeypatch.setattr("bnnlib.cli.evaluate.load_mnist", lambda: few)
    names = [str(folder) for folder in folders]
    assert main(["evaluate", *names, "--samples", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["networks"]) == names
    (one,) = found["differences"]
    assert (one["first"], one["second"]) == tuple(names)
    errors = [found["networks"][name]["error"] for name in names]
    assert one["figures"]["error"]["difference"] == errors[0] - errors[1]
    assert one["figures"].keys() == set(COMPARED)
    assert main(["evaluate", *names, "--samples", "3"]) == 0
    printed = capsys.readouterr().out
    assert f"{names[0]} less {names[1]}" in printed
    assert printed.count("beyond chance") + printed.count("within chance") == len(COMPARED)
    for name in names:
        assert f"{name} on 100 test images" in printed
    assert main(["evaluate", names[0], str(folders[1] / "nobody")]) == 2
    assert one_sentence(capsys.readouterr().err)


def test_an_ensemble_is_asked_once_a_member(networks: list[DropoutNetwork], few: Digits) -> None:
    ensemble = EnsembleNetwork.of(networks)
    assert [networks_asked(ensemble, samples) for samples in (1, 2, 100)] == [1, 2, 2]
    found = examine(ensemble, few, Plan(samples=30)).summary
    assert found["members"] == 2
    assert found["nll"] == pytest.approx(evaluate(ensemble, few, "test", 2)["nll"], rel=1e-6)
    with torch.inference_mode():
        probs = torch.stack([n(few.test.images.float() / 255).exp() for n in networks])
    # of two members, not of samples: without correction
    expected = metrics.MEASURES["mutual_information"](probs).mean().item()
    assert found["means"]["mutual_information"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_network_on_another_device_is_evaluated_there(device: str, few: Digits) -> None:
    plan = Plan(samples=2, ood=("noise",), refusal=True, temperature_scaling=True)
    with simulated_devices():
        network = DropoutNetwork(DropoutConfig(hidden=(8, 8)), torch.Generator().manual_seed(0))
        expected = examine(network, few, plan).summary
        found = examine(network.to(device), few, plan).summary
        assert evaluate(network, few, samples=2)["error"] == found["error"]
    assert found["error"] == expected["error"]
    assert found["nll"] == pytest.approx(expected["nll"], rel=1e-5)
