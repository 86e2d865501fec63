"""The toy's model against closed forms, and the three live fits where the answer is known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from bnnlib.toy import dropout, ensemble, mean_field
from bnnlib.toy.marginal import draw_output, marginal_energy, output_posterior
from bnnlib.toy.model import GRID, Toy, predict
from bnnlib.toy.points import PRESETS, Points

TOY = Toy()
LINE = Toy(units=0, noise=0.3, noise_scale=0.0)  # Bayesian linear regression with known noise
GAP = PRESETS["gap"]
NAMES = {"mean field": mean_field.fit, "dropout": dropout.fit, "ensemble": ensemble.fit}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def precision(points: Points) -> tuple[Tensor, Tensor]:
    """Of [slope, intercept] of `LINE`: the posterior's precision `[2, 2]` and mean `[2]`."""
    design = torch.stack([points.x, torch.ones(len(points))], 1)
    matrix = torch.eye(2) / LINE.scale**2 + design.T @ design / LINE.noise**2
    return matrix, torch.linalg.solve(matrix, design.T @ points.y / LINE.noise**2)


def test_the_energy_is_the_density_of_weights_and_points() -> None:
    t = TOY.prior(3, generator())
    x, y = GAP.x, GAP.y
    w, b, (r, s), v, c = t[1, :10], t[1, 10:20], t[1, 20:22], t[1, 22:32], t[1, 32]
    mean = 2 / math.sqrt(10) * (torch.tanh(2 * (x[:, None] * w + b)) @ v + c)
    scale = 0.2 * torch.exp(0.3 * (r + s * x))
    joint = Normal(mean, scale).log_prob(y).sum() + Normal(0.0, 1.0).log_prob(t[1]).sum()
    constants = (len(GAP) + TOY.size) * math.log(2 * math.pi) / 2
    assert TOY.energy(t, GAP)[1] == pytest.approx(-float(joint) - constants)


@pytest.mark.parametrize("toy", [TOY, Toy(units=0), LINE], ids=["network", "line", "known noise"])
def test_the_marginal_energy_and_its_gradient_are_those_of_a_normal_of_all_points(toy: Toy) -> None:
    t = toy.prior(1, generator(1))[0][: toy.below].requires_grad_()
    features = toy.features(t, GAP.x)
    covariance = toy.scale**2 * features @ features.T + (2 * toy.log_noise(t, GAP.x)).exp().diag()
    density = MultivariateNormal(torch.zeros(len(GAP)).double(), covariance).log_prob(GAP.y)
    plain = t @ t / 2 - density - len(GAP) * math.log(2 * math.pi) / 2
    ours = marginal_energy(toy, t, GAP)
    assert ours.item() == pytest.approx(plain.item())
    (expected,) = torch.autograd.grad(plain, t)
    (found,) = torch.autograd.grad(ours, t)
    assert torch.allclose(found, expected, atol=1e-9)


def test_the_output_layer_is_drawn_from_its_exact_posterior() -> None:
    points, t = PRESETS["line"], LINE.prior(1, generator())[0]
    matrix, mean = precision(points)
    found, factor = output_posterior(LINE, t, points)
    assert torch.allclose(LINE.scale * found, mean.double(), atol=1e-5)
    assert torch.allclose(factor @ factor.T / LINE.scale**2, matrix.double(), rtol=1e-5)
    source = generator()
    draws = torch.stack([draw_output(LINE, t, points, source)[-2:] for _ in range(4000)])
    assert torch.allclose(LINE.scale * draws.mean(0), mean.double(), atol=0.01)
    assert torch.allclose((LINE.scale * draws).T.cov(), matrix.inverse().double(), atol=5e-4)


def test_mean_field_on_a_line_has_the_exact_mean_and_the_precisions_diagonal() -> None:
    """The closed form: q's variance is 1 / diagonal of the precision, below the true variance."""
    points = Points.of(zip(np.linspace(0.2, 1.8, 12), np.linspace(0, 1.3, 12), strict=True))
    matrix, mean = precision(points)
    network = mean_field.posterior(points, LINE, generator())
    assert network.output.loc[:, 0].tolist() == pytest.approx(mean.tolist(), abs=0.03)
    expected = matrix.diagonal().rsqrt()
    assert network.output.scale[:, 0].tolist() == pytest.approx(expected.tolist(), rel=0.1)
    assert (expected < 0.6 * matrix.inverse().diagonal().sqrt()).all()


