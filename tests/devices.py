"""Devices that this machine does not have: tensors run on the CPU and carry the label of a device.

`simulated_devices()` is a context in which code may use "cuda" and "mps" without a GPU. Every
tensor's storage carries a label. `x.device` reports it, `.to`, `.cpu` and `device=` set it, and
each operation passes it on. What a real device would refuse is refused:

- an operation on tensors of two devices (a single number, 0-dimensional and on the CPU, is
  allowed where PyTorch allows it: in elementwise operations, and CPU indices in `x[index]`);
- a generator of another device than the tensor that it fills;
- float64 on "mps";
- `.numpy()` of a tensor that is not on the CPU.

The numbers are computed by the CPU, so a whole training epoch runs, with autograd and optimiser.
Fake tensors cannot do that: they hold no values. What it cannot show is an operation for which a
device has no kernel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

ANY = "any"  # of tensors that PyTorch's own C++ code makes inside an operation: fits every device
TOO_WIDE = {"mps": (torch.float64, torch.complex128)}
ACROSS = ("aten::copy_", "aten::_to_copy", "aten::_foreach_copy_")  # move numbers between devices
CPU_INDEX = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
CPU_NUMBER = (*CPU_INDEX, "aten::masked_fill", "aten::masked_fill_", "aten::index_fill_")
RealGenerator = torch.Generator


class DeviceError(RuntimeError):
    """What the labelled device would refuse."""


def kind(device: torch.device | str | int) -> str:
    """ "cuda:0" -> "cuda"; a bare number is a CUDA device."""
    return "cuda" if isinstance(device, int) else torch.device(device).type


def device_of(label: str) -> torch.device:
    return torch.device("cpu") if label in (ANY, "cpu") else torch.device(label, 0)


class Labels:
    """The label of each storage; one that was made outside the context is on the CPU."""

    def __init__(self) -> None:
        # The weak reference keeps the address from being used again by another storage.
        self._known: dict[int, tuple[StorageWeakRef, str]] = {}

    def __getitem__(self, tensor: Tensor) -> str:
        found = self._known.get(tensor.untyped_storage()._cdata)
        return "cpu" if found is None else found[1]

    def __setitem__(self, tensor: Tensor, label: str) -> None:
        if tensor.dtype in TOO_WIDE.get(label, ()):
            raise DeviceError(f"A tensor of {tensor.dtype} cannot be on {label}.")
        storage = tensor.untyped_storage()
        self._known[storage._cdata] = (StorageWeakRef(storage), label)
        if len(self._known) > 5_000:
            self._known = {k: v for k, v in self._known.items() if not v[0].expired()}


def leaves(tree: Any) -> Iterator[Any]:
    """What arguments hold. PyTorch's `tree_leaves` takes ten times as long, at every operation."""
    if isinstance(tree, (list, tuple)):
        for branch in tree:
            yield from leaves(branch)
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from leaves(branch)
    else:
        yield tree


def tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Tensor)]


def check_generator(tree: Any, label: str) -> None:
    for leaf in leaves(tree):
        if isinstance(leaf, RealGenerator) and kind(leaf.device) != label:
            raise DeviceError(f"A generator on {leaf.device} cannot fill a tensor on {label}.")


