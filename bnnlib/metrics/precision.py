"""Sums are taken in float64, where the device has it."""

import torch
from torch import Tensor


def wide(values: Tensor) -> Tensor:
    """The numbers as float64, or as float32 on Apple's MPS, which has no float64."""
    return values.to(wide_dtype(values.device))


def wide_dtype(device: torch.device) -> torch.dtype:
    """float64, or float32 on Apple's MPS."""
    return torch.float32 if device.type == "mps" else torch.float64
