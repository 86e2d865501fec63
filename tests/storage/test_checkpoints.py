"""Checkpoints: what is saved is loaded; all damage is one sentence; nothing is half replaced."""

import copy
import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bnnlib import BnnlibError, list_checkpoints, load_checkpoint, sample_probs, save_checkpoint
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork, Network
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import SHIPPED, find_checkpoint, read_card, update_card

CARD = {"source": "mnist", "seed": 7}
IMAGES = torch.rand(3, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def saved(network: Network, tmp_path: Path) -> Path:
    """A checkpoint of each kind in turn."""
    return save_checkpoint(tmp_path / "shelf" / "mine", network, CARD)


def answers(network: Network) -> torch.Tensor:
    return sample_probs(network, IMAGES, 4, 0)


def test_what_is_saved_is_loaded(network: Network, saved: Path) -> None:
    loaded = load_checkpoint(saved)
    assert loaded.config == network.config
    assert loaded.state_dict().keys() == network.state_dict().keys()
    for name, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, network.state_dict()[name].half().float())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert torch.allclose(answers(loaded), answers(network), atol=1e-2)
    assert (loaded.card["source"], loaded.card["seed"], loaded.card["format"]) == (
        "mnist",
        7,
        checkpoints.FORMAT,
    )
    assert loaded.card["kind"] == network.config.kind
    assert {"torch", "pyro-ppl"} <= loaded.card["versions"].keys()


def test_a_card_handed_on_does_not_change_what_the_network_is(
    network: Network, saved: Path, tmp_path: Path
) -> None:
    card = {
        **read_card(saved),
        "kind": "other",
        "architecture": {"hidden": [1]},
        "created": "long ago",
    }
    loaded = load_checkpoint(save_checkpoint(tmp_path / "copy", network, card))
    assert loaded.config == network.config
    assert (loaded.card["created"], loaded.card["seed"]) == ("long ago", 7)


def test_its_files_are_two_and_readable_by_others(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["card.json", "weights.safetensors"]
    assert [path.name for path in saved.parent.iterdir()] == ["mine"]
    for path in (saved, *saved.iterdir()):
        assert path.stat().st_mode & 0o044 == 0o044
    assert {value.dtype for value in load_file(saved / "weights.safetensors").values()} == {
        torch.float16
    }


def test_weights_too_large_for_float16_are_kept_as_they_are(tmp_path: Path) -> None:
    network = DropoutNetwork(DropoutConfig(hidden=(4,)))
    network.layers[0].bias.data.fill_(1e6)
    loaded = load_checkpoint(save_checkpoint(tmp_path / "large", network, CARD))
    assert torch.equal(loaded.layers[0].bias, torch.full((4,), 1e6))


def test_weights_that_are_not_finite_are_not_saved_over_good_ones(
    saved: Path, network: Network, one_sentence
) -> None:
    before = answers(load_checkpoint(saved))
    next(network.parameters()).data[0] = float("nan")
    with pytest.raises(BnnlibError, match="not finite") as error:
        save_checkpoint(saved, network, CARD)
    assert one_sentence(error.value)
    assert torch.equal(answers(load_checkpoint(saved)), before)


def test_a_name_is_looked_for_below_checkpoints_and_then_as_a_path(
    saved: Path, monkeypatch
) -> None:
    assert find_checkpoint(saved) == saved
    monkeypatch.chdir(saved.parent)
    assert find_checkpoint("mine").samefile(saved)
    monkeypatch.setattr(checkpoints, "FOLDER", saved.parent)
    monkeypatch.chdir("/")
    assert find_checkpoint("mine") == saved


@pytest.mark.parametrize(
    "name", ["nobody", "", "/", "\0", "a" * 5_000, "mine/card.json", "no/such/place"]
)
def test_a_checkpoint_that_is_none_is_one_sentence_with_the_names_there_are(
    name: str, saved: Path, monkeypatch, one_sentence
) -> None:
    monkeypatch.setattr(checkpoints, "FOLDER", saved.parent)
    monkeypatch.chdir(saved.parent)
    with pytest.raises(BnnlibError) as error:
        load_checkpoint(name)
    assert one_sentence(error.value)
    if name == "nobody":
        assert "one of these names: mine" in str(error.value)


def rewrite_weights(folder: Path, change) -> None:
    weights = load_file(folder / "weights.safetensors")
    change(weights)
    save_file(weights, folder / "weights.safetensors")


def rewrite_card(folder: Path, **changes) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **changes}))


