"""`convert`: what it keeps, what it makes Bayesian, what it refuses."""

import copy

import pyro
import pytest
import torch
from pyro.distributions import Categorical
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.optim import Adam
from torch import Tensor, nn

from bnnlib.errors import BnnlibError
from bnnlib.layers import BayesianLinear, BayesianSequential, convert, elbo


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classifier() -> nn.Sequential:
    """Nested, with a layer without bias and modules that learn, or do not."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 2, 2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(18, 8), nn.Tanh(), nn.Linear(8, 8, bias=False)),
        nn.LayerNorm(8),
        nn.Linear(8, 3),
    ).eval()


N, X = 30, torch.rand(30, 16, generator=seeded(0))
Y = torch.randint(3, (30,), generator=seeded(1))


def pair(network: BayesianSequential):
    def model() -> None:
        with pyro.plate("data", N):
            logits = network.sample_prior("net", X, n_data=N)
            pyro.sample("y", Categorical(logits=logits), obs=Y)

    def guide() -> None:
        with pyro.plate("data", N):
            network.sample_posterior("net", X, n_data=N)

    return model, guide


@torch.no_grad()
def test_the_means_answer_as_the_module_did_and_the_module_stays_as_it_was() -> None:
    module = classifier()
    before = copy.deepcopy(module.state_dict())
    network = convert(module, prior_scale=0.5, initial_scale=0.02)
    assert torch.allclose(network.mean(X), module(X), atol=1e-6)
    layers = [part for part in network.modules() if isinstance(part, BayesianLinear)]
    assert [tuple(layer.loc.shape) for layer in layers] == [(19, 8), (8, 8), (9, 3)]
    for layer in layers:
        assert torch.allclose(layer.scale, torch.tensor(0.02))
        assert float(layer.prior_scale) == 0.5
    for parameter in network.parameters():
        parameter.add_(1)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


@torch.no_grad()
def test_a_draw_is_one_network_and_draws_of_no_width_are_the_module() -> None:
    module = classifier()
    narrow = convert(module, initial_scale=1e-6).draw(seeded(2))
    assert torch.allclose(narrow(X), module(X), atol=1e-3)
    wide = convert(module, initial_scale=0.3)
    one, other = wide.draw(seeded(2)), wide.draw(seeded(3))
    assert torch.equal(one(X), one(X))
    assert torch.allclose(one(X)[:5], one(X[:5]), atol=1e-5)  # the same weights for all inputs
    assert not torch.allclose(one(X), other(X), atol=0.1)


def test_svi_trains_every_parameter_and_the_elbo_holds_every_kl() -> None:
    network = convert(classifier(), prior_scale=0.5)
    before = copy.deepcopy(network.state_dict())
    model, guide = pair(network)
    layers = [part for part in network.modules() if isinstance(part, BayesianLinear)]
    with torch.no_grad():
        kl = sum(
            float(((q.scale**2 + q.loc**2) / 0.5 - torch.log(q.scale / 0.5) - 0.5).sum())
            for q in layers
        )
    assert elbo(model, guide).kl.item() == pytest.approx(kl, rel=1e-4)
    svi = SVI(model, guide, Adam({"lr": 0.01}), TraceMeanField_ELBO())
    losses = [svi.step() for _ in range(60)]
    assert sum(losses[-10:]) < sum(losses[:10])
    for name, parameter in network.named_parameters():
        assert not torch.equal(parameter, before[name]), name
    assert len(pyro.get_param_store()) == 0


def test_the_state_of_a_converted_module_loads_into_another() -> None:
    first, second = (convert(classifier()) for _ in range(2))
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        assert torch.equal(first.mean(X), second.mean(X))


def test_dtype_device_and_mode_are_the_modules() -> None:
    network = convert(nn.Sequential(nn.Linear(3, 2), nn.ReLU()).double().eval())
    assert {value.dtype for value in network.state_dict().values()} == {torch.float64}
    assert not network.training
    assert convert(nn.Sequential(nn.Linear(3, 2, device="meta")))[0].loc.is_meta


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Scaled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Reversed(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(-1))


def hooked() -> nn.Linear:
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(lambda module, inputs, output: 2 * output)
    return layer


SHARED = nn.Linear(3, 3)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Linear(3, 3), "nn.Sequential"),
        (nn.Sequential(nn.ReLU()), "no linear layer"),
        (nn.Sequential(nn.Linear(3, 3), Residual()), "Layer 1 .Residual."),
        (nn.Sequential(nn.Linear(3, 3), nn.MultiheadAttention(4, 2)), "MultiheadAttention"),
        (nn.Sequential(SHARED, nn.ReLU(), SHARED), "twice"),
        (nn.Sequential(SHARED, nn.Sequential(SHARED)), "twice"),
        (nn.Sequential(nn.ReLU(), nn.Sequential(Scaled(3, 3))), "Layer 1.0 .Scaled."),
        (nn.Sequential(nn.LazyLinear(3)), "LazyLinear"),
        (nn.Sequential(hooked()), "hook"),
        (Reversed(nn.Linear(3, 3)), "Reversed"),
        (
            nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))),
            "ParametrizedLinear",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_what_cannot_be_converted_is_refused(module, reason: str, one_sentence) -> None:
    with pytest.raises(BnnlibError, match=reason) as refused:
        convert(module)
    assert one_sentence(refused.value)


def test_a_converted_module_has_no_single_answer(one_sentence) -> None:
    with pytest.raises(BnnlibError, match="draw") as refused:
        convert(classifier())(X)
    assert one_sentence(refused.value)
