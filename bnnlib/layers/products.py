"""Matrix products by the fastest kernel torch has for them.

On a CPU torch gives float32 products to MKL, which takes the wide AVX-512 units for Intel's
processors alone. oneDNN, which torch uses for bfloat16 and convolutions, is twice as fast on AMD's
with the same accuracy. So float32 products are given to oneDNN where this torch has it.
`python -m benchmarks` measures both.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """a b + bias, `[..., M, K] x [K, N] + [N] -> [..., M, N]`, of one dtype, of any strides.

    oneDNN is for inference and the inside of autograd functions. What needs a gradient or stands
    under autocast goes torch's own way.
    """
    torchs_own = torch.is_autocast_enabled(a.device.type) or (
        torch.is_grad_enabled() and (a.requires_grad or b.requires_grad)
    )
    if a.dtype == torch.float32 and a.device.type == "cpu" and not torchs_own and _has_onednn():
        return torch.ops.bnnlib.onednn_product(a, b, bias)
    return a @ b if bias is None else a @ b + bias


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x weight^T + bias, `[..., D] x [H, D] + [H] -> [..., H]`, with a gradient.

    The weight has the shape that it has in torch's linear layer.
    """
    if torch.is_autocast_enabled(x.device.type):
        return F.linear(x, weight, bias)
    return (
        LinearProduct.apply(x, weight, bias)
        if torch.is_grad_enabled()
        else product(x, weight.t(), bias)
    )


class LinearProduct(Function):
    """`linear` with the products of its gradient taken by `product` too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight.t(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_z: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x = product(of_z, weight) if ctx.needs_input_grad[0] else None
        rows = of_z.flatten(0, -2)
        return of_x, product(rows.t(), x.flatten(0, -2)), rows.sum(0)


def _onednn_product(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), bias, "none", [], "")


# An operation of its own: torch.compile takes torch's only for weights that never change. It is not
# made by torch.library.custom_op, whose first call imports the compiler: a second and 150 MB of a
# server that only answers.
OPERATIONS = torch.library.Library("bnnlib", "FRAGMENT")
OPERATIONS.define("onednn_product(Tensor a, Tensor b, Tensor? bias) -> Tensor")
OPERATIONS.impl("onednn_product", _onednn_product, "CPU")
torch.library.register_fake(
    "bnnlib::onednn_product", lambda a, b, bias: a.new_empty(*a.shape[:-1], b.shape[-1])
)


@cache
def _has_onednn() -> bool:
    """Whether this torch has oneDNN's float32 product, found out by asking it for one."""
    try:
        a = torch.ones(2, 2)
        return torch.equal(_onednn_product(a, a, None), a @ a)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False


@cache
def keep_freed_memory() -> None:
    """Have malloc serve large temporaries from memory freed before: saves 6 % of a training step.

    glibc takes blocks above a threshold from the system each time. Freeing one of just under 32 MiB
    raises the threshold to that size (mallopt(3), M_MMAP_THRESHOLD) and keeps twice as much at
    most. Elsewhere it does nothing.
    """
    torch.empty(31 << 20, dtype=torch.uint8)
