"""The locally reparameterised layer against a float64 reference and against known answers."""

import contextlib
from itertools import pairwise

import pyro
import pytest
import torch
import torch.nn.functional as F
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor
from torch.distributions import kl_divergence
from torch.utils._python_dispatch import TorchDispatchMode

from bnnlib.errors import BnnlibError
from bnnlib.layers.linear_normal import LinearNormal
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.training.objectives import make_objective

N, BATCH = 60_000, 24


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal_kl(loc: Tensor, scale: Tensor, prior_scale: float) -> Tensor:
    """KL(N(loc, scale^2) || N(0, prior^2)) in textbook form, summed."""
    return (torch.log(prior_scale / scale) + (scale**2 + loc**2) / (2 * prior_scale**2) - 0.5).sum()


# The whole network against a reference that shares no code with it


def reference(
    network: BayesianNetwork,
    images: Tensor,
    labels: Tensor,
    noise: list[Tensor],
    temperature: float,
):
    """Loss per training image and the gradient of every parameter, in float64.

    Computed weight by weight through a B x D x H tensor.
    """
    config = network.config
    parameters = {
        name: value.detach().double().requires_grad_() for name, value in network.named_parameters()
    }
    h, kl = images.double().flatten(1), 0.0
    for k, eps in enumerate(noise):
        loc, sigma = (
            parameters[f"layers.{k}.loc"],
            parameters[f"layers.{k}.raw_scale"].exp() + config.minimum_scale,
        )
        if f"layers.{k}.raw_factor" in parameters:
            sigma = (0.1 + 0.9 / (1 + torch.exp(-parameters[f"layers.{k}.raw_factor"]))) * sigma
        if len(loc) > h.shape[1]:
            h = torch.cat([h, torch.ones(len(h), 1, dtype=torch.float64)], 1)
        variance = (h[:, :, None] ** 2 * sigma**2).sum(1)
        z = (h[:, :, None] * loc).sum(1) + variance.sqrt() * eps.double()
        h = torch.where(z > 0, z, 0.01 * z) if k < len(noise) - 1 else z
        kl = kl + normal_kl(loc, sigma, float(network.layers[k].prior_scale))
    log_likelihood = h[torch.arange(len(h)), labels] - torch.logsumexp(h, 1)
    loss = -log_likelihood.mean() + temperature * kl / N
    loss.backward()
    return loss.detach(), {name: value.grad for name, value in parameters.items()}


ARTICLE = {
    "prior_scale": 1.0,
    "initial_scale": 0.1,
    "initial_factors": (0.25, 0.5, 0.7),
    "initial_mean": 0.01,
    "minimum_scale": 0.01,
}


@pytest.mark.parametrize(
    "options",
    [{}, ARTICLE, {**ARTICLE, "input_bias": False}],
    ids=["ours", "article", "no input bias"],
)
@pytest.mark.parametrize("temperature", [1.0, 0.05])
def test_loss_and_gradient_equal_the_float64_reference(options: dict, temperature: float) -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(32, 24, 16), **options), seeded(1))
    images, labels = (
        torch.rand(BATCH, 28, 28, generator=seeded(2)),
        torch.randint(10, (BATCH,), generator=seeded(3)),
    )
    draws = seeded(4)
    noise = [torch.randn(BATCH, width, generator=draws) for width in (32, 24, 16, 10)]
    loss, gradients = reference(network, images, labels, noise, temperature)
    assert gradients.keys() == dict(network.named_parameters()).keys()

    def errors(precision: torch.dtype) -> tuple[float, dict[str, float]]:
        network.zero_grad()
        ours = make_objective(network, "elbo", N, BATCH, seeded(4), precision)(
            images, labels, temperature
        ).value
        ours.backward()
        differences = {
            name: (p.grad.double() - gradients[name]).norm() / gradients[name].norm()
            for name, p in network.named_parameters()
        }
        return (ours.item() - loss.item()) / loss.item(), differences

    loss_error, differences = errors(torch.float32)
    assert abs(loss_error) < 1e-4
    assert max(differences.values()) < 1e-4, differences
    loss_error, differences = errors(torch.bfloat16)  # 8 bits of precision
    assert abs(loss_error) < 1e-2
    assert (
        max(error for name, error in differences.items() if not name.endswith("factor")) < 0.15
    ), differences  # sums that cancel


