"""The layer in other people's models: known answers by Pyro's own SVI, and the traps."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pyro
import pytest
import torch
import torch.nn.functional as F
from pyro.distributions import Normal
from pyro.infer import (
    SVI,
    RenyiELBO,
    Trace_ELBO,
    TraceGraph_ELBO,
    TraceMeanField_ELBO,
)
from pyro.optim import Adam, CosineAnnealingLR
from torch import Tensor, nn

from bnnlib.errors import BnnlibError
from bnnlib.layers import BayesianLinear, elbo, negative_elbo

NOISE, PRIOR = 0.5, 2.0


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kl(layer: BayesianLinear) -> float:
    """KL(q || p) of all weights by the textbook's formula."""
    loc, s, p = (t.detach().double() for t in (layer.loc, layer.scale, layer.prior_scale))
    return float((torch.log(p / s) + (s**2 + loc**2) / (2 * p**2) - 0.5).sum())


# Bayesian linear regression: the known answer


def regression(design: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x `[40, 3]`, y `[40]`, and the exact posterior's mean `[3]` and precision `[3, 3]`."""
    x = torch.randn(40, 3, generator=seeded(0), dtype=torch.float64)
    if design == "orthogonal":
        x = torch.linalg.qr(x).Q * torch.tensor([3.0, 6.0, 9.0], dtype=torch.float64)
    else:
        x[:, 2] = 0.8 * x[:, 0] + 0.6 * x[:, 2]
    noise = NOISE * torch.randn(40, generator=seeded(1), dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) + noise
    precision = x.T @ x / NOISE**2 + torch.eye(3, dtype=torch.float64) / PRIOR**2
    return x, y, torch.linalg.solve(precision, x.T @ y / NOISE**2), precision


def linear_model(
    layer: BayesianLinear, x: Tensor, y: Tensor, n: int, generator: torch.Generator
) -> tuple[Callable, Callable]:
    """Model and guide of y = x w + noise, `n` data points of which x, y are a part or copies."""

    def model() -> None:
        with pyro.plate("data", n, subsample=torch.arange(len(x))):
            z = layer.sample_prior("z", x, n_data=n, generator=generator)
            pyro.sample("y", Normal(z[:, 0], NOISE), obs=y)

    def guide() -> None:
        with pyro.plate("data", n, subsample=torch.arange(len(x))):
            layer.sample_posterior("z", x, n_data=n, generator=generator)

    return model, guide


@pytest.mark.parametrize(
    ("design", "dtype", "loss"),
    [
        ("orthogonal", torch.float32, TraceMeanField_ELBO()),
        ("correlated", torch.float32, TraceMeanField_ELBO()),
        ("correlated", torch.float64, negative_elbo),
    ],
    ids=["orthogonal", "correlated", "correlated in float64 by our own loss"],
)
def test_svi_finds_the_known_posterior_of_linear_regression(design, dtype, loss) -> None:
    x, y, exact_mean, precision = regression(design)
    # The sd of the exact posterior if it is diagonal; else the best that a mean field can do.
    exact_sd = precision.diagonal() ** -0.5
    full_sd = precision.inverse().diagonal().sqrt()
    assert torch.allclose(exact_sd, full_sd) == (design == "orthogonal")
    n, copies = len(x), 100  # copies of the data: as many samples a step, less noise
    layer = BayesianLinear(
        3, 1, bias=False, prior_scale=PRIOR, initial_mean=0.0, initial_scale=0.3
    ).to(dtype)
    model, guide = linear_model(
        layer, x.repeat(copies, 1).to(dtype), y.repeat(copies).to(dtype), n, seeded(2)
    )
    schedule = CosineAnnealingLR(
        {"optimizer": torch.optim.Adam, "optim_args": {"lr": 0.1}, "T_max": 300}
    )
    svi = SVI(model, guide, schedule, loss)
    for _ in range(300):
        svi.step()
        schedule.step()
    mean, sd = layer.loc.detach().double()[:, 0], layer.scale.detach().double()[:, 0]
    assert layer.loc.dtype == dtype
    assert ((mean - exact_mean).abs() < 0.03 * exact_sd).all()
    assert torch.allclose(sd, exact_sd, rtol=0.02)


def test_at_the_known_posterior_the_gradient_is_zero_to_rounding_in_float64() -> None:
    """A Gaussian likelihood's expectation is known, so no sample is in this test."""
    x, y, mean, precision = regression("correlated")
    layer = BayesianLinear(3, 1, bias=False, prior_scale=PRIOR).double()
    with torch.no_grad():
        layer.loc[:, 0] = mean
        layer.raw_scale[:, 0] = (precision.diagonal() ** -0.5).log()
    m, v = layer.moments(x)
    expected = -((y - m[:, 0]).square() + v[:, 0]).sum() / (2 * NOISE**2)
    model, guide = linear_model(layer, x, y, len(x), seeded(0))
    (elbo(model, guide).weighted_kl - expected).backward()
    for parameter in layer.parameters():
        assert parameter.grad.abs().max() < 1e-6  # of terms of size 1,000


# What the ELBO holds


@pytest.mark.parametrize("widths", [(4, 2), (4, 7, 2), (4, 5, 6, 7, 3)], ids=str)
@pytest.mark.parametrize("batch", [40, 8])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.0])
def test_the_kl_of_all_layers_is_counted_once(widths, batch: int, temperature: float) -> None:
    layers = [
        BayesianLinear(i, o, prior_scale=0.7, generator=seeded(o)) for i, o in pairwise(widths)
    ]
    n, x = 40, torch.rand(40, widths[0], generator=seeded(0))

    def network(rows: Tensor, posterior: bool) -> None:
        h = x[rows]
        for k, layer in enumerate(layers):
            sample = layer.sample_posterior if posterior else layer.sample_prior
            h = sample(f"h{k}", h, kl_weight=temperature / n).relu()

    def model() -> None:
        with pyro.plate("data", n, subsample_size=batch) as rows:
            network(rows, posterior=False)

    def guide() -> None:
        with pyro.plate("data", n, subsample_size=batch) as rows:
            network(rows, posterior=True)

    whole = sum(map(kl, layers))
    assert TraceMeanField_ELBO().loss(model, guide) == pytest.approx(temperature * whole, rel=1e-5)
    terms = elbo(model, guide)
    assert terms.kl.item() == pytest.approx(whole, rel=1e-5)  # whatever the temperature
    assert terms.weighted_kl.item() == pytest.approx(temperature * whole, rel=1e-5)
    assert terms.log_likelihood == 0  # nothing is observed


