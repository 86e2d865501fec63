"""The Method page without a browser: every section, its figures, and the address."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from benchmarks.method_runs import runs
from bnnlib.networks import BayesianNetwork
from bnnlib.networks.masks import masked_pass
from bnnlib.networks.sampling import deterministic_probs
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.training.objectives import article_constant
from ui.last_drawing import STATE
from ui.method.noise import BATCHES
from ui.method.state import PARAMETERS, key

PAGE = "pages/5_Method.py"
RUNS = json.loads((Path(__file__).parents[2] / "ui" / "method" / "runs.json").read_text())["runs"]


def opened(app: AppTest, **address: str) -> AppTest:
    for name, value in address.items():
        app.query_params[name] = value
    app.switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    return app


def specs(app: AppTest) -> dict[str, dict]:
    """The figures by their keys."""
    return {
        re.sub(r".*-(method-\w+)$", r"\1", chart.proto.id): json.loads(chart.proto.spec)
        for chart in app.get("plotly_chart")
    }


def text(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.markdown, *app.caption])


def bars(figure: dict, name: str) -> list[float]:
    trace = next(trace for trace in figure["data"] if trace["name"] == name)
    return numbers(trace["y"])


def numbers(values: dict | list) -> list[float]:
    """A figure's numbers, which may be packed."""
    if isinstance(values, list):
        return values
    import base64

    import numpy as np

    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def test_opens_with_every_section_filled(app: AppTest) -> None:
    opened(app)
    headings = [one.value for one in app.header]
    assert [heading[0] for heading in headings] == [str(k + 1) for k in range(len(headings))]
    figures = specs(app)
    assert {
        "method-dropout",
        "method-weights",
        "method-dots",
        "method-noise",
        "method-terms",
        "method-sign",
        "method-temperature",
    } <= figures.keys()
    assert len(app.get("graphviz_chart")) == 1
    assert sum(one.label == "The mathematics" for one in app.expander) >= 7


def test_the_bars_are_the_networks_own_answers(app: AppTest) -> None:
    opened(app, digit="4", rate="0.3", mask="7")
    figure = specs(app)["method-dropout"]
    network = load_checkpoint("dropout-pen")
    from ui.method.parts import _examples

    image = _examples("embedded")[4]
    whole = deterministic_probs(network, image[None])[0]
    assert bars(figure, "no mask") == pytest.approx(whole.tolist(), abs=1e-6)
    one = masked_pass(network, image, 0.3, torch.Generator().manual_seed(7))
    assert bars(figure, "this mask") == pytest.approx(one.probs.tolist(), abs=1e-6)
    table = next(one.value for one in app.markdown if one.value.startswith("| digit | no mask |"))
    assert f"| {whole[4]:.3f} | {one.probs[4]:.3f} |" in table
    assert f"This mask drops {int((one.mask == 0).sum())} of the first layer's 1024" in text(app)


def test_another_mask_gives_another_answer_and_no_rate_none(app: AppTest) -> None:
    opened(app, digit="8")
    before = bars(specs(app)["method-dropout"], "this mask")
    app.button(key="method-mask").click().run()
    figure = specs(app)["method-dropout"]
    assert bars(figure, "this mask") != before
    app.select_slider(key=key("rate")).set_value(0.0).run()
    figure = specs(app)["method-dropout"]
    assert bars(figure, "this mask") == pytest.approx(bars(figure, "no mask"), abs=1e-5)
    assert "drops 0 of" in text(app)


def test_without_width_all_sampled_answers_are_one(app: AppTest) -> None:
    opened(app, width="0")
    dots = next(
        trace for trace in specs(app)["method-dots"]["data"] if trace["name"] == "a sampled network"
    )
    heights = {}
    for x, y in zip(numbers(dots["x"]), numbers(dots["y"]), strict=True):
        heights.setdefault(round(x), set()).add(round(y, 6))
    assert [len(heights[digit]) for digit in range(10)] == [1] * 10
    assert "all answers are the same" in text(app)
    app.select_slider(key=key("width")).set_value(4.0).run()
    dots = next(
        trace for trace in specs(app)["method-dots"]["data"] if trace["name"] == "a sampled network"
    )
    assert len(numbers(dots["y"])) > 50


def test_the_gradient_by_activations_is_less_noisy_at_every_batch_above_one(app: AppTest) -> None:
    opened(app)
    table = next(one.value for one in app.markdown if one.value.startswith("| batch |"))
    rows = [row.strip("| ").split(" | ") for row in table.split("\n")[2:]]
    assert [int(row[0]) for row in rows] == list(BATCHES)
    ratios = [float(row[3]) for row in rows]
    assert ratios[-1] > ratios[0]
    assert ratios[-1] > 5
    assert ratios[0] == pytest.approx(1, abs=1)


