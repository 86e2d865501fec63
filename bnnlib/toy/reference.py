"""The reference posterior: Pyro's No-U-Turn sampler, run by a process of its own.

Hoffman & Gelman 2014; Hamiltonian dynamics of networks' weights: Neal 1996. NUTS moves through the
hidden layer's weights and the noise. The output layer is integrated out exactly and drawn again
for every sample, which leaves the posterior as it is and makes its shape much easier.

Measured on two shared cores, 2026-11-26: 5 s with the start of the process, 3.4 s of them sampling,
for 3 as for 200 points; up to 16 s where five other processes are at work; at most 582 MB.

`python -m bnnlib.toy.reference` reads points, pairs of numbers as JSON, from the first line of its
standard input and writes a `Reference` as JSON. It ends at once when its standard input is closed:
so it cannot outlive the server that started it.
"""

import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from bnnlib.toy.marginal import draw_output, marginal_energy
from bnnlib.toy.model import GRID, Prediction, Toy, predict
from bnnlib.toy.points import Points

CHAINS, WARMUP, DRAWS = 2, 100, 150
DEPTH = 4  # at most 2^4 - 1 steps a draw; so the time of a run is bounded
SECONDS, FEWEST = 12.0, 40  # on a busy machine there are fewer draws, but not fewer than this
GOOD = 1.05  # an R-hat below this says that the chains agree
SEED = 0


@dataclass(frozen=True)
class Reference:
    """What NUTS found; mean and standard deviations `[G]` as in `Prediction`.

    rhat: the largest split R-hat of f over the grid: weights can be swapped without changing f,
    so theirs would say nothing. divergences: draws at which the integrator failed.
    """

    mean: Sequence[float]
    epistemic: Sequence[float]
    aleatoric: Sequence[float]
    rhat: float
    draws: int
    divergences: int
    seconds: float

    @property
    def prediction(self) -> Prediction:
        parts = torch.tensor([self.mean, self.epistemic, self.aleatoric], dtype=GRID.dtype)
        return Prediction(*parts)


def fit(points: Points, toy: Toy, generator: torch.Generator) -> Reference:
    """The posterior by NUTS; needs Pyro, so call it in a process that serves nobody else."""
    began = time.perf_counter()
    starts = toy.start(CHAINS, generator)[:, : toy.below]
    chains, divergences = draw(
        lambda t: marginal_energy(toy, t, points), starts, WARMUP, DRAWS, generator, SECONDS
    )
    networks = torch.stack(
        [torch.stack([draw_output(toy, t, points, generator) for t in chain]) for chain in chains]
    )
    means = toy.mean(networks, GRID)
    found = predict(means.flatten(0, 1), toy.log_noise(networks, GRID).flatten(0, 1))
    return Reference(
        mean=found.mean.tolist(),
        epistemic=found.epistemic.tolist(),
        aleatoric=found.aleatoric.tolist(),
        rhat=float(rhat(means).max()),
        draws=means.shape[0] * means.shape[1],
        divergences=divergences,
        seconds=time.perf_counter() - began,
    )


def draw(
    energy: Callable[[Tensor], Tensor],
    starts: Tensor,
    warmup: int,
    draws: int,
    generator: torch.Generator,
    seconds: float = math.inf,
) -> tuple[Tensor, int]:
    """NUTS chains of the density exp(-energy), from `starts` `[M, P]`: draws `[M, S, P]`.

    S is `draws`, or fewer, at least `FEWEST`, where the chains would take more than `seconds`
    together. The second value is the number of divergences after the warm-up. The chains run one
    after the other: each further process would take 580 MB. Pyro's NUTS draws from torch's
    global generator, which is set for the run and put back.
    """
    began = time.perf_counter()
    with torch.random.fork_rng(devices=()):
        torch.set_rng_state(generator.get_state())
        found = [
            _chain(energy, start, warmup, draws, began + seconds * number / len(starts))
            for number, start in enumerate(starts, 1)
        ]
        generator.set_state(torch.get_rng_state())
    shortest = min(len(chain) for chain, _ in found)
    return torch.stack([chain[-shortest:] for chain, _ in found]), sum(bad for _, bad in found)


def _chain(
    energy: Callable[[Tensor], Tensor], start: Tensor, warmup: int, draws: int, end: float
) -> tuple[Tensor, int]:
    """One chain `[S, P]` and its divergences; `end`: when it should end."""
    from pyro.infer import MCMC, NUTS

    kept: list[Tensor] = []

    def collect(kernel: Any, site: dict[str, Tensor], stage: str, _: int) -> None:
        if stage == "Sample":
            kept.append(site["t"])
            if len(kept) >= FEWEST and time.perf_counter() > end:
                raise _LateError(len(kernel.diagnostics()["divergences"]))

    chain = MCMC(
        NUTS(potential_fn=lambda site: energy(site["t"]), max_tree_depth=DEPTH),
        num_samples=draws,
        warmup_steps=warmup,
        initial_params={"t": start},
        hook_fn=collect,
        disable_progbar=True,
    )
    try:
        chain.run()
        divergences = len(chain.diagnostics()["divergences"]["chain 0"])
    except _LateError as late:
        (divergences,) = late.args
    return torch.stack(kept), divergences


class _LateError(Exception):
    """A chain has taken its share of the time. Its argument: the divergences so far."""


def rhat(draws: Tensor) -> Tensor:
    """Split R-hat (Gelman et al. 2013, 11.4) of chains `[M, S, ...] -> [...]`, by Pyro.

    It compares the variance between half chains with that within: near 1 they agree.
    """
    from pyro.ops.stats import split_gelman_rubin

    return split_gelman_rubin(draws)


def end_with_input() -> None:
    """End this process when its standard input is closed, whatever it is doing."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    pairs = json.loads(sys.stdin.buffer.readline())
    end_with_input()
    torch.set_num_threads(1)
    found = fit(Points.of(pairs), Toy(), torch.Generator().manual_seed(SEED))
    print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main()
