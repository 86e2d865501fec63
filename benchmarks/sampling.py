"""How long many sampled networks take to answer."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks import peers
from benchmarks.measure import Times, has_bf16, interleaved
from benchmarks.section import Row, Section
from benchmarks.training_step import SHAPES
from bnnlib import sample_probs
from bnnlib.layers.products import product
from bnnlib.networks import BayesianNetwork, DropoutNetwork

OURS, DROPOUT, FLOOR = "bnnlib, Bayesian", "bnnlib, dropout", "the products alone, fp32"


def sampling(device: str, quick: bool) -> Section:
    """10,000 images by 30 sampled networks, and 1 image by 200."""
    n, s = (2_000, 10) if quick else (10_000, 30)
    rounds = 2 if quick else 5
    many, one = torch.rand(n, 28, 28, device=device), torch.rand(1, 28, 28, device=device)
    built, notes = peers.build(device)
    bayesian, dropout = BayesianNetwork().to(device), DropoutNetwork().to(device)
    tasks: dict[str, Callable[[], object]] = {
        OURS: lambda: sample_probs(bayesian, many, s, 0),
        DROPOUT: lambda: sample_probs(dropout, many, s, 0),
    }
    scale: dict[str, float] = {}
    floors: list[tuple[str, Tensor, Callable[..., Tensor]]] = [
        ("the products alone, fp32 by torch's @", many.flatten(1), torch.matmul),
        (FLOOR, many.flatten(1), product),
    ]
    if has_bf16(device):
        tasks["bnnlib, Bayesian, bf16 products"] = lambda: sample_probs(
            bayesian, many, s, 0, precision=torch.bfloat16
        )
        low = many.flatten(1).to(torch.bfloat16)
        floors.append(("the products alone, bf16", low, product))
    for name, x, matmul in floors:
        tasks[name], scale[name] = partial(_products, x, matmul), float(s)
    for name, peer in built.items():
        if name not in (*peers.ALL_OURS, peers.PLAIN, peers.MOMENTS):
            part = many[: peer.rows]
            tasks[name], scale[name] = partial(peer.answer, part), s * math.ceil(n / peer.rows)
    with torch.no_grad():
        times = interleaved(tasks, rounds)
    times = {name: t.scaled(scale.get(name, 1.0)) for name, t in times.items()}
    single: dict[str, Callable[[], object]] = {
        OURS: lambda: sample_probs(bayesian, one, 200, 0),
        DROPOUT: lambda: sample_probs(dropout, one, 200, 0),
        peers.STOCK: lambda: built[peers.STOCK].answer(one),
    }
    with torch.no_grad():
        few = interleaved(single, 5 * rounds)
    few[peers.STOCK] = few[peers.STOCK].scaled(200)
    headlines: dict[str, float | list[float]] = {
        f"stock Pyro / ours, {n:,} x {s}": times[peers.STOCK].over(times[OURS]),
        f"ours / the products alone, {n:,} x {s}": times[OURS].over(times[FLOOR]),
        "Bayesian, 1 x 200 (ms)": 1e3 * few[OURS].median,
        "dropout, 1 x 200 (ms)": 1e3 * few[DROPOUT].median,
    }
    notes += [
        "Ours is measured whole. Of the others one pass is measured and multiplied: by 30, and by "
        "30 x 79 for stock Pyro at its batch of 128.",
    ]
    rows = _rows(f"{n:,} x {s}", times) + _rows("1 x 200", few)
    return Section("Posterior sampling", rows, notes, headlines)


def _rows(what: str, times: dict[str, Times]) -> list[Row]:
    rows: list[Row] = []
    for name, t in times.items():
        median, low, high = t.over(times[OURS])
        rows.append(
            {
                "": f"{name}, {what}",
                "median (s)": t.median,
                "best (s)": t.best,
                "times ours": median,
                "at least": low,
                "at most": high,
            }
        )
    return rows


def _products(x: Tensor, matmul: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One pass through the network's products, in parts that fit the cache."""
    weights = [torch.empty(shape, dtype=x.dtype, device=x.device).fill_(0.01) for shape in SHAPES]
    for h in x.split(2_048):
        for weight in weights:
            h = matmul(h, weight)