def test_moments_equal_those_of_drawn_weights() -> None:
    x, loc, scale = (
        torch.rand(3, 4, generator=seeded(0)),
        torch.randn(5, 2, generator=seeded(1)),
        torch.rand(5, 2, generator=seeded(2)) + 0.1,
    )
    layer = LinearNormal(x, loc, scale, kl_weight=1.0)
    mean, variance = layer.moments
    ones = torch.cat([x, torch.ones(3, 1)], 1)
    weights = loc + scale * torch.randn(100_000, 5, 2, generator=seeded(3))
    z = ones @ weights
    assert torch.allclose(mean, z.mean(0), atol=0.02)
    assert torch.allclose(variance, z.var(0), rtol=0.02)
    assert (layer.batch_shape, layer.event_shape) == ((3,), (2,))
    drawn = layer.rsample((100_000,))
    assert torch.allclose(drawn.mean(0), mean, atol=0.02)
    assert torch.allclose(drawn.var(0), variance, rtol=0.02)
    assert torch.allclose(
        layer.log_prob(z[0]),
        torch.distributions.Normal(mean, variance.sqrt()).log_prob(z[0]).sum(-1),
        rtol=1e-4,
    )


def test_a_prior_given_by_two_numbers_is_the_same_layer_as_one_given_weight_by_weight() -> None:
    x, shape = torch.rand(3, 4, generator=seeded(0)), torch.Size([5, 2])
    short = LinearNormal(x, torch.zeros(()), torch.tensor(0.3), shape=shape, kl_weight=1.0)
    long = LinearNormal(x, torch.zeros(shape), torch.full(shape, 0.3), kl_weight=1.0)
    for a, b in zip(short.moments, long.moments, strict=True):
        assert torch.allclose(a, b, rtol=1e-5)
    q = LinearNormal(
        x,
        torch.randn(shape, generator=seeded(1)),
        torch.rand(shape, generator=seeded(2)) + 0.1,
        kl_weight=1.0,
    )
    assert torch.allclose(kl_divergence(q, short), kl_divergence(q, long), rtol=1e-5)