class Operations(TorchDispatchMode):
    """Sees every operation of PyTorch's: refuses mixtures, passes the label on."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        label = self.common_label(func, args, kwargs)
        if label != ANY:
            check_generator((args, kwargs), label)
        out = func(*args, **kwargs)
        given = {t.untyped_storage()._cdata for t in tensors((args, kwargs))}
        for tensor in tensors(out):
            if tensor.untyped_storage()._cdata not in given or self.labels[tensor] == ANY:
                self.labels[tensor] = label
        return out

    def common_label(self, func: Any, args: tuple, kwargs: dict) -> str:
        name, given = func._schema.name, tensors((args, kwargs))
        found = {self.labels[t] for t in given} - {ANY}
        if len(found) <= 1:
            return found.pop() if found else ANY
        if name in ACROSS:
            return self.labels[given[0]]
        counted = given
        if torch.Tag.pointwise in func.tags or name in CPU_NUMBER:
            counted = [t for t in given if t.dim() > 0 or self.labels[t] != "cpu"]
        if name in CPU_INDEX:
            indices = {id(t) for t in tensors(args[1])}
            counted = [t for t in counted if id(t) not in indices or self.labels[t] != "cpu"]
        found = {self.labels[t] for t in counted} - {ANY}
        if len(found) > 1:
            raise DeviceError(f"{name} meets tensors on {' and '.join(sorted(found))}.")
        return found.pop()


class Calls(TorchFunctionMode):
    """Sees every call from Python: `x.device`, `x.to(...)`, `device=...`, `x.numpy()`."""

    def __init__(self, labels: Labels) -> None:
        super().__init__()
        self.labels = labels
        self.special: dict[Any, Callable[..., Any]] = {
            torch.Tensor.device.__get__: lambda x: device_of(labels[x]),
            torch.Tensor.is_cuda.__get__: lambda x: labels[x] == "cuda",
            torch.Tensor.is_cpu.__get__: lambda x: labels[x] in ("cpu", ANY),
            torch.Tensor.is_mps.__get__: lambda x: labels[x] == "mps",
            torch.Tensor.to: self.to,
            torch.Tensor.cpu: lambda x, **_: self.moved(x, "cpu"),
            torch.Tensor.cuda: lambda x, *_, **__: self.moved(x, "cuda"),
            torch.Tensor.numpy: self.numpy,
            torch.Tensor.__array__: self.numpy,
            torch.Tensor.__deepcopy__: self.deepcopy,
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in self.special:
            return self.special[func](*args, **kwargs)
        device, given = kwargs.pop("device", None), tensors((args, kwargs))
        out = func(*args, **kwargs)
        if device is None and given:  # the operations inside have passed the labels on
            return out
        label = "cpu" if device is None else kind(device)
        if not given:
            check_generator((args, kwargs), label)
        for tensor in tensors(out):
            self.labels[tensor] = label
        return out

    def moved(self, x: Tensor, label: str) -> Tensor:
        if self.labels[x] == label:
            return x
        copy = x.clone()
        self.labels[copy] = label
        return copy

    def to(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """`x.to(...)` by device, dtype or another tensor; whether it waits does not matter here."""
        given = [*args, kwargs.get("device"), kwargs.get("dtype"), kwargs.get("other")]
        label, dtype = self.labels[x], x.dtype
        for value in given:
            if isinstance(value, Tensor):
                label, dtype = self.labels[value], value.dtype
            elif isinstance(value, torch.dtype):
                dtype = value
            elif isinstance(value, torch.device | str) or type(value) is int:
                label = kind(value)
        if label == "cpu":  # leave the device first: it may not have the dtype
            return self.moved(x, label).to(dtype)
        return self.moved(x.to(dtype), label)

    def numpy(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.labels[x] not in ("cpu", ANY):
            raise DeviceError(f"A tensor on {self.labels[x]} has no numpy array: move it first.")
        return x.numpy(*args, **kwargs)

    def deepcopy(self, x: Tensor, memo: dict) -> Tensor:
        copy = x.__deepcopy__(memo)
        self.labels[copy] = self.labels[x]
        return copy


class _Patched(type(RealGenerator)):  # type: ignore[misc]
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, RealGenerator)


class LabelledGenerator(RealGenerator, metaclass=_Patched):
    """A generator of the CPU that says it is on `device`."""

    label: str

    def __new__(cls, device: torch.device | str = "cpu") -> "LabelledGenerator":
        made = super().__new__(cls, "cpu")
        made.label = kind(device)
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return device_of(self.label)


@contextmanager
def simulated_devices() -> Iterator[Labels]:
    """Inside, "cuda" and "mps" are devices like any other; yields the labels."""
    labels = Labels()
    with patch.object(torch, "Generator", LabelledGenerator), Operations(labels), Calls(labels):
        yield labels


def moved_to(tree: Any, device: str) -> Any:
    """Every tensor in nested lists, tuples and dicts, moved to `device`."""
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, tree)
