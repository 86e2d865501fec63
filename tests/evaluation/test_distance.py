"""The distance kept with an evaluation: how it is fitted, the rule it gives, the page's scale."""

import dataclasses

import pytest
import torch

from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.distance import answered, fit_distance, rule_limits, with_distance
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.metrics.distance import NAMES, Distance
from bnnlib.networks import DropoutConfig, DropoutNetwork, EnsembleNetwork
from bnnlib.networks.features import last_hidden
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint
from bnnlib.storage.evaluations import Results, answer_rule, load_results, save_results


@pytest.fixture(scope="module")
def network() -> DropoutNetwork:
    """Untrained: random features keep the ink's distances well enough."""
    return DropoutNetwork(DropoutConfig((64, 48)), torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def evaluated(network, few: Digits) -> Results:
    return examine(network, few, Plan(samples=4, refusal=True, distance=True))


def test_held_out_digits_are_as_far_as_usual_and_negatives_are_far(few, monkeypatch) -> None:
    network = load_checkpoint("dropout")
    monkeypatch.setattr("bnnlib.evaluation.distance.DIRECTIONS", 8)  # a class has 30 images here
    distance = fit_distance(network, few.train, few.validation)
    usual = distance.as_far(last_hidden(network, few.validation.images))
    ranks = torch.arange(1, len(usual) + 1) / len(usual)
    assert usual.sort().values.numpy() == pytest.approx(ranks.numpy(), abs=0.02)
    new, negatives = (
        distance.as_far(last_hidden(network, images)).mean().item()
        for images in (few.test.images, 255 - few.test.images)
    )
    assert new == pytest.approx(0.5, abs=0.1)
    assert negatives < 0.1


def test_the_limits_answer_the_share_that_was_asked_for() -> None:
    generator = torch.Generator().manual_seed(2)
    doubts = {name: torch.randn(1_000, generator=generator) for name in ("one", "two")}
    limits = rule_limits(doubts, 0.9)
    assert answered(doubts, limits).double().mean().item() == pytest.approx(0.9, abs=0.003)
    passed = [(doubts[name] > limits[name]).double().mean().item() for name in doubts]
    assert passed[0] == pytest.approx(passed[1], abs=0.005)  # each is passed as rarely as the other
    alone = rule_limits({"one": doubts["one"]}, 0.9)["one"]
    assert alone == doubts["one"].sort().values[899].item()


def test_what_was_fitted_is_kept_beside_the_checkpoint_and_read_back(
    network, evaluated, tmp_path
) -> None:
    folder = save_checkpoint(tmp_path / "one", network, {"source": "mnist"})
    save_results(folder, evaluated)
    back = load_results(folder)
    assert back is not None
    assert back.distance is not None
    assert evaluated.distance is not None
    images = torch.rand(5, 28, 28, generator=torch.Generator().manual_seed(3))
    features = last_hidden(network, images)
    assert torch.equal(back.distance.of(features), evaluated.distance.of(features))
    told, rule = evaluated.summary["distance"], answer_rule(folder)
    assert rule is not None
    assert (rule.rule.limits, rule.answered) == (told["rule"], told["answered"])
    assert set(told["rule"]) == {"distance", "predictive_entropy"}
    assert sum(part.nbytes for part in evaluated.distance.arrays().values()) < 200_000


def test_an_evaluation_without_a_distance_has_the_rule_it_had(network, few, tmp_path) -> None:
    folder = save_checkpoint(tmp_path / "one", network, {"source": "mnist"})
    plain = examine(network, few, Plan(samples=4, refusal=True))
    save_results(folder, plain)
    rule, back = answer_rule(folder), load_results(folder)
    assert rule is not None
    assert back is not None
    assert back.distance is None
    kept = plain.summary["refusal"]["rules"]["least_confidence"]["threshold"]
    assert rule.rule.limits == {"least_confidence": kept}


def test_with_strangers_the_rule_refuses_most_of_them(network, few, evaluated) -> None:
    noise = torch.rand(60, 28, 28, generator=torch.Generator().manual_seed(4))
    told = with_distance(evaluated, network, few, noise).summary["distance"]
    assert told["strangers"] == 60
    assert told["refused"][" or ".join(told["rule"])] == max(told["refused"].values())
    assert len(set(told["refused"].values())) > 1


def test_arrays_that_do_not_fit_together_are_refused(evaluated) -> None:
    arrays = evaluated.distance.arrays()
    assert tuple(arrays) == NAMES
    with pytest.raises(ValueError, match="the distance's arrays have the shapes"):
        Distance.from_arrays({**arrays, "means": arrays["means"][:, 1:]})


def test_an_ensemble_has_a_distance_too(network, few) -> None:
    ensemble = EnsembleNetwork.of([network, network])
    distance = fit_distance(ensemble, few.train, few.validation)
    assert distance.directions.basis.shape[0] == 96


def test_results_of_other_images_are_one_sentence(network, few, evaluated, one_sentence) -> None:
    cut = {name: values for name, values in evaluated.arrays.items() if name != "labels"}
    fewer = {**cut, "labels": evaluated.arrays["labels"][:5]}
    fewer["predicted"] = evaluated.arrays["predicted"][:5]
    with pytest.raises(BnnlibError) as caught:
        with_distance(dataclasses.replace(evaluated, arrays=fewer), network, few)
    assert one_sentence(str(caught.value))