class Largest(TorchDispatchMode):
    """Remembers the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            self.numel = max(self.numel, value.numel() if isinstance(value, Tensor) else 0)
        return result


def test_no_tensor_is_larger_than_the_weights_forward_or_backward() -> None:
    b, d, h = 48, 60, 50
    x = torch.rand(b, d, generator=seeded(0)).requires_grad_()
    loc, scale = (
        torch.randn(d + 1, h, generator=seeded(1)).requires_grad_(),
        torch.ones(d + 1, h).requires_grad_(),
    )
    with Largest() as largest:
        LinearNormal(x, loc, scale, kl_weight=1.0, generator=seeded(2)).rsample().sum().backward()
    assert largest.numel <= max((d + 1) * h, b * (d + 1), b * h)  # not b * d * h


def test_weights_that_do_not_fit_the_inputs_are_refused() -> None:
    with pytest.raises(BnnlibError, match="4 features, weights have 7 rows"):
        LinearNormal(torch.zeros(3, 4), torch.zeros(7, 2), torch.ones(7, 2), kl_weight=1.0)


@pytest.mark.parametrize("bias", [0, 1])
def test_blank_images_have_finite_gradients(bias: int) -> None:
    x = torch.zeros(3, 4, requires_grad=True)
    loc, scale = (
        torch.randn(4 + bias, 2, generator=seeded(0)).requires_grad_(),
        torch.full((4 + bias, 2), 0.1).requires_grad_(),
    )
    LinearNormal(
        x, loc, scale, kl_weight=1.0, generator=seeded(1)
    ).rsample().square().sum().backward()
    for tensor in (x, loc, scale):
        assert torch.isfinite(tensor.grad).all()


def test_a_blank_image_trains_the_articles_network_which_has_no_bias_in_its_first_layer() -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(8, 8, 8), input_bias=False), seeded(0))
    objective = make_objective(network, "elbo", N, 2, seeded(1), torch.float32)
    objective(torch.zeros(2, 28, 28), torch.tensor([3, 4]), 1.0).value.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


# The KL inside a plate


def pair_of_layers(kl_weight: float, n: int, b: int, outer: int | None = None):
    """(model, guide, KL of the weights) of one layer in a plate of n images, b of them drawn."""
    x = torch.rand(b, 4, generator=seeded(0))
    loc, scale = torch.randn(5, 2, generator=seeded(1)), torch.rand(5, 2, generator=seeded(2)) + 0.1

    def sample(loc: Tensor, scale: Tensor) -> None:
        with (
            pyro.plate("outer", outer, dim=-2) if outer else contextlib.nullcontext(),
            pyro.plate("images", n, subsample_size=b, dim=-1),
        ):
            pyro.sample(
                "z", LinearNormal(x, loc, scale, shape=torch.Size([5, 2]), kl_weight=kl_weight)
            )

    def model() -> None:
        sample(torch.zeros(5, 2), torch.full((5, 2), 0.5))

    def guide() -> None:
        sample(loc, scale)

    return model, guide, float(normal_kl(loc, scale, 0.5))


def test_a_plate_of_all_images_counts_the_kl_exactly_once() -> None:
    model, guide, kl = pair_of_layers(kl_weight=1 / N, n=N, b=BATCH)
    assert TraceMeanField_ELBO().loss(model, guide) == pytest.approx(kl, rel=1e-5)


def test_a_plate_of_the_batch_alone_counts_only_its_share_of_the_kl() -> None:
    model, guide, kl = pair_of_layers(kl_weight=1 / N, n=BATCH, b=BATCH)
    assert TraceMeanField_ELBO().loss(model, guide) == pytest.approx(kl * BATCH / N, rel=1e-5)


def test_expanded_by_an_outer_plate_it_keeps_its_class_and_its_kl() -> None:
    model, guide, kl = pair_of_layers(kl_weight=1 / N, n=N, b=BATCH, outer=3)
    node = pyro.poutine.trace(guide).get_trace().nodes["z"]
    assert type(node["fn"]) is LinearNormal
    assert node["value"].shape == (3, BATCH, 2)
    assert TraceMeanField_ELBO().loss(model, guide) == pytest.approx(3 * kl, rel=1e-5)


def test_without_an_expand_of_its_own_a_plate_would_drop_the_kl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(LinearNormal, "expand")
    model, guide, kl = pair_of_layers(kl_weight=1 / N, n=N, b=BATCH, outer=3)
    assert TraceMeanField_ELBO().loss(model, guide) != pytest.approx(3 * kl, rel=1e-2)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
@pytest.mark.parametrize("batch", [BATCH, 7])
def test_the_networks_loss_holds_the_kl_of_all_its_weights_once_whatever_the_batch(
    temperature: float, batch: int
) -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(16, 16, 16)), seeded(0))
    kl = sum(normal_kl(layer.loc, layer.scale, 0.1).item() for layer in network.layers)
    images, labels = (
        torch.rand(batch, 28, 28, generator=seeded(1)),
        torch.randint(10, (batch,), generator=seeded(2)),
    )

    def loss(temperature: float) -> float:
        return TraceMeanField_ELBO().loss(
            network.model, network.guide, images, labels, N, temperature, generator=seeded(3)
        )

    assert loss(temperature) - loss(0.0) == pytest.approx(
        temperature * kl, rel=1e-2
    )  # of a loss a hundred times as large
    with_kl = make_objective(network, "elbo", N, batch, seeded(3), torch.float32)(
        images, labels, temperature
    )
    assert with_kl.kl.item() == pytest.approx(kl, rel=1e-2)
    assert with_kl.value.item() == pytest.approx(
        with_kl.nll.item() / batch + temperature * kl / N, rel=1e-4
    )


# Pyro's guide and plain torch answer alike


def opinions(network: BayesianNetwork, images: Tensor, path: str, n: int) -> Tensor:
    """`n` sampled log-probabilities by one of the three paths, `[n, B, C]`."""
    if path == "guide":
        trace = pyro.poutine.trace(network.guide).get_trace(
            images.repeat(n, 1, 1), generator=seeded(11)
        )
        return trace.nodes["logits"]["value"].log_softmax(-1).view(n, len(images), -1)
    if path == "sample":
        return network.sample(images, n, seeded(12))
    generator = seeded(13)
    return torch.stack([network.draw(generator)(images) for _ in range(n)])


def distance(a: Tensor, b: Tensor) -> float:
    """Largest Kolmogorov-Smirnov distance of samples `[n, ...]` of a and b, over all entries."""
    n = len(a)
    both, order = torch.cat([a, b]).flatten(1).sort(0)
    steps = torch.where(order < n, 1.0, -1.0).cumsum(0) / n
    assert both.shape == order.shape
    return float(steps.abs().max())


@pytest.mark.parametrize("input_bias", [True, False])
@torch.no_grad()
def test_pyros_guide_local_sampling_and_drawn_networks_have_the_same_distribution(
    input_bias: bool,
) -> None:
    network = BayesianNetwork(
        BayesianConfig(hidden=(12, 12, 12), initial_scale=0.2, input_bias=input_bias), seeded(0)
    )
    images, n = torch.rand(3, 28, 28, generator=seeded(1)), 4_000
    guide, sample, draw = (
        opinions(network, images, path, n) for path in ("guide", "sample", "draw")
    )
    # 60 comparisons: chance alone passes 0.055 once in 10,000 such tests
    assert distance(guide, sample) < 0.055
    assert distance(guide, draw) < 0.055
    network.layers[
        0
    ].raw_scale += 0.4  # the test can tell: a wider first layer is another distribution
    assert distance(guide, opinions(network, images, "sample", n)) > 0.055


def test_two_networks_in_one_process_share_no_parameters() -> None:
    first, second = (
        BayesianNetwork(BayesianConfig(hidden=(8, 8, 8)), seeded(seed)) for seed in (0, 1)
    )
    before = {name: value.clone() for name, value in second.state_dict().items()}
    images, labels = torch.rand(4, 28, 28, generator=seeded(2)), torch.tensor([1, 2, 3, 4])
    for network in (first, second):
        make_objective(network, "elbo", N, 4, seeded(3), torch.float32)(
            images, labels, 1.0
        ).value.backward()
    optimiser = torch.optim.SGD(first.parameters(), lr=0.1)
    optimiser.step()
    assert all(torch.equal(value, before[name]) for name, value in second.state_dict().items())
    assert not any(
        torch.equal(value, before[name])
        for name, value in first.state_dict().items()
        if name.endswith("loc")
    )
    assert (
        len(pyro.get_param_store()) == 0
    )  # it is global and keyed by name: a second network would take over the first one's


def test_the_article_s_shapes_are_the_defaults() -> None:
    sizes = (784, 1024, 1024, 1024, 10)
    network = BayesianNetwork(generator=seeded(0))
    assert [tuple(layer.loc.shape) for layer in network.layers] == [
        (i + 1, o) for i, o in pairwise(sizes)
    ]
    assert F.leaky_relu(torch.tensor(-1.0)) == pytest.approx(
        -0.01
    )  # the article's slope is torch's default
