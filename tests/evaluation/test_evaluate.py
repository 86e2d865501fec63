"""A whole evaluation of small networks on a few real digits.

What it finds, keeps, reads back, and says where it cannot.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bnnlib import metrics
from bnnlib.cli.parser import main
from bnnlib.datasets.mnist import Digits
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.compare import Difference
from bnnlib.evaluation.evaluate import Plan, evaluate, examine
from bnnlib.evaluation.sections import EDGES, SHIFT_IMAGES
from bnnlib.metrics.answer import Rule
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.networks.sampling import sample_probs
from bnnlib.sentences import evaluation as sentences
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint
from bnnlib.storage.evaluations import (
    FILE,
    Results,
    answer_rule,
    cache_folder,
    load_results,
    results_files,
    save_results,
)

PLAN = Plan(
    samples=7, ood=("noise",), shifts=("rotation", "noise"), refusal=True, temperature_scaling=True
)


@pytest.fixture(scope="module")
def small() -> DropoutNetwork:
    """Untrained, so that it makes every mistake there is."""
    return DropoutNetwork(DropoutConfig(hidden=(16, 16)), torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def results(small: DropoutNetwork, few: Digits) -> Results:
    return examine(small, few, PLAN)


@pytest.fixture
def checkpoint(tmp_path: Path, small: DropoutNetwork, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    return save_checkpoint(tmp_path / "small", small, {"source": "embedded"})


def test_the_figures_are_those_of_the_samples(
    results: Results, small: DropoutNetwork, few: Digits
) -> None:
    probs = sample_probs(small, few.test.images, PLAN.samples, PLAN.seed, shared=True)
    expected = metrics.figures(probs.mean(0), few.test.labels)
    summary = results.summary
    assert {name: summary[name] for name in expected} == pytest.approx(expected)
    assert evaluate(small, few, "test", PLAN.samples, PLAN.seed)["nll"] == pytest.approx(
        summary["nll"]
    )
    assert summary["intervals"]["error"][0] <= summary["error"] <= summary["intervals"]["error"][1]
    assert summary["deterministic"].keys() == expected.keys()
    wrong = probs.mean(0).argmax(-1) != few.test.labels
    assert torch.equal(results.wrong, wrong)
    for name, measure in metrics.MEASURES.items():
        assert summary["selective"][name]["aurc"] == pytest.approx(
            metrics.aurc(measure(probs), wrong)
        )
        assert summary["mistakes"][name]["auroc"] == pytest.approx(
            metrics.auroc(measure(probs), wrong)
        )
        assert torch.allclose(results.doubt(name), measure(probs), atol=2e-3)


def test_thresholds_come_from_validation(
    results: Results, small: DropoutNetwork, few: Digits
) -> None:
    known = metrics.doubts(
        sample_probs(small, few.validation.images, PLAN.samples, PLAN.seed, shared=True)
    )
    asked = metrics.doubts(
        sample_probs(small, few.test.images, PLAN.samples, PLAN.seed, shared=True)
    )
    for name, rule in results.summary["refusal"]["rules"].items():
        assert rule["threshold"] == pytest.approx(metrics.refusal_threshold(known[name], 0.95))
        assert rule["answered"] == pytest.approx(
            (asked[name] <= rule["threshold"]).double().mean().item()
        )
    assert results.summary["temperature_scaled"]["fitted_on"] == "validation"


def test_a_set_without_digits_and_the_histograms(results: Results, few: Digits) -> None:
    found = results.summary["ood"]["sets"]["noise"]
    assert found["images"] == 2_000
    assert found["measures"].keys() == metrics.MEASURES.keys()
    for row in found["measures"].values():
        assert row["interval"][0] <= row["auroc"] <= row["interval"][1]
        assert 0 <= row["refused"] <= 1
    for name in metrics.MEASURES:
        assert results.arrays[f"histogram/digits/{name}"].sum() == len(few.test)
        assert results.arrays[f"histogram/noise/{name}"].sum() == 2_000
    assert len(results.arrays["histogram/digits/least_confidence"]) == len(EDGES) - 1


def test_a_curve_starts_at_the_unshifted_digits(results: Results, few: Digits) -> None:
    for kind in PLAN.shifts:
        curve = results.summary["shifts"][kind]
        assert curve["images"] == min(SHIFT_IMAGES, len(few.test))
        assert curve["accuracy"][0] == pytest.approx(1 - results.summary["error"])
        assert curve["mutual_information"][0] == pytest.approx(
            results.summary["means"]["mutual_information"], abs=1e-6
        )
        assert len(curve["accuracy"]) == len(curve["strengths"])


def test_progress_goes_from_nothing_to_all(small: DropoutNetwork, few: Digits) -> None:
    told: list[float] = []
    examine(small, few, Plan(samples=25, refusal=True), lambda share, words: told.append(share))
    assert told[0] == 0
    assert told == sorted(told)
    assert len(told) == 6  # three chunks of the test, three of the validation images
    assert told[3] == pytest.approx(0.5)


def test_one_sample_is_said_to_know_no_mutual_information(few: Digits) -> None:
    network = BayesianNetwork(
        BayesianConfig(hidden=(16, 16), initial_factors=(0.5, 0.5)),
        torch.Generator().manual_seed(0),
    )
    summary = examine(network, few, Plan(samples=1)).summary
    assert summary["means"]["mutual_information"] == 0
    assert summary["mistakes"]["mutual_information"]["auroc"] == 0.5
    assert any(
        "with a single sample the mutual information is 0" in note for note in summary["notes"]
    )
    assert "deterministic" not in summary


def test_one_class_and_no_mistakes_are_said(small: DropoutNetwork, few: Digits) -> None:
    said = sample_probs(small, few.test.images, 3, 0, shared=True).mean(0).argmax(-1)
    one = few.test.select(said == said[0])
    labels = torch.full_like(one.labels, int(said[0]))
    easy = Digits(few.train, few.validation, type(one)(one.images, labels), "embedded")
    summary = examine(small, easy, Plan(samples=3)).summary
    assert summary["error"] == 0
    assert summary["mistakes"]["predictive_entropy"] is None
    assert any("all images are of class" in note for note in summary["notes"])
    assert any("all answers are right" in note for note in summary["notes"])


def test_damaged_probabilities_get_one_sentence(few: Digits, one_sentence) -> None:
    broken = DropoutNetwork(DropoutConfig(hidden=(16,)), torch.Generator().manual_seed(0))
    with torch.no_grad():
        broken.layers[0].weight.fill_(float("nan"))
    with pytest.raises(BnnlibError, match="are not finite numbers") as caught:
        examine(broken, few, Plan(samples=2))
    assert one_sentence(caught.value)


def test_results_come_back_as_they_went(results: Results, checkpoint: Path) -> None:
    assert load_results(checkpoint) is None
    assert results_files(checkpoint) == []
    where = save_results(checkpoint, results)
    assert where == checkpoint / FILE
    assert results_files(checkpoint) == [where]
    assert where.stat().st_size < 300_000
    back = load_results(checkpoint)
    assert back is not None
    assert json.loads(json.dumps(results.summary)).items() <= back.summary.items()
    assert back.arrays.keys() == results.arrays.keys()
    assert all(torch.equal(back.arrays[name], values) for name, values in results.arrays.items())
    learnt, rule = results.summary["refusal"]["rules"]["least_confidence"], answer_rule(checkpoint)
    assert (rule.rule, rule.answered, rule.right) == (
        Rule({"least_confidence": learnt["threshold"]}),
        learnt["answered"],
        learnt["right"],
    )


def test_results_in_the_cache_serve_where_those_beside_are_of_other_weights(
    results: Results, checkpoint: Path
) -> None:
    stale = save_results(checkpoint, results)
    stale.write_bytes(
        stale.read_bytes().replace(load_results(checkpoint).summary["weights"].encode(), b"0" * 24)
    )
    assert load_results(checkpoint) is None
    cached = save_results(checkpoint, results, beside=False)
    assert cached.parent == cache_folder()
    assert results_files(checkpoint) == [stale, cached]
    assert load_results(checkpoint) is not None


def test_results_of_other_weights_are_not_taken(results: Results, checkpoint: Path) -> None:
    save_results(checkpoint, results)
    other = DropoutNetwork(DropoutConfig(hidden=(16, 16)), torch.Generator().manual_seed(1))
    file = (checkpoint / FILE).read_bytes()
    save_checkpoint(checkpoint, other, {"source": "embedded"})
    (checkpoint / FILE).write_bytes(file)
    assert load_results(checkpoint) is None
    assert answer_rule(checkpoint) is None


@pytest.mark.skipif(os.name == "nt", reason="folders are not made read-only this way on Windows")
def test_where_the_checkpoint_cannot_be_written_the_cache_serves(
    results: Results,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_sentence,
) -> None:
    real = os.replace

    def refuse(source, target):
        if Path(target).parent == checkpoint or not (tmp_path / "writable").exists():
            raise PermissionError(13, "Permission denied")
        return real(source, target)

    monkeypatch.setattr("bnnlib.storage.files.os.replace", refuse)
    with pytest.raises(BnnlibError, match="BNNLIB_CACHE") as caught:
        save_results(checkpoint, results)
    assert one_sentence(caught.value)
    (tmp_path / "writable").touch()
    where = save_results(checkpoint, results)
    assert where.parent == cache_folder() == tmp_path / "cache"
    assert load_results(checkpoint) is not None
    assert sorted(file.name for file in checkpoint.iterdir()) == [
        "card.json",
        "weights.safetensors",
    ]


@pytest.mark.parametrize("damage", ["truncated", "foreign", "other format", "short", "infinite"])
def test_damaged_results_get_one_sentence(
    damage: str, results: Results, checkpoint: Path, one_sentence
) -> None:
    file = save_results(checkpoint, results)
    summary, arrays = load_results(checkpoint).summary, dict(results.arrays)
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:1_000])
    elif damage == "foreign":
        save_file({"x": torch.zeros(1)}, file)
    else:
        if damage == "other format":
            summary = {**summary, "format": 99}
        elif damage == "short":
            arrays["mutual_information"] = arrays["mutual_information"][:-1].contiguous()
        else:
            arrays["mutual_information"] = torch.full_like(
                arrays["mutual_information"], float("inf")
            )
        save_file(arrays, file, metadata={"summary": json.dumps(summary)})
    with pytest.raises(BnnlibError, match="evaluate small again") as caught:
        load_results(checkpoint)
    assert one_sentence(caught.value)
    assert answer_rule(checkpoint) is None


def test_the_command_line_prints_keeps_and_explains(
    checkpoint: Path, few: Digits, monkeypatch, capsys, one_sentence
) -> None:
    monkeypatch.setattr("bnnlib.cli.evaluate.load_mnist", lambda: few)
    name = str(checkpoint)
    assert main(["evaluate", name, "--samples", "3", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert {
        "error",
        "nll",
        "ece",
        "brier",
        "samples",
        "images",
        "source",
        "deterministic",
    } <= plain.keys()
    assert "ood" not in plain
    assert (
        main(
            [
                "evaluate",
                name,
                "--samples",
                "3",
                "--ood",
                "noise",
                "--shift",
                "occlusion",
                "--temperature-scaling",
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    for words in (
        "AURC",
        "refusing above",
        "noise",
        "occlusion",
        "temperature",
        "deterministic",
        "95 % bootstrap interval",
    ):
        assert words in printed
    assert main(["evaluate", name, "--samples", "3", "--save"]) == 0
    capsys.readouterr()
    card = load_checkpoint(checkpoint).card
    assert card["evaluation"]["shifts"].keys() == {"rotation"}
    assert card["figures"]["test"]["error"] == plain["error"]
    assert (
        card["evaluation"]["refusal"]["rules"]
        == load_results(checkpoint).summary["refusal"]["rules"]
    )
    for wrong in (
        ["--samples", "0"],
        ["--ood", "nowhere"],
        ["--shift", "squeeze"],
        ["--split", "validation", "--save"],
    ):
        try:
            code = main(["evaluate", name, *wrong])
        except SystemExit as stop:
            code = stop.code
        assert code == 2
        assert one_sentence(capsys.readouterr().err)


def test_the_better_figure_and_whether_it_is_more_than_chance() -> None:
    """Each is compared with the least by the interval of their difference."""
    clear, open_ = Difference(-0.01, -0.015, -0.005), Difference(-0.01, -0.025, 0.005)
    assert sentences.better([0.02, 0.01], lambda first, other: clear) == (1, True)
    assert sentences.better([0.02, 0.01], lambda first, other: open_) == (1, False)
    assert sentences.better([0.02, 0.01], lambda first, other: None) == (1, None)
    assert sentences.better([0.01, 0.01], lambda first, other: clear) is None
    assert sentences.better([0.01], lambda first, other: clear) is None
    three = {(0, 1): clear, (0, 2): open_}
    assert sentences.better([1, 2, 3], lambda *pair: three[pair]) == (0, False)
    assert sentences.better([1, 3, 2], lambda *pair: three[pair]) == (0, False)
    three[0, 2] = clear
    assert sentences.better([1, 2, 3], lambda *pair: three[pair]) == (0, True)


def test_the_sentence_on_errors_gives_the_difference() -> None:
    summaries = {name: {"error": e, "images": 1_000} for name, e in (("a", 0.02), ("b", 0.014))}
    said = sentences.on_errors(summaries, lambda *_: Difference(0.006, 0.001, 0.011))
    assert said.endswith(": a difference of 0.60 points (0.10 to 1.10), beyond chance.")
    said = sentences.on_errors(summaries, lambda *_: Difference(0.006, -0.001, 0.013))
    assert "0.60 points (-0.10 to 1.30), within chance" in said
    assert sentences.on_errors(summaries, lambda *_: None).endswith("**b** gets 1.40\u202f% wrong.")
    assert sentences.points(Difference(-0.006, -0.011, -0.001)) == "0.60 points (0.10 to 1.10)"


def test_the_sentences_follow_their_data(results: Results) -> None:
    assert sentences.percent(0.99999) == "over 99.9\u202f%"
    assert sentences.percent(1.0) == "100.0\u202f%"
    assert sentences.percent(0.0001, 2) == "0.01\u202f%"
    sure = torch.tensor([[0.0, 100.0], [0.0, 0.95], [0.0, 0.9]])
    assert "too sure by 5.0 points" in sentences.on_calibration({"a": sure})
    assert "as sure as it should be" in sentences.on_calibration(
        {"a": torch.tensor([[100.0], [0.9], [0.901]])}
    )
    everything = sentences.on_refusal({"a": results}, "predictive_entropy", 0)
    assert "Refusing nothing" in everything
    assert sentences.percent(1 - results.summary["error"], 2) in everything
    doubt, labels = torch.tensor([0.3, 0.05, 0.0]), torch.tensor([1, 2, 3])
    words = sentences.on_mistakes("a", doubt, labels, torch.tensor([7, 8, 3]))
    assert "a 2 that it takes for an 8 (95.0\u202f%); 1 of its 2 mistakes" in words
    assert "makes no mistake" in sentences.on_mistakes("a", doubt, labels, labels)
    matrix = torch.tensor([[5, 2], [0, 4]])
    assert sentences.on_classes({"a": [0.1, 0.2, None], "b": [0.1, 0.4, 0.9]}) == (
        "The hardest digit is 1: 30.0\u202f% of them are answered wrongly on average; "
        "the easiest is 0 with 10.0\u202f%."
    )
    assert "too few digits" in sentences.on_classes({"a": [0.1, None]})
    three = sentences.on_calibration(dict.fromkeys("abc", sure))
    assert [line[:9] for line in three.strip().splitlines()] == [
        "- **a** s",
        "- **b** s",
        "- **c** s",
    ]
    assert "takes a 0 for a 1 (2 times); its hardest digit is 0" in sentences.on_confusion(
        "a", matrix, [2 / 7, 0.0]
    )
