"""Ask a network many times: class probabilities from sampled networks, `[S, B, C]`."""

import torch
from torch import Tensor

from bnnlib.datasets.mnist import to_float
from bnnlib.errors import BnnlibError
from bnnlib.layers.products import keep_freed_memory
from bnnlib.networks import DropoutNetwork, EnsembleNetwork, LaplaceNetwork, Network

# Rows of activations at once: 2,048 x 1,024 floats are 8 MB a layer; more no longer fit the cache.
MAX_ROWS = 2_048
SHARED_FROM = 256  # images from which a draw of all weights costs less than doubling every product


@torch.inference_mode()
def sample_probs(
    network: Network,
    images: Tensor,
    n_samples: int,
    generator: torch.Generator | int | None = None,
    shared: bool | None = None,
    precision: torch.dtype = torch.float32,
    first: int = 0,
) -> Tensor:
    """Class probabilities of `n_samples` sampled networks, `[S, B, C]` on the images' device.

    images: float `[B, 28, 28]` in [0, 1] (uint8 is scaled). generator: or a seed; None takes a
    fresh, unpredictable seed. shared: True draws whole networks, each answering all images; False
    draws every image's networks on its own, which is exact for each image but says nothing of two
    images together; None chooses by cost. precision: the dtype of the matrix products; bfloat16
    takes half the time where the processor has it, and moves a probability by about 0.01.
    first: which sample comes first, for whoever asks in parts: the members of an ensemble take
    turns. Memory stays bounded.

    Raises BnnlibError for images of another shape or range and for `n_samples` below 1.
    """
    keep_freed_memory()
    x = check_images(images)
    if n_samples < 1:
        raise BnnlibError(f"The number of samples is {n_samples}: it must be at least 1.")
    generator = as_generator(generator, x.device)
    shared = len(x) >= SHARED_FROM if shared is None else shared
    out = x.new_empty(n_samples, len(x), network.config.classes)
    with torch.autocast(x.device.type, precision, enabled=precision != torch.float32):
        (_ask_shared if shared else _ask_each)(network, x, generator, out, first)
    return out


def _ask_shared(
    network: Network, x: Tensor, generator: torch.Generator, out: Tensor, first: int
) -> None:
    """Fill `[S, B, C]` by S networks whose weights are drawn and that answer all images each.

    An ensemble's members answer once each. The drawn networks of a Laplace approximation share
    their hidden layers, so each image passes through these once.
    """
    if isinstance(network, LaplaceNetwork):
        last_layers = [network.draw_last_layer(generator) for _ in out]
        for b in range(0, len(x), MAX_ROWS):
            features = network.features(x[b : b + MAX_ROWS])
            for probs, last_layer in zip(out, last_layers, strict=True):
                probs[b : b + MAX_ROWS] = last_layer(features).exp_()
        return
    turns = len(network.members) if isinstance(network, EnsembleNetwork) else len(out)
    for s, probs in enumerate(out):
        if s >= turns:
            probs.copy_(out[s - turns])
            continue
        answer = network.draw(generator, first + s)
        for b in range(0, len(x), MAX_ROWS):
            probs[b : b + MAX_ROWS] = answer(x[b : b + MAX_ROWS]).exp_()


def _ask_each(
    network: Network, x: Tensor, generator: torch.Generator, out: Tensor, first: int
) -> None:
    """Fill `[S, B, C]` by networks of every image's own.

    In parts of at most `MAX_ROWS` images times samples.
    """
    images_at_once = max(1, min(len(x), MAX_ROWS // len(out)))
    samples_at_once = max(1, MAX_ROWS // images_at_once)
    for b in range(0, len(x), images_at_once):
        for s in range(0, len(out), samples_at_once):
            part = out[s : s + samples_at_once, b : b + images_at_once]
            part.copy_(
                network.sample(x[b : b + images_at_once], len(part), generator, first + s).exp_()
            )


@torch.inference_mode()
def deterministic_probs(network: Network, images: Tensor) -> Tensor:
    """One answer of the dropout network with all its units kept, `[B, 28, 28] -> [B, C]`.

    Raises BnnlibError for a network of another kind and for images of another shape or range.
    """
    if not isinstance(network, DropoutNetwork):
        raise BnnlibError(
            "Only a dropout network has a deterministic answer: ask this one with sample_probs."
        )
    x = check_images(images)
    return torch.cat(
        [network(x[b : b + MAX_ROWS]).exp_() for b in range(0, len(x), MAX_ROWS)]
        or [x.new_empty(0, network.config.classes)]
    )


def check_images(images: Tensor) -> Tensor:
    """The images as float32; raises BnnlibError unless they are `[B, 28, 28]` in [0, 1]."""
    if images.dim() != 3 or images.shape[1:] != (28, 28):
        raise BnnlibError(f"The images have shape {list(images.shape)}: expected [B, 28, 28].")
    x = to_float(images).float()
    if x.numel() and not (x.amin() >= 0 and x.amax() <= 1):
        raise BnnlibError(
            "The images hold values outside [0, 1] or not finite: scale them to [0, 1] first."
        )
    return x


def as_generator(
    generator: torch.Generator | int | None, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator as it is, one from a seed, or, for None, one with a fresh seed of the system."""
    if isinstance(generator, torch.Generator):
        return generator
    fresh = torch.Generator(device)
    if generator is None:
        fresh.seed()
    else:
        fresh.manual_seed(generator)
    return fresh