def truncate(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch executed",)


def pose(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))


def first(weights: dict[str, torch.Tensor]) -> str:
    return sorted(weights)[0]


WEIGHTS = "weights.safetensors"
DAMAGES = {
    "no card": lambda f: (f / "card.json").unlink(),
    "empty card": lambda f: (f / "card.json").write_text(""),
    "truncated card": lambda f: truncate(f / "card.json", 0.5),
    "card that is no text": lambda f: (f / "card.json").write_bytes(b"\xff\xfe\x00"),
    "card that is a list": lambda f: (f / "card.json").write_text("[]"),
    "card without end": lambda f: (f / "card.json").write_text("[" * 100_000),
    "card of another format": lambda f: rewrite_card(f, format=99),
    "card of somebody else": lambda f: (f / "card.json").write_text('{"name": "resnet"}'),
    "card of an unknown kind": lambda f: rewrite_card(f, kind="transformer"),
    "kind that is a list": lambda f: rewrite_card(f, kind=["dropout"]),
    "no architecture": lambda f: rewrite_card(f, architecture=None),
    "unknown option": lambda f: rewrite_card(f, architecture={"heads": 8}),
    "no layers": lambda f: rewrite_card(f, architecture={"hidden": []}),
    "layers of words": lambda f: rewrite_card(f, architecture={"hidden": ["wide"]}),
    "layers of fractions": lambda f: rewrite_card(f, architecture={"hidden": [16.5, 16, 16]}),
    "a layer of a billion": lambda f: rewrite_card(f, architecture={"hidden": [10**9]}),
    "a thousand layers": lambda f: rewrite_card(f, architecture={"hidden": [16] * 1_000}),
    "negative layers": lambda f: rewrite_card(f, architecture={"hidden": [-16, 16, 16]}),
    "colour images": lambda f: rewrite_card(f, architecture={"inputs": 3072}),
    "other sizes": lambda f: rewrite_card(f, architecture={"hidden": [16, 16, 32]}),
    "fewer layers": lambda f: rewrite_card(f, architecture={"hidden": [16, 16]}),
    "no weights": lambda f: (f / WEIGHTS).unlink(),
    "empty weights": lambda f: (f / WEIGHTS).write_bytes(b""),
    "weights cut in the header": lambda f: truncate(f / WEIGHTS, 0.001),
    "weights cut in the middle": lambda f: truncate(f / WEIGHTS, 0.5),
    "weights a byte short": lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-1]),
    "a header of 2^60 bytes": lambda f: (f / WEIGHTS).write_bytes(struct.pack("<Q", 2**60) + b"{}"),
    "weights that are a folder": lambda f: ((f / WEIGHTS).unlink(), (f / WEIGHTS).mkdir()),
    "weights that are text": lambda f: (f / WEIGHTS).write_text("weights"),
    "weights that are a pickle": lambda f: pose(f / WEIGHTS),
    "a weight too few": lambda f: rewrite_weights(f, lambda w: w.pop(first(w))),
    "a weight too many": lambda f: rewrite_weights(f, lambda w: w.update(extra=torch.zeros(3))),
    "a weight of another shape": lambda f: rewrite_weights(
        f, lambda w: w.update({first(w): torch.zeros(3, 5)})
    ),
    "a weight that is NaN": lambda f: rewrite_weights(
        f, lambda w: w[first(w)].view(-1)[:1].fill_(float("nan"))
    ),
    "a weight that is infinite": lambda f: rewrite_weights(
        f, lambda w: w[first(w)].view(-1)[-1:].fill_(float("inf"))
    ),
    "weights that are whole numbers": lambda f: rewrite_weights(
        f, lambda w: w.update({first(w): w[first(w)].int()})
    ),
    "float64 beyond float32": lambda f: rewrite_weights(
        f, lambda w: w.update({first(w): torch.full_like(w[first(w)], 1e300, dtype=torch.float64)})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_of_every_kind_is_one_sentence(
    damage: str, saved: Path, monkeypatch, one_sentence
) -> None:
    monkeypatch.chdir(saved)
    DAMAGES[damage](saved)
    with pytest.raises(BnnlibError) as error:
        load_checkpoint(saved)
    assert one_sentence(error.value), str(error.value)
    assert not (saved / "executed").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"input_dropout": 1.0},
        {"hidden_dropout": 2},
        {"hidden_dropout": -0.5},
        {"input_dropout": "half"},
    ],
)
def test_impossible_dropout_rates_are_one_sentence(
    changes: dict, tmp_path: Path, one_sentence
) -> None:
    folder = save_checkpoint(tmp_path / "mine", DropoutNetwork(DropoutConfig(hidden=(8,))), CARD)
    rewrite_card(folder, architecture={"hidden": [8], **changes})
    with pytest.raises(BnnlibError) as error:
        load_checkpoint(folder)
    assert one_sentence(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"minimum_scale": float("nan")},
        {"prior_scale": -1.0},
        {"initial_factors": []},
        {"input_bias": 5},
        {"prior_scale": "wide"},
    ],
)
def test_impossible_posteriors_are_one_sentence(
    changes: dict, tmp_path: Path, one_sentence
) -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(8,), initial_factors=(0.5,)))
    folder = save_checkpoint(tmp_path / "mine", network, CARD)
    rewrite_card(folder, architecture={"hidden": [8], "initial_factors": [0.5], **changes})
    with pytest.raises(BnnlibError) as error:
        load_checkpoint(folder)
    assert one_sentence(error.value)


