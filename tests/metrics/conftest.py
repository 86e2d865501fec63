"""What the tests of metrics share."""

import pytest
import torch


@pytest.fixture(scope="module")
def predictions() -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities `[B, C]` and labels drawn from them: perfectly calibrated."""
    generator = torch.Generator().manual_seed(3)
    probs = torch.randn(2_000, 10, generator=generator).mul_(2).softmax(-1)
    return probs, torch.multinomial(probs, 1, generator=generator)[:, 0]
