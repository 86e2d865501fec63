"""The settings that somebody chose: a preset, and what differs from it."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bnnlib.errors import BnnlibError
from bnnlib.networks import TrainableConfig
from bnnlib.training.config import NETWORK, SETTINGS, TRAINING, TrainingConfig, replace, with_width
from bnnlib.training.presets import preset


def chosen(
    kind: str,
    preset_name: str,
    given: Mapping[str, Any],
    spoken: Callable[[str], str] = str,
) -> tuple[TrainableConfig, TrainingConfig]:
    """Both configs of the preset, with the settings `given` by their names.

    spoken: what whoever chose calls a setting, for the errors. classes: "0,1,7". A number for
    initial_factors serves all hidden layers. Raises BnnlibError for values out of range or place.
    """
    config, training = preset(kind, preset_name)
    given = dict(given)
    for name, value in given.items():
        one = SETTINGS[name]
        if one.only and one.only != kind:
            raise BnnlibError(
                f"{spoken(name)} is for the {one.only} network: leave it out for {kind}."
            )
        one.check(value, spoken(name))
    if "classes" in given:
        given["classes"] = parse_classes(given["classes"], spoken("classes"))
    if "hidden_width" in given:
        config = with_width(config, given["hidden_width"])
    if "initial_factors" in given:
        given["initial_factors"] = (given["initial_factors"],) * len(config.hidden)
    own = {name: given[name] for name in NETWORK if name in given and name != "hidden_width"}
    config = dataclasses.replace(config, **own)
    training = replace(training, **{name: given[name] for name in TRAINING if name in given})
    if training.objective == "published" and "temperature" in given:
        raise BnnlibError(
            f"The published objective has no temperature: leave {spoken('temperature')} out, "
            "or take the objective elbo."
        )
    if preset_name == "pen" and not (training.pen and training.not_digits):
        raise BnnlibError(
            "The preset pen learns from files that are not part of the project: "
            f"give {spoken('pen')} FILE and {spoken('not_digits')} FOLDER."
        )
    return config, training


def parse_classes(text: str, name: str = "classes") -> tuple[int, ...]:
    """ "0,1,7" -> (0, 1, 7); raises BnnlibError, which calls the setting `name`, for others."""
    try:
        return tuple(sorted(int(part) for part in text.split(",")))
    except (ValueError, AttributeError):
        raise BnnlibError(
            f"{name} is {text!r}: give digits with commas between them, as 0,1,7."
        ) from None