def test_the_terms_are_pyros_loss_for_a_model_with_other_latent_sites_too() -> None:
    layer, x = BayesianLinear(3, 1, generator=seeded(0)), torch.rand(10, 3, generator=seeded(1))

    def model(y: Tensor) -> None:
        shift = pyro.sample("shift", Normal(0.0, 2.0))
        with pyro.plate("data", 10):
            z = layer.sample_prior("z", x, n_data=10)
            pyro.sample("y", Normal(z[:, 0] + shift, NOISE), obs=y)

    def guide(y: Tensor) -> None:
        pyro.sample("shift", Normal(torch.tensor(0.5), 0.1))
        with pyro.plate("data", 10):
            layer.sample_posterior("z", x, n_data=10)

    y = torch.zeros(10)
    pyro.set_rng_seed(0)
    theirs = TraceMeanField_ELBO().loss(model, guide, y)
    pyro.set_rng_seed(0)
    terms = elbo(model, guide, y)
    assert terms.loss.item() == pytest.approx(theirs, rel=1e-5)
    of_shift = torch.tensor(2.0 / 0.1).log() + (0.1**2 + 0.5**2) / (2 * 2.0**2) - 0.5
    assert terms.kl.item() == pytest.approx(kl(layer) + float(of_shift), rel=1e-5)
    assert terms.loss == terms.weighted_kl - terms.log_likelihood


