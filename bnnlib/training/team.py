"""One network trained by several processes, on the GPUs of a machine or on several machines.

    torchrun --nproc-per-node 4 -m -- bnnlib train bayesian

Each process learns from its share of every batch, with noise of its own; torch's
DistributedDataParallel (DDP) averages the gradients. The batch size is that of all together.

A share's loss is T KL / N + its mean NLL. Weighed by its size, B_r K / B for K processes, the mean
over the processes is the loss of the whole batch: the KL is in it once.
"""

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bnnlib.errors import BnnlibError

Result = TypeVar("Result")


class Team:
    """The processes that train `network` together; one alone where torchrun started none.

    size: K. rank: the number of this process, 0 to K - 1.
    """

    def __init__(self, network: nn.Module) -> None:
        self.size = dist.get_world_size() if dist.is_initialized() else 1
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        # A forward that returns the loss, whatever computes it: this is where DDP's hooks begin.
        self.forward: Any = _Forward(network)
        if self.size > 1:
            self.forward = DistributedDataParallel(self.forward)

    def share(self, index: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch's indices `[B]`, and the weight of its loss.

        Where there are fewer images than processes, one without any takes the first and weight 0.
        """
        mine = index.tensor_split(self.size)[self.rank]
        return (mine, len(mine) * self.size / len(index)) if len(mine) else (index[:1], 0.0)

    def loss(self, compute: Callable[[], Result]) -> Result:
        """`compute()`, so that its backward pass averages the gradients of all processes."""
        return self.forward(compute) if self.size > 1 else compute()

    def alone(self) -> contextlib.AbstractContextManager[Any]:
        """Backward passes that keep their gradients here, for a later one to average with its."""
        return self.forward.no_sync() if self.size > 1 else contextlib.nullcontext()

    def draw_apart(self, seed: int, epoch: int, *generators: torch.Generator) -> None:
        """Other noise in each process; by the epoch, so that a resumed training has the same."""
        if self.size > 1:
            random = np.random.default_rng((seed, epoch, self.rank))
            for generator in generators:
                generator.manual_seed(int(random.integers(2**31)))

    def total(self, sums: Tensor) -> Tensor:
        """The sum over the processes, the same number in each."""
        if self.size > 1:
            dist.all_reduce(sums)
        return sums


class _Forward(nn.Module):
    """Knows the network's parameters, and calls what it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, compute: Callable[[], Result]) -> Result:
        return compute()


def launched() -> bool:
    """Whether torchrun started this process, beside others or alone."""
    return "TORCHELASTIC_RUN_ID" in os.environ and "RANK" in os.environ


@contextlib.contextmanager
def joined(device: str) -> Iterator[int]:
    """Meet the other processes of torchrun, if it started this one; gives this one's rank.

    device: of the settings, auto or a name; on CUDA each process of a machine gets its own GPU.
    Raises BnnlibError if there are fewer GPUs.
    """
    if not launched():
        yield 0
        return
    on_cuda = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_cuda:
        here = int(os.environ["LOCAL_RANK"])
        if here >= torch.cuda.device_count():
            raise BnnlibError(
                f"There are {torch.cuda.device_count()} GPUs on this machine: "
                "give torchrun no larger --nproc-per-node, or train with --device cpu."
            )
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield dist.get_rank()
    finally:
        gc.collect()  # DDP's hooks hold the group: what lives on to Python's end may abort there
        dist.destroy_process_group()


def told_by_first(value: Any) -> Any:
    """What the process of rank 0 gives here, in every process."""
    told = [value]
    if dist.is_initialized():
        dist.broadcast_object_list(told)
    return told[0]
