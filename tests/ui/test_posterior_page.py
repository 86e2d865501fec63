"""The Posterior page without a browser, on small networks of every kind."""

import re
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.evaluation.pruning import load_curve
from bnnlib.evaluation.weights import layer_figures
from bnnlib.networks import (
    BayesianConfig,
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    EnsembleConfig,
    EnsembleNetwork,
    LaplaceConfig,
    LaplaceNetwork,
)
from bnnlib.networks.posterior import posterior_of
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint
from ui.posterior.state import NETWORK, QUANTITY, SEED, SHARE, UNIT

PAGE = "pages/4_Posterior.py"
HEADINGS = [
    "Every weight is a distribution",
    "One unit, seen from the input",
    "Which weights can go?",
    "Ten networks, the same images",
]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small untrained checkpoints, one of each kind."""
    generator, hidden = torch.Generator().manual_seed(0), (12, 12)
    dropout = DropoutNetwork(DropoutConfig(hidden=hidden), generator)
    networks = {
        "bayesian": BayesianNetwork(
            BayesianConfig(hidden=hidden, initial_factors=(0.5, 0.5)), generator
        ),
        "least": BayesianNetwork(
            BayesianConfig(hidden=hidden, initial_factors=(0.5, 0.5), minimum_scale=0.01), generator
        ),
        "dropout": dropout,
        "ensemble": EnsembleNetwork(EnsembleConfig(members=3, hidden=hidden)),
        "laplace": LaplaceNetwork(LaplaceConfig(hidden=hidden)),
    }
    for name, network in networks.items():
        save_checkpoint(tmp_path / "shelf" / name, network, {"source": "embedded"})
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "shelf")
    monkeypatch.setattr(checkpoints.list_checkpoints, "__defaults__", (tmp_path / "shelf",))
    return tmp_path / "shelf"


def opened(app: AppTest, **address: str) -> AppTest:
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.markdown, *app.info, *app.caption])


def test_opens_filled_on_the_bayesian_network(app: AppTest, shelf: Path) -> None:
    opened(app)
    assert [one.value for one in app.header] == HEADINGS
    layers = layer_figures(posterior_of(load_checkpoint(shelf / "bayesian")))
    table = next(one.value for one in app.markdown if one.value.startswith("| layer |"))
    for layer in layers:
        row = next(line for line in table.split("\n") if f"**{layer.name}**" in line)
        cells = [cell.strip() for cell in row.split("|")[2:-1]]
        assert cells[0] == f"{layer.weights:,}"
        assert float(cells[2]) == pytest.approx(layer.sigma, rel=1e-3)
        assert float(cells[5]) == pytest.approx(layer.signal_to_noise, rel=1e-2)
        assert float(cells[8]) == pytest.approx(0.5 if layer.factor < 1 else 1, abs=1e-3)
    assert f"Of the {sum(layer.weights for layer in layers):,} weights" in text(app)
    assert len(app.get("plotly_chart")) == 1  # pruning is not measured yet


def test_measures_the_pruning_of_a_network_that_has_no_curve(app: AppTest, shelf: Path) -> None:
    opened(app, pruned="50")
    app.button(key="measure-pruning").click().run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    sentence = next(one.value for one in app.markdown if one.value.startswith("With all"))
    rows = next(one.value for one in app.markdown if one.value.startswith("| left out |")).split(
        "\n"
    )
    assert len(rows) == 2 + 15
    half = next(row for row in rows if row.startswith("| 50 %"))
    assert half.split("|")[2].strip() in sentence
    app.select_slider(key=SHARE).set_value(0).run()
    assert "Move the slider" in text(app)


def test_keeps_the_pruned_network(app: AppTest, shelf: Path) -> None:
    opened(app, pruned="75")
    app.button(key="measure-pruning").click().run()
    app.text_input(key="prune_bayesian_0.75").set_value("lean").run()
    app.button(key="keep-pruned").click().run()
    assert not app.exception
    kept = load_checkpoint(shelf / "lean")
    assert kept.card["pruned"] == {"of": "bayesian", "share": 0.75, "by": "signal-to-noise"}
    left = [layer.left_out * layer.weights for layer in layer_figures(posterior_of(kept))]
    total = sum(layer.mean.numel() for layer in posterior_of(kept))
    assert sum(left) == pytest.approx(0.75 * total, abs=1)
    app.button(key="keep-pruned").click().run()
    assert "already" in app.error[0].value
    opened(AppTest.from_file("../../dashboard.py", default_timeout=120), network="lean")


def test_training_switched_off_keeps_nothing(
    app: AppTest, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    opened(app)
    app.button(key="measure-pruning").click().run()
    assert "keep-pruned" not in {button.key for button in app.button}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dropout", "each weight is one number"),
        ("ensemble", "members that were trained apart"),
        ("laplace", "over its last layer alone"),
    ],
)
def test_without_a_posterior_it_shows_what_there_is(
    app: AppTest, shelf: Path, name: str, said: str
) -> None:
    opened(app, network=name)
    assert said in text(app)
    assert "Nothing to prune: the weights of" in app.info[0].value
    assert "sampled networks disagree about" in text(app)
    assert len(app.get("plotly_chart")) == 1
    assert not app.error


def test_a_least_standard_deviation_is_said(app: AppTest, shelf: Path) -> None:
    opened(app, network="least")
    assert "cannot become 0" in app.info[0].value


def test_the_address_holds_the_state_and_brings_it_back(app: AppTest, shelf: Path) -> None:
    opened(app)
    app.segmented_control(key=QUANTITY).set_value("alpha").run()
    app.number_input(key=UNIT).set_value(3).run()
    app.button(key="unit-draw").click().run()
    app.selectbox(key=NETWORK).set_value("least").run()
    address = dict(app.query_params.items())
    assert address["network"] == "least"
    assert address["show"] == "alpha"
    assert address["seed"] == "1"
    assert "unit" not in address  # another network: its clearest unit
    again = AppTest.from_file("../../dashboard.py", default_timeout=120)
    opened(again, **address, unit="5")
    assert again.session_state[UNIT] == 5
    assert again.session_state[QUANTITY] == "alpha"
    assert again.session_state[SEED] == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"network": "none"}, "there is no network 'none'"),
        ({"show": "beauty"}, "there is no quantity 'beauty'"),
        ({"pruned": "96.3"}, "pruned is '96.3', not one of the shares measured"),
        ({"unit": "0"}, "unit is '0', not a whole number from 1"),
        ({"unit": "٣"}, "unit is"),
        ({"seed": "-1"}, "seed is '-1'"),
        ({"nonsense": "1"}, "'nonsense' means nothing here"),
    ],
)
def test_what_means_nothing_in_the_address_is_said_in_one_sentence(
    app: AppTest, shelf: Path, wrong: dict[str, str], said: str
) -> None:
    opened(app, **wrong)
    assert said in app.warning[0].value
    assert [one.value for one in app.header] == HEADINGS


def test_a_unit_that_the_network_does_not_have_is_said(app: AppTest, shelf: Path) -> None:
    opened(app, unit="500")
    assert "has 12 units, so there is no unit 500" in app.warning[0].value
    assert 1 <= app.session_state[UNIT] <= 12


def test_a_units_draws_follow_the_seed(app: AppTest, shelf: Path) -> None:
    opened(app, unit="2")

    def pictures() -> list[str]:
        body = next(one.proto.body for one in app.get("html") if 'class="unit"' in one.proto.body)
        return re.findall(r'src="([^"]+)"', body)

    first = pictures()
    assert len(first) == 3 + 6
    app.button(key="unit-draw").click().run()
    second = pictures()
    assert first[1:3] == second[1:3]  # sigma and signal-to-noise stay
    assert all(one != other for one, other in zip(first[3:], second[3:], strict=True))


def test_the_shipped_curve_is_the_one_shown(app: AppTest) -> None:
    opened(app, network="bayesian-t1", pruned="98")
    curve = load_curve(checkpoints.find_checkpoint("bayesian-t1"))
    assert curve is not None
    sentence = next(one.value for one in app.markdown if one.value.startswith("With all"))
    assert f"{100 * curve.at(0.98).error:.2f}" in sentence
    assert f"{curve.at(0.98).nll:.3f}" in sentence
