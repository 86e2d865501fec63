"""NUTS against exact posteriors, and the process that runs it."""

import json
import subprocess
import sys

import pytest
import torch

from bnnlib.toy.marginal import marginal_energy
from bnnlib.toy.model import GRID, Toy
from bnnlib.toy.points import PRESETS, Points
from bnnlib.toy.queue import COMMAND
from bnnlib.toy.reference import FEWEST, draw, fit, rhat
from tests.toy.test_model import LINE, generator, precision


def test_nuts_on_a_line_finds_the_exact_mean_and_covariance() -> None:
    points = PRESETS["line"]
    matrix, mean = precision(points)

    def energy(line: torch.Tensor) -> torch.Tensor:
        below = torch.zeros(LINE.below, dtype=line.dtype)
        return LINE.energy(torch.cat([below, line]), points)

    starts = torch.zeros(2, 2, dtype=torch.float64)
    draws, divergences = draw(energy, starts, 100, 400, generator())
    found = LINE.scale * draws.flatten(0, 1)
    deviation = matrix.inverse().diagonal().sqrt()
    assert ((found.mean(0) - mean).abs() < 0.2 * deviation).all()
    covariance = matrix.inverse().double()
    assert torch.allclose(found.T.cov(), covariance, atol=0.25 * float(deviation.prod()))
    assert divergences == 0
    assert float(rhat(draws).max()) < 1.05


def test_nuts_with_learnt_noise_finds_what_a_grid_over_the_noise_finds() -> None:
    toy, points = Toy(units=0), PRESETS["line"]
    found = fit(points, toy, generator())
    side = torch.linspace(-4, 4, 41, dtype=torch.float64)
    cells = torch.cartesian_prod(side, side)
    weight = torch.stack([-marginal_energy(toy, cell, points) for cell in cells]).softmax(0)
    noise = (weight[:, None] * (2 * toy.log_noise(cells, GRID)).exp()).sum(0).sqrt()
    assert found.aleatoric == pytest.approx(noise.tolist(), rel=0.1)


def test_the_reference_is_surer_at_the_points_than_in_the_gap() -> None:
    found = fit(PRESETS["gap"], Toy(), generator())
    at = {round(x, 2): sd for x, sd in zip(GRID.tolist(), found.epistemic, strict=True)}
    assert at[0.0] > 4 * at[-1.2]
    assert at[0.0] > 4 * at[1.2]
    assert found.rhat < 1.2


def test_on_a_busy_machine_there_are_fewer_draws() -> None:
    starts = torch.zeros(2, 1)
    draws, _ = draw(lambda t: t.square().sum() / 2, starts, 5, 500, generator(), seconds=0.0)
    assert draws.shape == (2, FEWEST, 1)


def test_rhat_of_known_chains() -> None:
    """1 for chains from one distribution, large where one is shifted: by its formula."""
    chains = torch.randn(2, 1000, 1, generator=generator())
    assert rhat(chains).item() == pytest.approx(1, abs=0.01)
    shifted = chains + torch.tensor([0.0, 3.0])[:, None, None]
    halves = shifted.view(4, 500)
    within, between = halves.var(1).mean(), 500 * halves.mean(1).var()
    expected = ((499 / 500 * within + between / 500) / within).sqrt()
    assert rhat(shifted).item() == pytest.approx(float(expected), rel=1e-4)
    assert expected > 1.5


def test_torchs_own_generator_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    start = torch.zeros(1, 1)
    first, _ = draw(lambda t: t.square().sum() / 2, start, 5, 5, generator())
    again, _ = draw(lambda t: t.square().sum() / 2, start, 5, 5, generator())
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)


def test_the_process_loads_no_streamlit_and_ends_with_its_input() -> None:
    script = "import sys, bnnlib.toy.queue, bnnlib.toy.reference; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"streamlit", "pyro"} & set(done.stdout.split())
    pairs = json.dumps(Points.of([(0, 0)] * 200).pairs)
    done = subprocess.run(COMMAND, input=f"{pairs}\n", capture_output=True, text=True)
    assert done.returncode == 1  # its input is closed at once, long before its run is done
    assert not done.stdout