def test_loading_a_pickle_would_have_executed_it(tmp_path: Path, monkeypatch) -> None:
    """The bomb is real: were the file read as a pickle, the test above would see it."""
    monkeypatch.chdir(tmp_path)
    pose(tmp_path / WEIGHTS)
    pickle.loads((tmp_path / WEIGHTS).read_bytes())
    assert (tmp_path / "executed").exists()


def test_the_list_names_what_is_there_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    good = save_checkpoint(tmp_path / "good", DropoutNetwork(DropoutConfig(hidden=(8,))), CARD)
    rewrite_card(
        save_checkpoint(tmp_path / "odd", DropoutNetwork(DropoutConfig(hidden=(8,))), CARD),
        architecture={"hidden": []},
    )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{")
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no folder")
    found = {info.name: info for info in list_checkpoints(tmp_path)}
    assert list(found) == ["broken", "empty", "good", "odd"]
    assert found["good"].card == read_card(good)
    assert found["good"].problem is None
    for name in ("broken", "empty", "odd"):
        assert found[name].card is None
        assert found[name].problem
    assert list_checkpoints(tmp_path / "nowhere") == []


def other(network: Network) -> Network:
    """A network of the same kind with other weights."""
    different = copy.deepcopy(network)
    for parameter in different.parameters():
        parameter.data.mul_(0.5)
    return different


def test_a_new_checkpoint_replaces_the_old_one_as_a_whole(network: Network, saved: Path) -> None:
    (saved / "notes.txt").write_text("of the old one")
    save_checkpoint(saved, other(network), {**CARD, "seed": 8})
    loaded = load_checkpoint(saved)
    assert loaded.card["seed"] == 8
    assert torch.allclose(answers(loaded), answers(other(network)), atol=1e-2)
    assert sorted(path.name for path in saved.iterdir()) == ["card.json", WEIGHTS]
    assert [path.name for path in saved.parent.iterdir()] == ["mine"]


STEPS = (
    "bnnlib.storage.checkpoints.save_file",
    "bnnlib.storage.checkpoints.write_card",
    "bnnlib.storage.checkpoints.swap_folders",
)


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), KeyboardInterrupt()],
    ids=["disk full", "Ctrl-C"],
)
@pytest.mark.parametrize("step", [*STEPS, "1st rename", "2nd rename", "3rd rename"])
def test_a_failure_at_any_step_leaves_the_old_one_whole(
    network: Network, saved: Path, step: str, failure, monkeypatch
) -> None:
    before = answers(load_checkpoint(saved))
    renames, rename = [], os.replace

    def fail(*arguments, **options):
        raise failure

    def fail_at_the_rename(source, target):
        renames.append(target)
        if len(renames) == int(step[0]):
            raise failure
        rename(source, target)

    monkeypatch.setattr(*((step, fail) if step in STEPS else ("os.replace", fail_at_the_rename)))
    with pytest.raises((BnnlibError, KeyboardInterrupt)):
        save_checkpoint(saved, other(network), {**CARD, "seed": 8})
    monkeypatch.undo()
    loaded = load_checkpoint(saved)
    assert loaded.card["seed"] == 7
    assert torch.equal(answers(loaded), before)
    assert [path.name for path in saved.parent.iterdir()] == ["mine"]


