"""The Evaluate page, run without a browser.

Filled by kept results, measured on request, and whole where results are missing.
"""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.evaluation.compare import difference
from bnnlib.evaluation.evaluate import Plan, examine
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutConfig, DropoutNetwork
from bnnlib.sentences.evaluation import percent, points
from bnnlib.storage import checkpoints
from bnnlib.storage.checkpoints import load_checkpoint, save_checkpoint
from bnnlib.storage.evaluations import FILE, load_results, save_results
from ui.evaluate.state import NETWORKS, RANKING, REFUSED

PAGE = "pages/3_Evaluate.py"
PLAN = Plan(samples=5, ood=("noise",), shifts=("rotation",), refusal=True, temperature_scaling=True)
HEADINGS = (
    "Is it right as often as it says?",
    "What if it may refuse to answer?",
    "Does it doubt what is no digit?",
    "Does doubt grow as digits turn?",
    "Where is it sure and wrong?",
    "Which digits does it confuse?",
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, embedded: Digits) -> Path:
    """Two small untrained networks, evaluated on the embedded digits."""
    folder = tmp_path_factory.mktemp("measured")
    generator = torch.Generator().manual_seed(0)
    networks = {
        "dropout": DropoutNetwork(DropoutConfig(hidden=(16, 16)), generator),
        "bayesian": BayesianNetwork(
            BayesianConfig(hidden=(16, 16), initial_factors=(0.5, 0.5)), generator
        ),
    }
    for name, network in networks.items():
        save_checkpoint(folder / name, network, {"source": "embedded"})
        save_results(folder / name, examine(load_checkpoint(folder / name), embedded, PLAN))
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copies of them to play with, where the pages look for checkpoints."""
    for file in measured.rglob("*.*"):
        copy = tmp_path / "checkpoints" / file.relative_to(measured)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    monkeypatch.setenv("BNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path / "checkpoints")
    monkeypatch.setattr(checkpoints.list_checkpoints, "__defaults__", (tmp_path / "checkpoints",))
    return tmp_path / "checkpoints"


@pytest.fixture
def page(without_mnist: None, monkeypatch: pytest.MonkeyPatch, folder: Path) -> AppTest:
    """The dashboard with these two networks in use, on a machine without the full MNIST.

    The Evaluate page is opened by `opened`.
    """
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.session_state["networks"] = ("dropout", "bayesian")
    return app


def opened(page: AppTest, **address: str) -> AppTest:
    page.run()
    for name, value in address.items():
        page.query_params[name] = value
    page.switch_page(PAGE).run()
    assert not page.exception
    return page


def text(page: AppTest) -> str:
    return "\n".join(
        element.value
        for kind in (page.header, page.markdown, page.caption, page.warning, page.error)
        for element in kind
    )


def charts(page: AppTest) -> list:
    return page.get("plotly_chart")


def test_opens_filled_with_everything(page: AppTest, folder: Path) -> None:
    opened(page)
    assert [header.value for header in page.header] == list(HEADINGS)
    assert not page.error
    assert not page.warning
    results = {name: load_results(folder / name) for name in ("dropout", "bayesian")}
    for name, found in results.items():
        assert f"**{name}** gets {percent(found.summary['error'], 2)} wrong" in text(page)
        auroc = found.summary["ood"]["sets"]["noise"]["measures"]["mutual_information"]["auroc"]
        assert f"{name}: AUROC **{auroc:.4f}**" in text(page)
    # reliability, refusal, 2 measures x 2 networks, shift, 2 confusions, errors of the classes
    assert len(charts(page)) == 10
    for chart in charts(page):
        assert len(chart.proto.alt) > 30
    assert "held-out digits of the embedded sample" in text(page)


def test_the_better_figure_is_marked_in_words(page: AppTest) -> None:
    opened(page)
    (table,) = [element.value for element in page.markdown if element.value.startswith("| Figure")]
    for line in table.splitlines()[2:]:
        tested = not line.startswith(("| ECE", "| Debiased"))
        assert line.count("**better**") + line.count("ahead, within chance") == tested
    assert "not tested" not in table
    (ece,) = [line for line in table.splitlines() if line.startswith("| ECE")]
    assert "to" not in ece  # no interval
    (debiased,) = [line for line in table.splitlines() if line.startswith("| Debiased")]
    assert debiased.count(" to ") == 2


def test_the_marks_are_those_of_the_paired_differences(page: AppTest, folder: Path) -> None:
    opened(page)
    found = [load_results(folder / name) for name in ("dropout", "bayesian")]
    (table,) = [element.value for element in page.markdown if element.value.startswith("| Figure")]
    lines = {line.split("|")[1].strip(): line for line in table.splitlines()[2:]}
    for figure, label in (("error", "Error"), ("nll", "NLL"), ("brier", "Brier")):
        one = difference(*found, figure)
        assert ("**better**" in lines[label]) == one.beyond_chance
    assert f"a difference of {points(difference(*found, 'error'))}" in text(page)


def test_files_of_an_earlier_version_are_shown_and_say_what_is_missing(
    page: AppTest, folder: Path
) -> None:
    found = load_results(folder / "bayesian")
    for key in ("nlls", "briers"):
        del found.arrays[key]
    for key in ("squared_calibration_error", "corrected_means"):
        del found.summary[key]
    del found.summary["intervals"]["squared_calibration_error"]
    found.summary["intervals"]["ece"] = [0.1, 0.2]
    found.summary["adaptive_ece"] = found.summary.pop("equal_mass_ece")
    save_results(folder / "bayesian", found)
    opened(page)
    assert not page.error
    (table,) = [element.value for element in page.markdown if element.value.startswith("| Figure")]
    assert table.count("ahead, not tested") == 2  # NLL and Brier score
    assert "bayesian: evaluated by an earlier version" in text(page)
    assert "bayesian: the mean mutual information is not corrected" in text(page)
    assert len(charts(page)) == 10


def test_networks_of_other_images_are_shown_without_marks(page: AppTest, folder: Path) -> None:
    found = load_results(folder / "bayesian")
    found.summary["source"] = "mnist"
    save_results(folder / "bayesian", found)
    opened(page)
    (table,) = [element.value for element in page.markdown if element.value.startswith("| Figure")]
    assert "ahead" not in table
    assert "better" not in table
    assert "about different images" in text(page)


def test_refusing_more_says_and_shows_more(page: AppTest, folder: Path) -> None:
    opened(page)
    assert f"Refusing the {percent(0.05)} with the largest predictive entropy" in text(page)
    assert "**dropout** refuses 50 of the 1,000 digits here" in text(page)
    page.slider(key=REFUSED).set_value(10.0).run()
    assert "**dropout** refuses 100 of the 1,000 digits here" in text(page)
    page.slider(key=REFUSED).set_value(0.0).run()
    assert "Refusing nothing" in text(page)
    assert "refuses 0 of the 1,000 digits here." in text(page)
    page.selectbox(key=RANKING).select("mutual_information")
    page.slider(key=REFUSED).set_value(20.0).run()
    found = load_results(folder / "bayesian")
    order = found.doubt("mutual_information").argsort(descending=True, stable=True)[:200]
    left = 1 - (found.wrong.sum() - found.wrong[order].sum()).item() / 800
    assert f"**bayesian** is right on {percent(left, 2)} of the 800 digits" in text(page)
    assert not page.exception


def test_pictures_have_captions_and_alternatives(page: AppTest, folder: Path) -> None:
    opened(page)
    html = "".join(element.proto.body for element in page.get("html"))
    alts = re.findall(r'alt="([^"]+)"', html)
    mistakes = [alt for alt in alts if "confidence" in alt]
    assert len(mistakes) == 36
    assert all("wrong" in alt for alt in mistakes)
    found = load_results(folder / "dropout")
    doubt = found.doubt("least_confidence").masked_fill(~found.wrong, 2)
    surest = int(doubt.argmin())
    assert (
        f"answered {int(found.arrays['predicted'][surest])}, wrong; "
        f"confidence {percent(1 - float(doubt[surest]))}" in mistakes[0]
    )


def test_one_network_alone_and_none_at_all(page: AppTest) -> None:
    opened(page)
    page.multiselect(key=NETWORKS).set_value(["bayesian"]).run()
    assert not page.exception
    assert "better" not in "".join(
        element.value for element in page.markdown if element.value.startswith("| Figure")
    )
    assert len(charts(page)) == 7
    page.multiselect(key=NETWORKS).set_value([]).run()
    assert not page.exception
    assert "Choose a network" in page.info[0].value
    assert not charts(page)


def test_five_networks_are_shown_side_by_side_and_a_sixth_is_left_out(
    page: AppTest, folder: Path
) -> None:
    names = ["dropout", "bayesian", "ensemble", "dropout-robust", "bayesian-robust"]
    for name in (*names[2:], "sixth"):
        shutil.copytree(folder / ("bayesian" if "bayesian" in name else "dropout"), folder / name)
    opened(page, networks=",".join([*names, "sixth"]))
    assert page.multiselect(key=NETWORKS).value == names
    assert len(charts(page)) == 4 + 5 * 3
    (table,) = [element.value for element in page.markdown if element.value.startswith("| Figure")]
    assert table.splitlines()[0].count("**") == 2 * len(names)
    assert "ahead" not in table  # whichever is ahead has a twin: none leads
    assert "best" not in table
    for name in names:
        assert f"- **{name}** is right on" in text(page)
        assert f"**{name}** refuses 50 of the 1,000 digits here" in text(page)
    for chart in charts(page):
        assert "\n" not in chart.proto.alt
        assert "**" not in chart.proto.alt


def test_a_network_without_results_is_measured_on_request(
    page: AppTest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bayesian" / FILE).unlink()
    monkeypatch.setattr("ui.evaluate.results.SAMPLES", 2)
    monkeypatch.setattr("bnnlib.evaluation.evaluate.available_sets", lambda: ["noise"])
    opened(page)
    assert "**bayesian** has not been evaluated yet." in page.warning[0].value
    assert len(charts(page)) == 7  # the other network is shown all the same
    page.button(key="measure_bayesian").click().run()
    assert not page.exception
    assert not page.warning
    assert len(charts(page)) == 10
    assert load_results(folder / "bayesian").summary["samples"] == 2


def test_damaged_results_are_one_message_and_the_rest_works(page: AppTest, folder: Path) -> None:
    (folder / "dropout" / FILE).write_bytes(b"damaged")
    opened(page)
    assert "evaluate dropout again" in page.warning[0].value
    assert len(charts(page)) == 7
    assert page.button(key="measure_dropout")


def test_pictures_are_stand_ins_where_the_evaluated_digits_are_not_here(
    page: AppTest, folder: Path
) -> None:
    """Results about the official test images on a machine that has only the embedded digits."""
    for name in ("dropout", "bayesian"):
        found = load_results(folder / name)
        found.summary["source"] = "mnist"
        found.summary["images"] = 700
        for key in ("labels", "predicted", "nlls", "briers", *found.summary["means"]):
            found.arrays[key] = found.arrays[key][:700].contiguous()
        save_results(folder / name, found)
    opened(page)
    assert "the official 700 MNIST test images" in text(page)
    assert text(page).count("these pictures are of the embedded held-out digits") == 4
    assert "refuses 50 of the 1,000 digits here" in text(page)


def test_results_without_the_optional_parts(page: AppTest, folder: Path, embedded: Digits) -> None:
    for name in ("dropout", "bayesian"):
        save_results(
            folder / name, examine(load_checkpoint(folder / name), embedded, Plan(samples=1))
        )
    opened(page)
    assert any("No pictures that are no digits" in info.value for info in page.info)
    assert HEADINGS[3] not in [header.value for header in page.header]
    assert "mutual information is 0 everywhere" in text(page)


def test_the_address_says_what_is_shown_and_shows_what_it_says(page: AppTest) -> None:
    opened(page, networks="bayesian", refused="7.5", by="mutual_information")
    assert page.multiselect(key=NETWORKS).value == ["bayesian"]
    assert f"Refusing the {percent(0.075)} with the largest mutual information" in text(page)
    page.multiselect(key=NETWORKS).set_value(["dropout", "bayesian"])
    page.slider(key=REFUSED).set_value(5.0).run()
    assert page.query_params == {
        "left": "dropout",
        "right": "bayesian",
        "by": "mutual_information",
    }
    assert not page.warning


def test_an_address_that_means_nothing_is_said_and_the_rest_is_used(page: AppTest) -> None:
    opened(page, networks="bayesian,nobody", refused="all", by="feeling", colour="blue")
    (warning,) = page.warning
    for words in (
        "no network 'nobody'",
        "refused is 'all'",
        "no measure 'feeling'",
        "'colour' means nothing here",
    ):
        assert words in warning.value
    assert page.multiselect(key=NETWORKS).value == ["bayesian"]
    assert page.slider(key=REFUSED).value == 5


def test_every_control_explains_itself(page: AppTest) -> None:
    opened(page)
    for control in (*page.selectbox, *page.slider, *page.multiselect, *page.button):
        assert control.help, control.label


def test_a_card_with_results_still_loads(folder: Path) -> None:
    card = json.loads((folder / "dropout" / "card.json").read_text())
    assert load_checkpoint(folder / "dropout").card == card
