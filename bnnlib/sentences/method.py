"""What the figures of the Method page show, in one plain sentence each. Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnnlib.sentences.evaluation import percent


def on_mask(
    dropped: int, units: int, whole: NDArray[np.floating], one: NDArray[np.floating]
) -> str:
    """How many units one mask dropped, and what that did to the answer; answers `[10]`."""
    before, after = int(whole.argmax()), int(one.argmax())
    change = (
        f"still says {after}, with {_sure(one[after])} in place of {_sure(whole[after])}"
        if before == after
        else f"says {after}, where the whole network says {before}"
    )
    return f"This mask drops {dropped} of the first layer's {units} units. The network {change}."


def _sure(probability: float) -> str:
    return percent(min(float(probability), 0.9999), 0)  # no network is sure to the last digit


def on_spread(width: float, samples: NDArray[np.floating]) -> str:
    """How far the sampled answers lie apart; `[S, 10]`."""
    digit = int(samples.mean(0).argmax())
    low, high = np.quantile(samples[:, digit], [0.05, 0.95])
    said = f"nine answers of ten give the {digit} between {low:.2f} and {high:.2f}"
    if width == 0:
        return f"Without any width all answers are the same: {digit}, with {high:.2f}."
    times = "its own width" if width == 1 else f"{width:g} times its width"
    return f"With {times} {said}."


def on_noise(batch: int, weights: float, activations: float) -> str:
    """How much less noisy the gradient by activations is."""
    return (
        f"At {batch} image{'s' if batch > 1 else ''} in a batch the gradient's variance is "
        f"{weights / activations:.1f} times as large by weights as by activations."
    )


def on_terms(epochs: Sequence[Mapping[str, Any]], temperature: float, at: int) -> str:
    """Both terms at the first epoch and at `at`."""
    first, now = epochs[0], epochs[at - 1]
    return (
        f"In epoch {at} the misfit is {now['nll']:.3g} nats an image (epoch 1: "
        f"{first['nll']:.3g}) and the KL's part {temperature * now['kl']:.3g} "
        f"({temperature * first['kl']:.3g})."
    )


def on_sides(right: Mapping[str, Any], wrong: Mapping[str, Any]) -> str:
    """What the wrong sign did, in figures of both runs."""
    return (
        f"After {len(right['epochs'])} epochs the published sign has a test error of "
        f"{percent(wrong['error'], 1)} and the right one {percent(right['error'], 1)}. "
        f"In its middle layers σ is {wrong['sigma']:.2g} of the prior's, against "
        f"{right['sigma']:.2g}. About letters its networks contradict each other by "
        f"{wrong['mi_letters']:.2g} nats, against {right['mi_letters']:.2g}; it is more than "
        f"90\u202f% sure of a digit for {percent(wrong['named_letters'], 0)} of them, against "
        f"{percent(right['named_letters'], 0)}."
    )


def on_temperature(chosen: str, runs: Mapping[str, Mapping[str, Any]]) -> str:
    """What the chosen temperature gives beside the Bayesian one."""
    one, bayes = runs[chosen], runs["1"]
    said = (
        f"At T = {chosen} the test error is {percent(one['error'], 2)}, and in the middle layers "
        f"σ is {one['sigma']:.2g} of the prior's"
    )
    if chosen == "1":
        return f"{said}: most of the network is still the prior."
    return f"{said}; at T = 1 these are {percent(bayes['error'], 2)} and {bayes['sigma']:.2g}."