def test_a_process_killed_between_the_renames_loses_nothing(network: Network, saved: Path) -> None:
    before, shelf = answers(load_checkpoint(saved)), saved.parent
    os.replace(saved, checkpoints._aside(saved))  # as if the power had failed here
    assert torch.equal(answers(load_checkpoint(saved)), before)
    assert [(info.name, info.problem) for info in list_checkpoints(shelf)] == [("mine", None)]
    save_checkpoint(saved, other(network), {**CARD, "seed": 8})
    assert load_checkpoint(saved).card["seed"] == 8
    assert [path.name for path in shelf.iterdir()] == ["mine"]


def test_a_folder_of_other_things_is_never_replaced(
    network: Network, tmp_path: Path, one_sentence
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    (tmp_path / "file").write_text("a file")
    for place in ("thesis", "file", "file/below"):
        with pytest.raises(BnnlibError) as error:
            save_checkpoint(tmp_path / place, network, CARD)
        assert one_sentence(error.value)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    assert load_checkpoint(save_checkpoint(tmp_path / "empty", network, CARD)).card["seed"] == 7


def test_a_card_is_replaced_as_a_whole_or_not_at_all(saved: Path, monkeypatch) -> None:
    before = read_card(saved)
    monkeypatch.setattr(
        json,
        "dump",
        lambda card, file, **options: (
            file.write("{") and (_ for _ in ()).throw(OSError(28, "disk full"))
        ),
    )
    with pytest.raises(BnnlibError, match="disk full"):
        update_card(saved, {**before, "figures": {}})
    monkeypatch.undo()
    assert read_card(saved) == before
    assert len(list(saved.iterdir())) == 2
    update_card(saved, {**before, "figures": {"test": {"error": 0.5}}})
    assert read_card(saved)["figures"]["test"]["error"] == 0.5


@pytest.mark.parametrize("info", list_checkpoints(), ids=lambda info: info.name)
def test_the_shipped_checkpoints_load_and_answer(info) -> None:
    if info.name not in SHIPPED:
        pytest.skip(f"{info.name} does not ship with the project")
    network = load_checkpoint(info.name)
    assert info.card["source"] == "mnist"
    assert not [
        word for word in info.card.get("command", "").split() if word.startswith(("/", "~"))
    ]  # nobody else has that folder
    probs = sample_probs(network, IMAGES, 3, 0)
    assert torch.allclose(probs.sum(-1), torch.ones(3, 3), atol=1e-4)


def test_the_shipped_checkpoints_are_light_enough_to_ship() -> None:
    shipped = [info for info in list_checkpoints() if info.name in SHIPPED]
    assert {info.name for info in shipped} == set(SHIPPED)
    size = sum(path.stat().st_size for info in shipped for path in info.folder.iterdir())
    assert size < 140_000_000
