"""A setting is described once: its limits, its flag, its widget, its row of the card, its docs."""

import argparse
import dataclasses
from pathlib import Path

import pytest

from bnnlib.cli.parser import parser
from bnnlib.cli.settings import markdown
from bnnlib.cli.train import configs_from
from bnnlib.errors import BnnlibError
from bnnlib.networks import BayesianConfig, DropoutConfig
from bnnlib.training.config import NETWORK, SETTINGS, TRAINING, TrainingConfig, check_network
from bnnlib.training.presets import PRESETS
from bnnlib.training.settings import Setting

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = [name for name, one in TRAINING.items() if one.is_number]


def test_every_field_is_described() -> None:
    assert list(TRAINING) == [field.name for field in dataclasses.fields(TrainingConfig)]
    described = NETWORK.keys() | {"hidden", "input_bias", "inputs", "classes", "kind"}
    for config in (DropoutConfig, BayesianConfig):
        assert {field.name for field in dataclasses.fields(config)} <= described
    for one in SETTINGS.values():
        assert one.label[0].isupper()
        assert one.help.endswith(".")
        assert one.values


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_may_be_at_its_limits_and_not_beyond(name: str, one_sentence) -> None:
    one, config = TRAINING[name], TrainingConfig()
    for value in (one.kind(one.low), one.kind(one.high)):
        assert getattr(dataclasses.replace(config, **{name: value}), name) == value
    for value in (one.low - 1, one.high + 1, float("nan"), True, "3"):
        with pytest.raises(BnnlibError, match=f"{name} is") as error:
            dataclasses.replace(config, **{name: value})
        assert one_sentence(error.value)
    if one.kind is int:
        with pytest.raises(BnnlibError, match="whole number"):
            dataclasses.replace(config, **{name: one.low + 0.5})


def test_every_preset_is_within_the_limits_of_its_network() -> None:
    for network, _ in PRESETS.values():
        check_network(network)
    wide = dataclasses.replace(BayesianConfig(), hidden=(1024, 1024, 4096))
    with pytest.raises(BnnlibError, match="hidden_width is 4096"):
        check_network(wide)


def test_every_flag_sets_its_field() -> None:
    given = {
        "objective": "elbo",
        "epochs": "7",
        "batch_size": "33",
        "lr": "0.02",
        "temperature": "0.3",
        "adversarial": "0.7",
        "precision": "bf16",
        "seed": "5",
        "device": "cpu",
        "images": "99",
        "augment": "affine",
        "start": "bayesian-robust",
        "pen": "digits.txt",
        "not_digits": "drawings",
        "outliers": "0.5",
        "classes": "7,1",
        "hidden_width": "24",
        "prior_scale": "0.4",
    }
    switches = [name for name, one in SETTINGS.items() if one.flag and one.kind is bool]
    assert {name for name, one in SETTINGS.items() if one.flag} == {*given, *switches}
    words = [word for name, value in given.items() for word in (SETTINGS[name].option, value)]
    words += [f"--no-{name}" if name == "calibrate" else f"--{name}" for name in switches]
    network, training = configs_from(parser().parse_args(["train", "bayesian", *words]))
    assert isinstance(network, BayesianConfig)
    assert network.hidden == (24, 24, 24)
    assert network.prior_scale == 0.4
    assert (training.calibrate, training.compile) == (False, True)
    expected = {**given, "classes": (1, 7)}
    for name, one in TRAINING.items():
        if name in given:
            text = expected[name]
            assert getattr(training, name) == (one.kind(text) if one.is_number else text)


@pytest.mark.parametrize("option", ["--temperature", "--prior-scale"])
def test_a_flag_of_the_other_kind_is_refused(option: str, one_sentence) -> None:
    options: argparse.Namespace = parser().parse_args(["train", "dropout", option, "0.1"])
    with pytest.raises(BnnlibError, match=f"{option} is for the bayesian network") as error:
        configs_from(options)
    assert one_sentence(error.value)


def test_the_documentation_is_up_to_date() -> None:
    found = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert found == markdown() + "\n", "run: python -m bnnlib settings > docs/settings.md"


def test_a_setting_says_which_values_it_takes() -> None:
    assert Setting("a", "A", "A.", low=0.5, high=2).values == "0.5 to 2"
    assert Setting("a", "A", "A.", int, 10, 50_000, none="all").values == "10 to 50,000, or all"
    assert Setting("a", "A", "A.", bool).values == "yes or no"
    assert Setting("a", "A", "A.", str, choices={"x": "", "y": ""}).values == "x, y"
