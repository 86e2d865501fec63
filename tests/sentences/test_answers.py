"""The sentence about answers: agreement, doubt, dissent, and drawings that are not digits."""

from types import SimpleNamespace

import numpy as np
import pytest

from bnnlib.drawing.strokes import SHEET, ink, make_stroke
from bnnlib.metrics.answer import Rule
from bnnlib.sentences.answers import (
    FAR,
    Speaker,
    ink_note,
    kind_of_doubt,
    sentence,
    speaker_names,
)


def speaker(
    kind: str,
    votes: dict[int, int],
    probability: float,
    aleatoric: float = 0.2,
    epistemic: float = 0.1,
    as_far: float | None = None,
    mean: dict[int, float] | None = None,
) -> Speaker:
    counts = np.array([votes.get(digit, 0) for digit in range(10)])
    answer = SimpleNamespace(
        votes=counts,
        digit=int(counts.argmax()),
        probability=probability,
        aleatoric=aleatoric,
        epistemic=epistemic,
        total=aleatoric + epistemic,
        as_far=as_far,
        mean=np.array([(mean or {}).get(digit, 0.1) for digit in range(10)]),
    )
    return Speaker(*speaker_names([kind], [kind])[0], answer)


def test_dissent_is_counted_for_the_network_with_the_larger_share_of_it():
    said = sentence(
        [speaker("dropout", {4: 200}, 0.99), speaker("bayesian", {4: 7, 9: 3}, 0.8)], 0.5
    )
    assert said == "Both say 4, but 3 of 10 sampled Bayesian networks say 9."
    said = sentence(
        [speaker("dropout", {4: 99, 7: 1}, 0.9), speaker("bayesian", {4: 100}, 0.99)], 0.5
    )
    assert said == "Both say 4, but 1 of 100 sampled dropout networks says 7."


def test_an_ensemble_speaks_of_its_members():
    said = sentence(
        [speaker("ensemble", {4: 4, 7: 1}, 0.8), speaker("bayesian", {4: 50}, 0.9)], 0.5
    )
    assert said == "Both say 4, but 1 of 5 members of the ensemble says 7."
    said = sentence([speaker("ensemble", {4: 5}, 0.8), speaker("bayesian", {4: 50}, 0.9)], 0.5)
    assert said == "Both say 4, and all 55 networks agree."
    doubt = sentence([speaker("ensemble", {4: 5}, 0.4)], 0.5)
    assert doubt.endswith("most of the uncertainty is aleatoric: each network is itself unsure.")


def test_two_ensembles_speak_of_their_members():
    _, (name, voters) = speaker_names(["five", "ten"], ["ensemble", "ensemble"])
    assert (name, voters) == ("ten", "members of ten")


def test_scattered_dissent_names_the_strongest_rival():
    said = sentence(
        [speaker("dropout", {3: 180, 5: 12, 8: 8}, 0.8), speaker("bayesian", {3: 200}, 0.97)], 0.5
    )
    assert (
        said == "Both say 3, but 20 of 200 sampled dropout networks say something else, mostly 5."
    )


def test_unanimity():
    said = sentence([speaker("dropout", {3: 200}, 0.99), speaker("bayesian", {3: 200}, 1.0)], 0.5)
    assert said == "Both say 3, and all 400 sampled networks agree."


def test_disagreement_is_told_before_dissent():
    said = sentence(
        [speaker("dropout", {4: 150, 9: 50}, 0.7), speaker("bayesian", {9: 160, 4: 40}, 0.81)], 0.5
    )
    assert said == "The dropout network says 4 (70 %), but the Bayesian network says 9 (81 %)."


@pytest.mark.parametrize(
    ("aleatoric", "epistemic", "cause"),
    [
        (0.9, 0.2, "; most of the uncertainty is aleatoric: each sampled network is itself unsure"),
        (
            0.2,
            0.9,
            "; most of the uncertainty is epistemic: the sampled networks contradict each other",
        ),
        (0.01, 0.0, ""),
    ],
)
def test_one_network_that_does_not_know(aleatoric, epistemic, cause):
    said = sentence(
        [
            speaker("dropout", {4: 200}, 0.97),
            speaker("bayesian", {9: 110, 4: 90}, 0.42, aleatoric, epistemic),
        ],
        0.5,
    )
    assert said == (
        "The dropout network says 4 (97 %), "
        f"but the Bayesian network does not know: it leans to 9 (42 %){cause}."
    )
    said = sentence(
        [
            speaker("dropout", {4: 200}, 0.4, aleatoric, epistemic),
            speaker("bayesian", {9: 200}, 0.97),
        ],
        0.5,
    )
    assert said == (
        "The Bayesian network says 9 (97 %), "
        f"but the dropout network does not know: it leans to 4 (40 %){cause}."
    )


def test_each_network_can_have_a_threshold_of_its_own():
    both = [speaker("dropout", {4: 200}, 0.8), speaker("bayesian", {4: 200}, 0.8)]
    assert sentence(both, (0.9, 0.7)).startswith(
        "The Bayesian network says 4 (80 %), but the dropout network does not know"
    )
    assert sentence(both, (0.7, 0.8)) == "Both say 4, and all 400 sampled networks agree."


