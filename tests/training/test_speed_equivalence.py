"""What was made fast gives what it gave before: products, losses and gradients at full size, Pyro's own ELBO, bfloat16."""

import pyro
import pytest
import torch
import torch.nn.functional as F
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor

from bnnlib import sample_probs
from bnnlib.layers import products
from bnnlib.layers.bound import negative_elbo
from bnnlib.layers.products import linear, product
from bnnlib.networks import BayesianConfig, BayesianNetwork, DropoutNetwork, Network
from bnnlib.training.objectives import make_objective

N, BATCH = 50_000, 16
ARTICLE = {
    "prior_scale": 1.0,
    "initial_scale": 0.1,
    "initial_factors": (0.25, 1.0, 1.0),
    "initial_mean": 0.01,
    "minimum_scale": 0.01,
}
OPTIONS = [{}, {**ARTICLE, "input_bias": False}]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IMAGES, LABELS = (
    torch.rand(BATCH, 28, 28, generator=seeded(0)),
    torch.randint(10, (BATCH,), generator=seeded(1)),
)


@pytest.fixture(params=[True, False], ids=["oneDNN if it is there", "torch's own"])
def either_kernel(request, monkeypatch) -> None:
    if not request.param:
        monkeypatch.setattr(products, "_has_onednn", lambda: False)


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return float((a.double() - b.double()).norm()) <= tolerance * float(b.double().norm())


@pytest.mark.parametrize("shape", [(1, 784), (128, 1024), (5, 3, 1024), (0, 784)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.usefixtures("either_kernel")
def test_a_product_is_the_products_definition(shape: tuple[int, ...], bias: bool) -> None:
    a, b = (
        torch.randn(shape, generator=seeded(0)),
        torch.randn(shape[-1] + 1, 37, generator=seeded(1)),
    )
    exact = a.double() @ b[:-1].double() + (b[-1].double() if bias else 0)
    for left, right in (
        (a, b[:-1]),
        (a.mT.contiguous().mT, b[:-1].t().contiguous().t()),
    ):  # whatever the strides
        result = product(left, right, b[-1] if bias else None)
        assert (result.dtype, result.shape) == (torch.float32, exact.shape)
        assert close(result, exact, 1e-6)


@pytest.mark.usefixtures("either_kernel")
def test_a_product_of_what_needs_a_gradient_has_one() -> None:
    a, b = (
        torch.randn(3, 4, generator=seeded(0)),
        torch.randn(4, 5, generator=seeded(1)).requires_grad_(),
    )
    product(a, b).sum().backward()
    assert torch.allclose(b.grad, a.sum(0)[:, None].expand(4, 5))


@pytest.mark.parametrize("shape", [(6, 7), (2, 3, 7)], ids=str)
@pytest.mark.usefixtures("either_kernel")
def test_a_linear_layer_has_torchs_values_and_gradients(shape: tuple[int, ...]) -> None:
    tensors = [
        torch.randn(size, generator=seeded(k)).requires_grad_()
        for k, size in enumerate((shape, (5, 7), (5,)))
    ]
    of_z = torch.randn(*shape[:-1], 5, generator=seeded(3))
    ours = (linear(*tensors), *torch.autograd.grad(linear(*tensors), tensors, of_z))
    theirs = (F.linear(*tensors), *torch.autograd.grad(F.linear(*tensors), tensors, of_z))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-5)


def reference(
    network: BayesianNetwork, generator: torch.Generator, temperature: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss per training image and every parameter's gradient in float64, by the formulas as they stand in the textbook."""
    parameters = {
        name: value.detach().double().requires_grad_() for name, value in network.named_parameters()
    }
    h, kl = IMAGES.double().flatten(1), torch.zeros((), dtype=torch.float64)
    for k, layer in enumerate(network.layers):
        loc, sigma = (
            parameters[f"layers.{k}.loc"],
            parameters[f"layers.{k}.raw_scale"].exp() + network.config.minimum_scale,
        )
        if layer.raw_factor is not None:
            sigma = (0.1 + 0.9 * parameters[f"layers.{k}.raw_factor"].sigmoid()) * sigma
        x = torch.cat([h, h.new_ones(len(h), 1)], 1) if len(loc) > h.shape[1] else h
        noise = torch.randn(len(x), loc.shape[1], generator=generator)
        z = x @ loc + (x**2 @ sigma**2).sqrt() * noise.double()
        h = F.leaky_relu(z) if k < len(network.layers) - 1 else z
        prior = network.layers[k].prior_scale.double()
        kl = kl + ((loc**2 + sigma**2) / (2 * prior**2) - (sigma / prior).log() - 0.5).sum()
    loss = F.cross_entropy(h, LABELS) + temperature * kl / N
    loss.backward()
    return loss.detach(), {name: value.grad for name, value in parameters.items()}


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "article"])
@pytest.mark.parametrize("temperature", [1.0, 0.02])
@pytest.mark.usefixtures("either_kernel")
def test_a_step_at_full_size_equals_float64(options: dict, temperature: float) -> None:
    network = BayesianNetwork(BayesianConfig(**options), seeded(2))
    exact, gradients = reference(network, seeded(3), temperature)
    loss = make_objective(network, "elbo", N, BATCH, seeded(3), torch.float32)(
        IMAGES, LABELS, temperature
    )
    loss.value.backward()
    assert float(loss.value.detach()) == pytest.approx(float(exact), rel=1e-5)
    for name, parameter in network.named_parameters():
        assert close(parameter.grad, gradients[name], 1e-4), name


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "article"])
def test_the_elbo_is_pyros_own(options: dict) -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(32, 24, 16), **options), seeded(2))
    results = []
    for elbo in (negative_elbo, TraceMeanField_ELBO().differentiable_loss):
        network.zero_grad()
        with pyro.validation_enabled(False):
            loss = elbo(network.model, network.guide, IMAGES, LABELS, N, 0.3, generator=seeded(4))
        loss.backward()
        results.append([loss.detach(), *(p.grad.clone() for p in network.parameters())])
    for ours, pyros in zip(*results, strict=True):
        assert torch.allclose(ours, pyros, rtol=1e-6, atol=0)


@pytest.mark.parametrize("options", OPTIONS, ids=["default", "article"])
@torch.no_grad()
def test_variances_are_the_squares_of_the_scales(options: dict) -> None:
    for layer in BayesianNetwork(BayesianConfig(hidden=(32, 24, 16), **options), seeded(2)).layers:
        assert torch.allclose(layer.variance, layer.scale.double().square().float(), rtol=1e-5)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "each image its own"])
@pytest.mark.parametrize("kind", [BayesianNetwork, DropoutNetwork])
def test_bfloat16_products_move_probabilities_by_hundredths(
    kind: type[Network], shared: bool
) -> None:
    network = kind(generator=seeded(0))
    exact = sample_probs(network, IMAGES, 5, 1, shared)
    low = sample_probs(network, IMAGES, 5, 1, shared, precision=torch.bfloat16)
    assert (low.dtype, low.shape) == (torch.float32, exact.shape)
    assert torch.allclose(low.sum(-1), torch.ones(5, BATCH), atol=1e-5)
    assert 0 < (low - exact).abs().max() < 0.05
