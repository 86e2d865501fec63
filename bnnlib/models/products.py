"""Matrix products by the fastest kernel torch has for them.

On processors with AVX-512 that MKL does not take for its own, torch's `@` in float32 runs at half the speed of oneDNN, the library
torch itself uses for bfloat16 and convolutions; so float32 products on a CPU are given to oneDNN, where this torch has it.
"""

from functools import cache

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b, `[..., M, K] x [K, N] -> [..., M, N]`, in the dtype of both; any strides. Without gradient of its own on a CPU in float32."""
    if a.dtype != torch.float32 or a.device.type != "cpu" or not _has_onednn():
        return a @ b
    return torch.ops.mkldnn._linear_pointwise(a, b.t(), None, "none", [], "")


@cache
def _has_onednn() -> bool:
    """Whether this torch has oneDNN's float32 product, found out by asking it for one."""
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        a = torch.ones(2, 2)
        return torch.equal(torch.ops.mkldnn._linear_pointwise(a, a, None, "none", [], ""), a + a - a + 1)
    except (AttributeError, NotImplementedError, RuntimeError):
        return False