@torch.no_grad()
def test_under_its_prior_a_layer_has_the_priors_scale() -> None:
    x = torch.tensor([[1.0, 2.0, -2.0]]).expand(40_000, 3)
    layer = BayesianLinear(3, 2, prior_scale=0.7)
    with pyro.plate("data", len(x)):
        z = layer.sample_prior("z", x, n_data=len(x), generator=seeded(0))
    assert z.mean(0).abs().max() < 0.03
    # sqrt(1 + 4 + 4 + 1), the last 1 is the bias's
    assert torch.allclose(z.std(0), torch.tensor(0.7 * 10**0.5), rtol=0.02)


# Traps


@pytest.mark.parametrize(
    "loss", [Trace_ELBO, TraceGraph_ELBO, RenyiELBO], ids=lambda loss: loss.__name__
)
def test_an_elbo_of_the_activations_density_is_refused(loss: type, one_sentence) -> None:
    x, y, *_ = regression("orthogonal")
    layer = BayesianLinear(3, 1).double()
    before = copy.deepcopy(layer.state_dict())
    model, guide = linear_model(layer, x, y, len(x), seeded(0))
    with pytest.raises(BnnlibError, match="TraceMeanField_ELBO") as refused:
        SVI(model, guide, Adam({"lr": 0.1}), loss()).step()
    assert one_sentence(refused.value)
    assert all(torch.equal(value, before[key]) for key, value in layer.state_dict().items())


def test_a_guide_without_the_layer_is_refused() -> None:
    """There is no KL of a layer from a normal: Pyro falls back on the density without a word."""
    x, y, *_ = regression("orthogonal")
    layer = BayesianLinear(3, 1).double()
    model, _ = linear_model(layer, x, y, len(x), seeded(0))

    def guide() -> None:
        loc = pyro.param("loc", torch.zeros(len(x), 1, dtype=torch.float64))
        with pyro.plate("data", len(x), subsample=torch.arange(len(x))):
            pyro.sample("z", Normal(loc, 1.0).to_event(1))

    try:
        with pytest.raises(BnnlibError, match="in both model and guide"):
            SVI(model, guide, Adam({"lr": 0.1}), TraceMeanField_ELBO()).step()
        with pytest.raises(NotImplementedError):
            elbo(model, guide)
    finally:
        pyro.clear_param_store()


@pytest.mark.parametrize("weights", [{}, {"n_data": 4, "kl_weight": 0.25}, {"n_data": 0}], ids=str)
def test_what_a_data_point_carries_of_the_kl_must_be_given(weights: dict, one_sentence) -> None:
    layer = BayesianLinear(3, 1)
    for sample in (layer.sample_prior, layer.sample_posterior):
        with pytest.raises(BnnlibError, match="n_data") as refused:
            sample("z", torch.zeros(4, 3), **weights)
        assert one_sentence(refused.value)


@pytest.mark.parametrize(
    "wrong", [{"prior_scale": 0.0}, {"initial_scale": 0.0}, {"minimum_scale": 0.05}], ids=str
)
def test_scales_that_are_not_positive_are_refused(wrong: dict, one_sentence) -> None:
    with pytest.raises(BnnlibError) as refused:
        BayesianLinear(3, 1, **wrong)
    assert one_sentence(refused.value)


def test_a_layer_has_no_single_answer(one_sentence) -> None:
    with pytest.raises(BnnlibError, match="draw") as refused:
        BayesianLinear(3, 1)(torch.zeros(2, 3))
    assert one_sentence(refused.value)


def test_layers_of_one_name_share_nothing_and_pyros_store_stays_empty() -> None:
    x, y, *_ = regression("orthogonal")
    first, second = (BayesianLinear(3, 1, generator=seeded(k)).double() for k in (0, 1))
    before = [copy.deepcopy(layer.state_dict()) for layer in (first, second)]
    for layer in (first, second):
        SVI(
            *linear_model(layer, x, y, len(x), seeded(0)), Adam({"lr": 0.1}), TraceMeanField_ELBO()
        ).step()
    for layer, state in zip((first, second), before, strict=True):
        for key in ("loc", "raw_scale"):
            assert not torch.equal(layer.state_dict()[key], state[key])
        assert torch.equal(layer.prior_scale, state["prior_scale"])
    assert not torch.allclose(first.loc, second.loc)
    assert len(pyro.get_param_store()) == 0
    pickle.loads(pickle.dumps(first))  # as torch.save(layer) does