def test_the_bound_is_that_of_the_layers_in_pyro() -> None:
    import pyro

    from bnnlib.layers import elbo

    network = mean_field.MeanField(TOY, generator()).double()
    x, y, count = GAP.x, GAP.y, len(GAP)

    def model() -> None:
        with pyro.plate("data", count):
            hidden = network.hidden.sample_prior("hidden", x[:, None], n_data=count).tanh()
            mean = network.output.sample_prior("mean", hidden, n_data=count)[:, 0]
            log_noise = network.noise.sample_prior("noise", x[:, None], n_data=count)[:, 0]
            scale = TOY.noise * log_noise.exp()
            pyro.sample("y", pyro.distributions.Normal(mean, scale), obs=y)

    def guide() -> None:
        with pyro.plate("data", count):
            hidden = network.hidden.sample_posterior("hidden", x[:, None], n_data=count).tanh()
            network.output.sample_posterior("mean", hidden, n_data=count)
            network.noise.sample_posterior("noise", x[:, None], n_data=count)

    with torch.random.fork_rng(devices=()), torch.no_grad():
        torch.set_rng_state(generator().get_state())
        theirs = [elbo(model, guide) for _ in range(400)]
        likelihood = torch.stack([bound.log_likelihood for bound in theirs])
        kl = network.kl()
        ours = network.negative_elbo(GAP, 4000, generator()) - kl
    assert float(theirs[0].kl) == pytest.approx(float(kl), rel=1e-5)
    constant = count * math.log(2 * math.pi) / 2
    error = float(likelihood.std() / math.sqrt(400))
    assert float(ours) == pytest.approx(-float(likelihood.mean()) - constant, abs=4 * error)


def test_members_of_a_line_are_its_most_probable_line() -> None:
    points = PRESETS["line"]
    slope, intercept = precision(points)[1].tolist()
    found = ensemble.fit(points, LINE, generator())
    assert found.mean.tolist() == pytest.approx((slope * GRID + intercept).tolist(), abs=0.01)
    assert float(found.epistemic.max()) < 0.01
    assert found.aleatoric.tolist() == pytest.approx([0.3] * len(GRID))


def test_dropping_a_unit_keeps_the_mean_and_gives_the_variance_of_its_mask() -> None:
    network = TOY.prior(1, generator())[0]
    thinned = dropout.masked(network, TOY, 20_000, generator(1))
    share = (thinned[:, TOY.below : -1] == 0).double().mean()
    assert float(share) == pytest.approx(dropout.RATE, abs=0.003)
    found, exact = TOY.mean(thinned, GRID), TOY.mean(network, GRID)
    parts = TOY.scale * TOY.features(network, GRID)[:, :-1] * network[TOY.below : -1]
    spread = (dropout.RATE / (1 - dropout.RATE) * parts.square().sum(-1)).sqrt()
    assert torch.allclose(found.mean(0), exact, atol=0.02)
    assert torch.allclose(found.std(0), spread, rtol=0.1)


def test_the_total_variance_is_the_sum_of_both_parts() -> None:
    means, logs = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [math.log(2)]])
    found = predict(means, logs)
    assert found.mean.tolist() == [2.0]
    assert found.epistemic.item() == pytest.approx(math.sqrt(2))
    assert found.aleatoric.item() == pytest.approx(math.sqrt(2.5))
    assert found.total.item() == pytest.approx(math.sqrt(4.5))


@pytest.mark.parametrize("name", NAMES)
def test_without_points_and_with_one_there_is_an_answer(name: str) -> None:
    for points in (Points(), Points.of([(0.5, 1.0)])):
        found = NAMES[name](points, TOY, generator())
        assert all(torch.isfinite(part).all() for part in dataclasses.astuple(found))


def test_without_points_mean_field_is_the_prior() -> None:
    found = mean_field.fit(Points(), TOY, generator())
    prior = TOY.prior(20_000, generator(1))
    spread = TOY.mean(prior, GRID).std(0)
    assert torch.allclose(found.epistemic, spread, rtol=0.2)
