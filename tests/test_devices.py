"""The simulated devices refuse what real ones refuse, and compute what the CPU computes."""

from collections.abc import Callable

import pytest
import torch

from tests.devices import DeviceError, simulated_devices

REFUSED: dict[str, Callable[[], object]] = {
    "a sum": lambda: torch.ones(2, device="cuda") + torch.ones(2),
    "an index": lambda: torch.zeros(3).index_add_(
        0, torch.tensor([0, 1], device="cuda"), torch.ones(2, device="cuda")
    ),
    "a product": lambda: torch.ones(2, 2, device="cuda") @ torch.ones(2, 2, device="mps"),
    "joined": lambda: torch.cat([torch.ones(1, device="cuda"), torch.ones(1)]),
    "a generator": lambda: torch.ones(2, device="cuda").normal_(generator=torch.Generator()),
    "random numbers": lambda: torch.rand(2, generator=torch.Generator("cuda")),
    "float64": lambda: torch.ones(2, device="mps").double(),
    "float64 made there": lambda: torch.ones(2, device="mps", dtype=torch.float64),
    "numpy": lambda: torch.ones(2, device="cuda").numpy(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_device_refuses(what: str) -> None:
    with simulated_devices(), pytest.raises(DeviceError):
        REFUSED[what]()


def test_what_a_device_allows() -> None:
    with simulated_devices():
        x = torch.arange(3.0, device="cuda")
        assert x.device == torch.device("cuda", 0)
        assert (x * torch.tensor(2.0)).tolist() == [0, 2, 4]
        assert (x[torch.tensor([0, 2])] + 1).device.type == "cuda"
        assert torch.zeros_like(x).device.type == "cuda"
        assert x.view(3, 1).device.type == "cuda"
        assert x.to("mps", torch.float16).device.type == "mps"
        assert x.sum().item() == 3
        assert x.cpu().numpy().tolist() == [0, 1, 2]
        assert x.double().cpu().device.type == "cpu"
        assert torch.rand(2, device="cuda", generator=torch.Generator("cuda")).is_cuda


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_step_of_training_is_the_cpus(device: str) -> None:
    def step(device: str) -> list[float]:
        layer = torch.nn.Linear(3, 1)
        layer.weight.data.fill_(0.5)
        layer.bias.data.zero_()
        layer.to(device)
        optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
        layer(torch.ones(4, 3, device=device)).square().mean().backward()
        assert layer.weight.grad is not None
        assert layer.weight.grad.device.type == device
        optimiser.step()
        return layer.weight[0].tolist()

    with simulated_devices():
        assert step(device) == step("cpu")
    assert torch.ones(1).device.type == "cpu"
