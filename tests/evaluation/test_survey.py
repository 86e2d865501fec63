"""Ranking held-out images.

Surveys that can be interrupted, and orders, shares and tables known beforehand.
"""

import csv
import dataclasses
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from bnnlib.datasets.mnist import Digits, Split
from bnnlib.evaluation.survey import (
    MEASURES,
    Opinions,
    Survey,
    disagreement,
    held_out_index,
    rank,
    to_csv,
    vote_shares,
)
from bnnlib.figures.digit_grid import cells, describe, grid, votes_caption
from bnnlib.networks.sampling import sample_probs

# Two sampled networks, five images, three classes.
PROBS = torch.tensor(
    [
        [[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.2, 0.8, 0.0], [0.7, 0.3, 0.0], [0.5, 0.3, 0.2]],
        [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.2, 0.8, 0.0], [0.1, 0.9, 0.0], [0.4, 0.3, 0.3]],
    ]
)
LABELS = torch.tensor([0, 0, 0, 1, 2])
INDEX = torch.tensor([10, 11, 12, 13, 14])


@pytest.fixture
def opinions() -> Opinions:
    return Opinions.of(PROBS, LABELS)


def test_survey_asks_the_networks_that_sample_probs_draws(network, few: Digits) -> None:
    images = few.test.images
    survey = Survey(network, images, samples=4, seed=7)
    assert [survey.advance() for _ in range(6)] == [1, 2, 3, 4, 4, 4]
    opinions = survey.opinions(few.test.labels)
    assert torch.equal(opinions.probs, sample_probs(network, images, 4, 7, shared=True).half())
    assert survey.opinions(few.test.labels) is opinions


def test_survey_pushed_on_by_many_threads_is_the_same(network, few: Digits) -> None:
    survey = Survey(network, few.test.images, samples=6, seed=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: survey.advance(), range(20)))
    assert survey.done == 6
    assert torch.equal(
        survey.opinions(few.test.labels).probs,
        sample_probs(network, few.test.images, 6, 3, shared=True).half(),
    )


def test_survey_has_no_opinion_before_all_were_asked(network, few: Digits) -> None:
    survey = Survey(network, few.test.images, samples=2, seed=0)
    survey.advance()
    with pytest.raises(RuntimeError, match="1 of 2"):
        survey.opinions(few.test.labels)


def test_opinions_of_known_probabilities(opinions: Opinions) -> None:
    assert opinions.votes.tolist() == [[2, 0, 0], [1, 1, 0], [0, 2, 0], [1, 1, 0], [2, 0, 0]]
    assert opinions.predicted.tolist() == [0, 1, 1, 1, 0]
    assert opinions.wrong.tolist() == [False, True, True, False, True]
    assert opinions.split.tolist() == [False, True, False, True, False]
    assert opinions.measures["variation_ratio"].tolist() == [0, 0.5, 0, 0.5, 0]
    assert opinions.measures["confidently_wrong"].tolist() == pytest.approx([0, 0.6, 0.8, 0, 0.45])
    assert set(MEASURES) <= set(opinions.measures)


@pytest.mark.parametrize(
    ("measure", "filters", "expected"),
    [
        (
            "variation_ratio",
            {},
            [1, 3, 4, 2, 0],
        ),  # ties by entropy: H(.4, .6) = H(.4, .6), so in order; then .45/.3/.25, .2/.8, .9/.1
        ("predictive_entropy", {}, [4, 1, 3, 2, 0]),
        (
            "mutual_information",
            {},
            [3, 1, 4, 2, 0],
        ),  # the further apart the samples, the more; 2 and 0 agree exactly
        ("confidently_wrong", {}, [2, 1, 4]),
        ("predictive_entropy", {"true": 0}, [1, 2, 0]),
        ("predictive_entropy", {"predicted": 1}, [1, 3, 2]),
        ("predictive_entropy", {"predicted": 1, "mistakes": True}, [1, 2]),
        ("predictive_entropy", {"true": 1, "mistakes": True}, []),
    ],
)
def test_rank(opinions: Opinions, measure: str, filters: dict, expected: list[int]) -> None:
    assert rank(opinions, measure, **filters).tolist() == expected


