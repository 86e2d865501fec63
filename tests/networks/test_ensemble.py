"""A deep ensemble: its members take turns, however it is asked. Nothing else is random."""

import json

import pytest
import torch

from bnnlib import BnnlibError, deterministic_probs, sample_probs
from bnnlib.cli.ensemble import assemble
from bnnlib.cli.parser import main
from bnnlib.evaluation.survey import Survey
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    EnsembleConfig,
    EnsembleNetwork,
)
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint

SMALL = DropoutConfig(hidden=(12, 8))
IMAGES = torch.rand(6, 28, 28, generator=torch.Generator().manual_seed(0))


def members(count: int = 3) -> list[DropoutNetwork]:
    return [DropoutNetwork(SMALL, torch.Generator().manual_seed(seed)) for seed in range(count)]


def folders(tmp_path, *networks) -> list[str]:
    for k, network in enumerate(networks):
        save_checkpoint(tmp_path / f"m{k}", network, {"seed": k, "source": "mnist"})
    return [str(tmp_path / f"m{k}") for k in range(len(networks))]


@pytest.mark.parametrize("shared", [True, False])
def test_sample_s_is_member_s_modulo_their_number(shared: bool, monkeypatch) -> None:
    monkeypatch.setattr("bnnlib.networks.sampling.MAX_ROWS", 4)  # in parts
    networks = members()
    alone = torch.stack([deterministic_probs(network, IMAGES) for network in networks])
    ensemble = EnsembleNetwork.of(networks)
    asked = sample_probs(ensemble, IMAGES, 7, 0, shared)
    assert torch.allclose(asked, alone[[0, 1, 2, 0, 1, 2, 0]], atol=1e-6)
    assert torch.equal(
        asked, sample_probs(ensemble, IMAGES, 7, 99, shared)
    )  # the generator has no say
    assert torch.allclose(
        sample_probs(ensemble, IMAGES, 4, 0, shared, first=2), alone[[2, 0, 1, 2]], atol=1e-6
    )


def test_a_survey_asks_the_members_in_turn() -> None:
    ensemble = EnsembleNetwork.of(members())
    survey = Survey(ensemble, IMAGES, 5, 0)
    while survey.done < survey.samples:
        survey.advance()
    mean = sample_probs(ensemble, IMAGES, 5, 0, shared=True).mean(0)
    assert torch.allclose(survey.opinions(torch.zeros(6, dtype=torch.long)).mean, mean, atol=1e-6)


def test_members_must_be_of_one_size() -> None:
    with pytest.raises(ValueError, match="2 different sizes"):
        EnsembleNetwork.of([*members(1), DropoutNetwork(DropoutConfig(hidden=(9, 8)))])


def test_it_is_put_together_and_stored_and_loaded(tmp_path) -> None:
    networks = members()
    ensemble, card = assemble(folders(tmp_path, *networks))
    assert [member["seed"] for member in card["members"]] == [0, 1, 2]
    assert card["command"] == "python -m bnnlib ensemble m0 m1 m2"
    save_checkpoint(tmp_path / "together", ensemble, card)
    loaded = load_checkpoint(tmp_path / "together")
    assert loaded.config == EnsembleConfig(3, (12, 8))
    assert torch.allclose(
        sample_probs(loaded, IMAGES, 3, 0),
        sample_probs(EnsembleNetwork.of(networks), IMAGES, 3, 0),
        atol=1e-3,
    )  # float16
    damaged = json.loads((tmp_path / "together" / "card.json").read_text())
    damaged["architecture"]["members"] = 1_000_000
    (tmp_path / "together" / "card.json").write_text(json.dumps(damaged))
    with pytest.raises(BnnlibError, match="1000000 members"):
        load_checkpoint(tmp_path / "together")


def test_what_cannot_be_put_together_is_refused(tmp_path, capsys) -> None:
    bayesian = BayesianNetwork(BayesianConfig(hidden=(8,), initial_factors=(0.5,)))
    good, other, wide = folders(
        tmp_path, *members(1), bayesian, DropoutNetwork(DropoutConfig(hidden=(9, 8)))
    )
    for names, words in (
        ([good], "There are 1 members: give 2 to 20 dropout checkpoints."),
        ([good, other], "is of kind bayesian: the members of an ensemble are dropout networks."),
        (
            [good, wide],
            "There is no ensemble of these: members of 2 different sizes: "
            "expected networks of one size.",
        ),
    ):
        assert main(["ensemble", *names, "--out", str(tmp_path / "new")]) == 2
        assert words in capsys.readouterr().err
    save_checkpoint(tmp_path / "sample", members(1)[0], {"source": "sample"})
    with pytest.raises(BnnlibError, match="different digits"):
        assemble([good, str(tmp_path / "sample")])
    assert not (tmp_path / "new").exists()