def test_neither_knows():
    doubt = {"aleatoric": 1.0, "epistemic": 0.1}
    cause = "; most of the uncertainty is aleatoric: each sampled network is itself unsure"
    same = sentence(
        [
            speaker("dropout", {4: 9, 9: 1}, 0.45, **doubt),
            speaker("bayesian", {4: 8, 9: 2}, 0.4, **doubt),
        ],
        0.5,
    )
    assert same == f"Neither network knows: both lean to 4 (45 % and 40 %){cause}."
    other = sentence(
        [
            speaker("dropout", {4: 9, 9: 1}, 0.45, **doubt),
            speaker("bayesian", {9: 8, 4: 2}, 0.4, **doubt),
        ],
        0.5,
    )
    assert other == (
        "Neither network knows: the dropout network leans to 4 (45 %), "
        f"the Bayesian network to 9 (40 %){cause}."
    )


def test_the_threshold_is_the_least_probability_that_counts_as_knowing():
    one = [speaker("bayesian", {4: 10}, 0.5)]
    assert (
        sentence(one, 0.5)
        == "The Bayesian network says 4 (50 %), and all 10 sampled networks agree."
    )
    assert sentence(one, 0.51).startswith(
        "The Bayesian network does not know: it leans to 4 (50 %)"
    )


def test_no_certainty_is_ever_claimed_and_no_network_is_said_so():
    assert "100 %" not in sentence(
        [speaker("dropout", {4: 10}, 1.0), speaker("bayesian", {9: 10}, 0.999)], 0.5
    )
    assert sentence([], 0.5) == "No network can answer: choose another checkpoint."


def test_networks_of_one_kind_go_by_their_names():
    assert speaker_names(["bayesian", "bayesian-published"], ["bayesian", "bayesian"])[1] == (
        "bayesian-published",
        "sampled networks of bayesian-published",
    )
    left, right = speaker_names(["dropout", "dropout"], ["dropout", "dropout"])
    assert left != right


def test_a_blank_a_dot_and_a_painted_canvas_get_their_sentence_and_digits_get_none():
    full = [make_stroke([(0, y), (SHEET, y)], 40) for y in range(0, SHEET + 1, 20)]
    assert "blank" in ink_note(ink([]))
    assert "single dot" in ink_note(ink([make_stroke([(140, 140)])]))
    assert "single dot" in ink_note(ink([make_stroke([(140, 140), (142, 141)], 40)]))
    assert "painted full" in ink_note(ink(full))
    assert ink_note(ink([make_stroke([(140, 40), (140, 240)])])) is None
    assert ink_note(ink([make_stroke([(140, 120), (140, 160)])])) is None


def test_two_digits_that_all_lean_to_are_named():
    mean = {4: 0.5, 9: 0.4, 7: 0.02}
    doubt = {"aleatoric": 0.9, "epistemic": 0.1, "mean": mean}
    said = sentence([speaker("dropout", {4: 90, 9: 10}, 0.5, **doubt)], 0.8)
    assert said.endswith("aleatoric: each sampled network sees a digit between 4 and 9.")
    other = {**doubt, "mean": {4: 0.5, 7: 0.4}}
    both = [
        speaker("dropout", {4: 90}, 0.5, **doubt),
        speaker("bayesian", {4: 90}, 0.5, **other),
    ]
    assert sentence(both, 0.8).endswith("each sampled network is itself unsure.")


@pytest.mark.parametrize(
    ("as_far", "share"), [(1 / 10_001, "99.9"), (0.0021, "99.7"), (0.02, "98")]
)
def test_an_image_unlike_the_training_images_is_said_to_be(as_far, share):
    one = speaker("dropout", {4: 200}, 0.6, 0.9, 0.1, as_far)
    assert sentence([one], 0.9) == (
        "The dropout network does not know: it leans to 4 (60 %); this is unlike anything seen in "
        f"training: farther from the training images than {share} % of digits."
    )


def test_the_kind_of_doubt():
    def kind(*answers):
        return kind_of_doubt([speaker("dropout", {4: 9}, 0.5, *one).answer for one in answers])

    assert kind((0.9, 0.1, 0.5)) == "ambiguous"
    assert kind((0.1, 0.9, 0.5)) == "contradict"
    assert kind((0.1, 0.9, FAR)) == "unlike"
    assert kind((0.1, 0.9, FAR), (0.1, 0.9, 0.5)) == "contradict"  # near for one of the networks
    assert kind((0.1, 0.9, FAR), (0.9, 0.0, None)) == "unlike"
    assert kind((0.01, 0.0, 0.5)) is None


def test_a_rule_by_distance_says_who_does_not_know():
    near, far = (speaker("dropout", {4: 200}, 0.97, 0.2, 0.1, p) for p in (0.06, 0.04))
    rule = Rule({"distance": 0.95, "predictive_entropy": 0.5})
    assert (
        sentence([near], rule)
        == "The dropout network says 4 (97 %), and all 200 sampled networks agree."
    )
    assert sentence([far], rule).startswith(
        "The dropout network does not know: it leans to 4 (97 %)"
    )
    assert sentence([far, near], (0.5, rule)).startswith("Both say 4")
