"""What the Posterior page's figures say, in one plain sentence each. Markdown; names in bold."""

from collections.abc import Sequence

from bnnlib.evaluation.pruning import PruningCurve
from bnnlib.evaluation.weights import LayerFigures
from bnnlib.sentences.evaluation import a_digit, percent, points_apart

NO_POSTERIOR = {
    "dropout": "**{name}** is a dropout network: each weight is one number, so there is no "
    "standard deviation to show and nothing to prune by. Its weights are shown, and ten of the "
    "networks that dropping units at random makes of it.",
    "ensemble": "**{name}** is a deep ensemble: its doubt comes from members that were trained "
    "apart, each with one number a weight, so there is no standard deviation to show and nothing "
    "to prune by. The weights of all members are shown, and the members' answers.",
    "laplace": "**{name}** has a posterior over its last layer alone, and its weights there are "
    "correlated: they have no standard deviation each. The means are shown, and ten networks drawn "
    "from it.",
}


def on_layers(name: str, layers: Sequence[LayerFigures]) -> str:
    """How far training took the weights from the prior, and where most of them still are."""
    weights = sum(layer.weights for layer in layers)
    at_prior = sum(layer.at_prior * layer.weights for layer in layers) / weights
    most = max(layers, key=lambda layer: layer.signal_to_noise)
    least = min(layers, key=lambda layer: layer.signal_to_noise)
    out = sum(layer.left_out * layer.weights for layer in layers) / weights
    pruned = f" {percent(out, 1)} of them were left out by pruning." if out > 0.0005 else ""
    return (
        f"Of the {weights:,} weights of **{name}**, {percent(at_prior, 1)} are still at their "
        f"prior: the data said next to nothing about them.{pruned} The clearest weights are in "
        f"{_the(most)}: there half of them have a mean of more than {most.signal_to_noise:.2g} "
        f"standard deviations, in {_the(least)} of more than {least.signal_to_noise:.2g}."
    )


def _the(layer: LayerFigures) -> str:
    return layer.name if layer.name[-1].isdigit() else f"the {layer.name}"


def on_spread(quantity: str, layers: Sequence[LayerFigures]) -> str:
    """The finding of the figure of one quantity, layer by layer."""
    value = {
        "mean": lambda layer: f"|μ| {layer.mean:.3g} against a prior of {layer.prior:.3g}",
        "sigma": lambda layer: f"σ {layer.sigma:.3g} against a prior of {layer.prior:.3g}",
        "signal_to_noise": lambda layer: f"{layer.signal_to_noise:.2g}",
        "alpha": lambda layer: f"{layer.alpha:.3g}",
    }[quantity]
    return "Medians: " + "; ".join(f"{layer.name} {value(layer)}" for layer in layers) + "."


def on_pruning(name: str, curve: PruningCurve, share: float) -> str:
    """What leaving out the share nearest to `share` costs, on which images."""
    whole, at = curve.at(0), curve.at(share)
    first = (
        f"With all its weights **{name}** errs on {percent(whole.error, 2)} of {curve.images:,} "
        "test images"
    )
    if at.share == 0:
        return f"{first}. Move the slider to leave out those of the least signal-to-noise."
    return (
        f"{first}; without {100 * at.share:g}\u202f% of them on {percent(at.error, 2)}: "
        f"{points_apart(at.error - whole.error)}. NLL goes from {whole.nll:.3f} to {at.nll:.3f}, "
        f"mutual information from {whole.mutual_information:.3f} to "
        f"{at.mutual_information:.3f} nats."
    )


def on_draws(images: int, split: int, label: int, said: Sequence[int], networks: int) -> str:
    """How many images split the sampled networks, and on which they differ the most.

    label: that of the image they differ on the most; said: their answers to it.
    """
    kinds = sorted(set(said), key=lambda digit: (-said.count(digit), digit))
    words = ", ".join(f"{said.count(digit)} say {digit}" for digit in kinds)
    return (
        f"Of {images:,} held-out images, {networks} sampled networks disagree about {split:,}. "
        f"They differ most about {a_digit(label)}: {words}."
    )
