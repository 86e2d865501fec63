"""A deep ensemble: a few networks trained apart, each asked without dropout.

Lakshminarayanan, Pritzel & Blundell 2017.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bnnlib.networks.dropout import DropoutConfig, DropoutNetwork


@dataclass(frozen=True)
class EnsembleConfig:
    """How many members of what sizes.

    There is nothing to train here: the members are dropout networks, trained already.
    """

    members: int = 5
    hidden: tuple[int, ...] = (1024, 1024, 1024)
    inputs: int = 784
    classes: int = 10
    kind: str = "ensemble"


class EnsembleNetwork(nn.Module):
    """Its members take turns: sample s is member s modulo their number, whatever the generator.

    `card` says where it comes from.
    """

    members: Sequence[DropoutNetwork]
    card: dict[str, Any]

    def __init__(self, config: EnsembleConfig = EnsembleConfig()) -> None:
        super().__init__()
        self.config, self.card = config, {}
        member = DropoutConfig(config.hidden, 0.0, 0.0, config.inputs, config.classes)
        self.members = nn.ModuleList(  # type: ignore[assignment]  # a sequence in all but name
            DropoutNetwork(member) for _ in range(config.members)
        )

    @staticmethod
    def of(networks: Sequence[DropoutNetwork]) -> "EnsembleNetwork":
        """The ensemble of trained networks; raises ValueError unless they are of one size."""
        sizes = {
            (network.config.hidden, network.config.inputs, network.config.classes)
            for network in networks
        }
        if len(sizes) != 1:
            raise ValueError(
                f"members of {len(sizes)} different sizes: expected networks of one size"
            )
        hidden, inputs, classes = sizes.pop()
        ensemble = EnsembleNetwork(EnsembleConfig(len(networks), hidden, inputs, classes))
        for member, network in zip(ensemble.members, networks, strict=True):
            member.load_state_dict(network.state_dict())
        return ensemble

    def sample(
        self, images: Tensor, n_samples: int, generator: torch.Generator, first: int = 0
    ) -> Tensor:
        """Samples `first`, `first` + 1, ...: log-probabilities `[B, 28, 28] -> [S, B, C]`.

        Each member is asked once.
        """
        turns = [(first + s) % len(self.members) for s in range(n_samples)]
        answers = {turn: self.members[turn](images) for turn in set(turns)}
        return torch.stack([answers[turn] for turn in turns])

    def draw(self, generator: torch.Generator, index: int = 0) -> Callable[[Tensor], Tensor]:
        """The member whose turn sample `index` is: log-probabilities `[B, 28, 28] -> [B, C]`."""
        return self.members[index % len(self.members)]