@pytest.mark.parametrize("run", PARAMETERS["run"].values)
def test_the_terms_are_those_of_the_recorded_run(app: AppTest, run: str) -> None:
    opened(app, run=run, epoch="12")
    epochs = RUNS[f"temperature {run}"]["epochs"]
    figure = specs(app)["method-terms"]
    assert bars(figure, "negative log-likelihood") == [one["nll"] for one in epochs]
    assert bars(figure, "T · KL / N") == pytest.approx([float(run) * one["kl"] for one in epochs])
    assert f"In epoch 12 the misfit is {epochs[11]['nll']:.3g} nats" in text(app)


def test_what_is_minimised_is_the_sum_of_the_terms_or_with_the_published_sign_falls() -> None:
    for name, sign in (("temperature 1", 1), ("temperature 0.1", 0.1), ("temperature 0.01", 0.01)):
        for one in RUNS[name]["epochs"]:
            assert one["loss"] == pytest.approx(one["nll"] + sign * one["kl"], rel=1e-3)
    for name in ("published sign", "article, published sign"):
        network, training = runs()[name]
        n, size = 50_000, training.batch_size
        full = -(-n // size) * size / n  # the last batch counts as a full one
        constant = article_constant(BayesianNetwork(network)) / n
        for one in RUNS[name]["epochs"]:
            expected = one["nll"] - full * (one["kl"] - constant)
            assert one["loss"] == pytest.approx(expected, rel=1e-3, abs=0.01)


@pytest.mark.parametrize("settings", PARAMETERS["sign"].values)
def test_both_signs_are_shown_with_their_figures(app: AppTest, settings: str) -> None:
    opened(app, sign=settings, show="validation_error")
    names = {
        "ours": ("temperature 1", "published sign"),
        "article": ("article, right sign", "article, published sign"),
    }[settings]
    figure = specs(app)["method-sign"]
    for trace, name in zip(("right sign", "published sign"), names, strict=True):
        assert bars(figure, trace) == [one["validation_error"] for one in RUNS[name]["epochs"]]
    table = next(one.value for one in app.markdown if one.value.startswith("| at the end |"))
    assert f"{RUNS[names[1]]['mi_letters']:.3f}" in table


def test_the_shipped_networks_stand_beside_the_temperatures(app: AppTest) -> None:
    opened(app, temperature="0.1")
    table = next(one.value for one in app.markdown if one.value.startswith("| network |"))
    for name in ("bayesian", "bayesian-t1"):
        card = load_checkpoint(name).card
        row = next(row for row in table.split("\n") if f"**{name}**" in row)
        assert f"{100 * card['figures']['test']['error']:.2f}" in row
        assert f"| {card['training']['temperature']:g} |" in row


def test_the_address_holds_the_state_and_brings_it_back(app: AppTest) -> None:
    opened(app)
    app.segmented_control(key=key("digit")).set_value(9).run()
    app.segmented_control(key=key("run")).set_value("0.01").run()
    app.select_slider(key=key("batch")).set_value(256).run()
    address = dict(app.query_params.items())
    assert (address["digit"], address["run"], address["batch"]) == ("9", "0.01", "256")
    again = opened(AppTest.from_file("../../dashboard.py", default_timeout=120), **address)
    assert again.session_state[key("batch")] == 256
    assert again.session_state[key("digit")] == 9


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"digit": "10"}, "digit is '10', not one of mine, 0, 1"),
        ({"rate": "1"}, "rate is '1', not one of 0, 0.1"),
        ({"mask": "-3"}, "mask is '-3', not a whole number up to 9,999"),
        ({"run": "2"}, "run is '2', not one of 1, 0.1, 0.01"),
        ({"nonsense": "1"}, "'nonsense' means nothing here"),
    ],
)
def test_what_means_nothing_in_the_address_is_said_in_one_sentence(
    app: AppTest, wrong: dict[str, str], said: str
) -> None:
    opened(app, **wrong)
    assert said in app.warning[0].value


def test_the_visitors_last_drawing_can_be_asked_about(app: AppTest) -> None:
    image = torch.zeros(28, 28)
    image[4:24, 13:15] = 1
    app.session_state[STATE] = SimpleNamespace(image=image)
    opened(app, digit="mine", rate="0")
    figure = specs(app)["method-dropout"]
    expected = deterministic_probs(load_checkpoint("dropout-pen"), image[None])[0]
    assert bars(figure, "no mask") == pytest.approx(expected.tolist(), abs=1e-6)
    without = opened(AppTest.from_file("../../dashboard.py", default_timeout=120), digit="mine")
    assert without.session_state[key("digit")] == 0


def test_the_graph_is_the_models_own() -> None:
    pytest.importorskip("graphviz")
    from benchmarks.method_graph import FILE, source

    assert FILE.read_text() == source(), "run: python -m benchmarks.method_graph"