def test_disagreement_counts_mistakes_among_split_and_agreed_votes(opinions: Opinions) -> None:
    found = disagreement(opinions)
    assert (found.images, found.split) == (5, 2)
    assert found.error_split == pytest.approx(1 / 2)
    assert found.error_agreed == pytest.approx(2 / 3)
    alike = disagreement(opinions, torch.tensor([0, 2]))
    assert (alike.images, alike.split, alike.error_split, alike.error_agreed) == (2, 0, None, 0.5)


def test_vote_shares_and_their_caption() -> None:
    assert vote_shares(torch.tensor([0, 0, 0, 18, 0, 12])) == [(3, 0.6), (5, 0.4)]
    assert votes_caption(torch.tensor([0, 0, 0, 18, 0, 12])) == "3: 0.60, 5: 0.40"
    assert (
        votes_caption(torch.tensor([10, 5, 5, 10]), " / ") == "0: 0.33, 1: 0.17 / 2: 0.17, 3: 0.33"
    )
    assert (
        votes_caption(torch.tensor([1, 9, 2, 8, 10]), " / ")
        == "1: 0.30, 3: 0.27 / 4: 0.33, +2 more"
    )


def test_csv_reads_back(opinions: Opinions) -> None:
    rows = list(
        csv.DictReader(io.StringIO(to_csv(opinions, rank(opinions, "confidently_wrong"), INDEX)))
    )
    assert [(row["rank"], row["index"], row["label"], row["predicted"]) for row in rows] == [
        ("1", "12", "0", "1"),
        ("2", "11", "0", "1"),
        ("3", "14", "2", "0"),
    ]
    assert [float(rows[1][f"mean_prob_{c}"]) for c in range(3)] == pytest.approx([0.4, 0.6, 0])
    assert [rows[1][f"votes_{c}"] for c in range(3)] == ["1", "1", "0"]
    for measure, values in opinions.measures.items():
        assert float(rows[0][measure]) == pytest.approx(float(values[2]), rel=1e-5)


def test_no_image_that_was_trained_on_is_ranked(embedded: Digits) -> None:
    seen, fresh = embedded.train.select(torch.arange(3)), embedded.test.select(torch.arange(5))
    mixed = Split(torch.cat([seen.images, fresh.images]), torch.cat([seen.labels, fresh.labels]))
    digits = dataclasses.replace(
        embedded, test=mixed, source="mnist"
    )  # as if the full MNIST held them among its test images
    assert held_out_index(digits, ["mnist"]).tolist() == list(range(8))
    assert held_out_index(digits, ["mnist", "embedded"]).tolist() == list(range(3, 8))
    assert held_out_index(embedded, ["mnist", "embedded"]).tolist() == list(
        range(len(embedded.test))
    )


def test_grid_says_of_each_digit_what_was_voted_and_whether_it_is_a_mistake(
    opinions: Opinions, few: Digits
) -> None:
    positions = rank(opinions, "variation_ratio")
    shown = cells(opinions, positions, 65, INDEX)
    assert [cell.mistake for cell in shown] == [True, False, True, True, False]
    assert [cell.caption for cell in shown[:3]] == [
        "0: 0.50, 1: 0.50<br><b>✗ is 0</b>",
        "0: 0.50, 1: 0.50",
        "0: 1.00<br><b>✗ is 2</b>",
    ]
    assert "No. 65</b>, test image 11" in shown[0].hover
    assert describe(opinions, 1).startswith(
        "a 0, predicted 1 (wrong) with mean probability 0.60; votes 0: 0.50, 1: 0.50; "
    )

    figure = grid(few.test.images[:5].numpy(), shown, columns=4, dark=False, chosen=2)
    points = figure.data[-1]
    assert list(points.x) == [0.5, 1.5, 2.5, 3.5, 0.5]
    assert points.y[4] < points.y[3] == points.y[0]  # the fifth starts a second row
    assert list(points.selectedpoints) == [2]
    assert len(figure.layout.images) == 5
    assert len({image.source for image in figure.layout.images}) == 5
