"""What a training starts from: the device, the untrained network, the chosen images."""

import torch

from bnnlib.datasets.mnist import Split
from bnnlib.errors import BnnlibError
from bnnlib.networks import (
    BayesianNetwork,
    DropoutConfig,
    DropoutNetwork,
    Trainable,
    TrainableConfig,
)
from bnnlib.storage.checkpoints import load_checkpoint


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU; raises BnnlibError for a device that is not there."""
    if name == "auto":
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        name = next((device for device, is_there in there.items() if is_there), "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise BnnlibError(f"There is no device {name!r} here: choose auto or cpu.") from error


def build(config: TrainableConfig, seed: int, start: str = "") -> Trainable:
    """An untrained network; the same seed gives the same start.

    start: the checkpoint whose weights it has instead. Raises BnnlibError if there is none, or if
    it has another shape or kind.
    """
    generator = torch.Generator().manual_seed(seed)
    network: Trainable = (
        DropoutNetwork(config, generator)
        if isinstance(config, DropoutConfig)
        else BayesianNetwork(config, generator)
    )
    if start:
        given = load_checkpoint(start).state_dict()
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        if shapes != {name: value.shape for name, value in given.items()}:
            raise BnnlibError(
                f"The checkpoint {start!r} is of another kind or size than the network to train: "
                "start from one of the same kind and width."
            )
        network.load_state_dict(given)
    return network


def chosen_images(split: Split, classes: tuple[int, ...], images: int | None = None) -> Split:
    """The first `images` (None: all) with a label in `classes`; raises BnnlibError if none has."""
    if set(classes) != set(split.labels.tolist()):
        wanted = torch.tensor(classes, device=split.labels.device)
        split = split.select(torch.isin(split.labels, wanted))
    if not len(split):
        raise BnnlibError(
            f"There are no images of the digits {', '.join(map(str, classes))} to train on: "
            "choose other classes."
        )
    return split if images is None else Split(split.images[:images], split.labels[:images])
