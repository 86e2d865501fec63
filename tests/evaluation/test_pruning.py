"""The pruning curve: what it measures, how it is kept, and what the shipped ones say."""

import json
from pathlib import Path

import pytest
import torch

from bnnlib.datasets.mnist import Digits, Split
from bnnlib.evaluation.pruning import (
    FILE,
    SHARES,
    Cost,
    PruningCurve,
    cost,
    load_curve,
    pruned_card,
    pruning_curve,
    save_curve,
)
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.checkpoints import find_checkpoint, save_checkpoint

SIZES = BayesianConfig(hidden=(8, 8), initial_factors=(0.5, 0.5))


def network() -> BayesianNetwork:
    return BayesianNetwork(SIZES, torch.Generator().manual_seed(0)).requires_grad_(False)


def few(embedded: Digits) -> Split:
    return embedded.test.select(torch.arange(40))


def test_without_pruning_it_is_the_networks_own_error(embedded: Digits) -> None:
    part = few(embedded)
    probs = sample_probs(network(), part.images, 4, 7, shared=True)
    found = cost(network(), 0.0, part, 4, 7)
    assert found.error == pytest.approx(
        float((probs.mean(0).argmax(-1) != part.labels).float().mean())
    )
    assert found.nll == pytest.approx(
        float(-probs.mean(0).gather(1, part.labels[:, None]).log().mean()), rel=1e-5
    )


def test_without_weights_every_answer_is_uniform_and_nobody_disagrees(embedded: Digits) -> None:
    found = cost(network(), 0.9999, few(embedded), 4, 0)
    assert found.nll == pytest.approx(torch.tensor(10.0).log().item(), abs=0.05)
    assert abs(found.mutual_information) < 1e-3


def test_the_curve_is_kept_beside_its_weights_and_no_others(
    embedded: Digits, tmp_path: Path
) -> None:
    said: list[str] = []
    curve = pruning_curve(
        network(),
        few(embedded),
        "embedded",
        2,
        shares=(0, 0.5),
        progress=lambda done, text: said.append(text),
    )
    assert said == ["Leaving out 0 % of the weights …", "Leaving out 50 % of the weights …"]
    folder = save_checkpoint(tmp_path / "one", network(), {"seed": 0})
    assert load_curve(folder) is None
    save_curve(folder, curve)
    assert load_curve(folder) == curve
    other = BayesianNetwork(SIZES, torch.Generator().manual_seed(1))
    changed = save_checkpoint(tmp_path / "two", other, {"seed": 1})
    (changed / FILE).write_bytes((folder / FILE).read_bytes())
    assert load_curve(changed) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": 1}', "null", "{", "\x00"])
def test_a_file_that_is_no_curve_is_none(tmp_path: Path, text: str) -> None:
    folder = save_checkpoint(tmp_path / "one", network(), {})
    (folder / FILE).write_text(text)
    assert load_curve(folder) is None


def test_the_nearest_measured_share_is_found() -> None:
    curve = PruningCurve(tuple(Cost(s, s, s, s) for s in (0, 0.5, 0.9)), 10, 1, "mnist")
    assert [curve.at(share).share for share in (0.1, 0.6, 0.99)] == [0, 0.5, 0.9]


def test_a_pruned_networks_card_says_of_what_and_how_much() -> None:
    whole = network()
    whole.card = {"seed": 3, "figures": {"error": 0.01}, "created": "2026"}
    assert pruned_card(whole, "bayesian", 0.5) == {
        "seed": 3,
        "pruned": {"of": "bayesian", "share": 0.5, "by": "signal-to-noise"},
    }


@pytest.mark.parametrize("name", ["bayesian", "bayesian-t1"])
def test_the_shipped_curves_belong_to_the_shipped_weights(name: str) -> None:
    curve = load_curve(find_checkpoint(name))
    assert curve is not None
    assert tuple(c.share for c in curve.costs) == SHARES
    assert (curve.images, curve.source) == (10_000, "mnist")
    card = json.loads((find_checkpoint(name) / "card.json").read_text())
    assert curve.at(0).error == pytest.approx(card["figures"]["test"]["error"], abs=0.001)


def test_the_network_trained_at_temperature_1_can_do_without_most_of_its_weights() -> None:
    curve = load_curve(find_checkpoint("bayesian-t1"))
    assert curve is not None
    assert curve.at(0.95).error - curve.at(0).error <= 0.0015
    assert curve.at(0.98).error - curve.at(0).error <= 0.004