def test_what_needs_no_gradient_is_not_trained() -> None:
    x, y, *_ = regression("orthogonal")
    layer = BayesianLinear(3, 1, factor=0.5).double()
    layer.raw_scale.requires_grad_(False)
    before = copy.deepcopy(layer.state_dict())
    model, guide = linear_model(layer, x, y, len(x), seeded(0))
    SVI(model, guide, Adam({"lr": 0.1}), TraceMeanField_ELBO()).step()
    changed = {k for k, value in layer.state_dict().items() if not torch.equal(value, before[k])}
    assert changed == {"loc", "raw_factor"}


# Where a layer starts


def test_an_initial_mean_of_zero_is_zero_and_none_is_he() -> None:
    assert not BayesianLinear(50, 40, initial_mean=0.0).loc.any()
    he = BayesianLinear(500, 400, generator=seeded(0)).loc.detach()
    assert float(he[:-1].std()) == pytest.approx((2 / 500) ** 0.5, rel=0.02)
    assert not he[-1].any()


def test_a_prior_to_be_learnt_never_starts_at_zero() -> None:
    layer = BayesianLinear(5, 4, prior_scale=None, initial_mean=0.0, initial_scale=0.2)
    assert float(layer.prior_scale) == pytest.approx(0.2)
    assert BayesianLinear(5, 4, prior_scale=None, initial_mean=0.3).prior_scale == pytest.approx(
        0.3
    )


# Drawn weights


@torch.no_grad()
def test_a_drawn_layer_is_one_function_whose_moments_are_the_layers() -> None:
    layer = BayesianLinear(3, 2, initial_scale=0.4, factor=0.5, generator=seeded(0))
    x = torch.rand(5, 3, generator=seeded(1))
    one = layer.draw(seeded(2))
    assert torch.equal(one(x), one(x))
    # affine: the answer at a midpoint is the mean of the answers
    assert torch.allclose(one((x[:1] + x[1:2]) / 2), (one(x[:1]) + one(x[1:2])) / 2, atol=1e-6)
    generator = seeded(3)
    answers = torch.stack([layer.draw(generator)(x) for _ in range(20_000)])
    mean, variance = layer.moments(x)
    assert torch.allclose(answers.mean(0), mean, atol=0.01)
    assert torch.allclose(answers.var(0), variance, rtol=0.05)
    assert torch.allclose(mean, F.linear(x, layer.loc[:-1].t(), layer.loc[-1]), atol=1e-6)
    assert torch.equal(layer.mean(x), mean)


# Imports


def test_the_layer_needs_no_pyro_and_the_others_load_it_on_demand() -> None:
    script = (
        "import sys, torch; from bnnlib.layers import BayesianLinear, convert;"
        "BayesianLinear(3, 2).draw(torch.Generator())(torch.zeros(1, 3));"
        "assert 'pyro' not in sys.modules;"
        "from bnnlib.layers import LinearNormal, elbo; assert 'pyro' in sys.modules;"
        "import bnnlib.layers; print(set(bnnlib.layers.__all__) <= set(dir(bnnlib.layers)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_every_public_name_is_there_and_no_other() -> None:
    import bnnlib.layers as layers

    assert all(callable(getattr(layers, name)) for name in layers.__all__)
    with pytest.raises(AttributeError, match="HiddenLayer"):
        _ = layers.HiddenLayer


def test_a_layer_is_an_ordinary_module() -> None:
    layer = BayesianLinear(3, 2, factor=0.5)
    assert isinstance(layer, nn.Module)
    assert set(layer.state_dict()) == {"loc", "raw_scale", "raw_factor", "prior_scale"}
