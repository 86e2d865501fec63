"""How long a training step takes, and how far stock Pyro's own step varies."""

import itertools
import math
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks import peers
from benchmarks.measure import Times, has_bf16, in_a_process, interleaved, middle
from benchmarks.section import Row, Section
from bnnlib.layers.products import product

STEPS = math.ceil(peers.N_TRAIN / 128)  # an epoch at batch 128
SHAPES = list(itertools.pairwise(peers.SIZES))
NOTES = [
    "Batch 128, the same fused Adam for all, float32 unless a row says otherwise. "
    "An epoch is 391 such steps.",
    "A plain MLP has half the products. bnnlib takes oneDNN's fp32 product "
    "(`bnnlib/layers/products.py`), all others take torch's own.",
    "With bf16 only the products are bf16. Adam on 5.8 million numbers, exp and the noise stay "
    "float32. So bf16 / fp32 of a step lies well above that of its products alone.",
    "Compiled: with `--compile`. The times leave the compiling out, the memory holds the compiler.",
    "Stock Pyro: HiddenLayer with the two shapes set that it leaves out, SVI, TraceMeanField_ELBO.",
    "fastbnns draws the weights once a batch, as torchbnn does. Its moments draw no weights: they "
    "pass means and variances through the network, and we draw the logits.",
    "Memory: the peak of 5 steps in a fresh process.",
]


def training_step(device: str, quick: bool) -> Section:
    """A step of every peer at batch 128, and the products that it needs at least."""
    built, notes = peers.build(device)
    tasks: dict[str, Callable[[], object]] = {name: peer.step for name, peer in built.items()}
    matmuls: dict[str, tuple[torch.dtype, Callable[..., Tensor]]] = {
        "fp32 by torch's @": (torch.float32, torch.matmul),
        "fp32": (torch.float32, product),
    }
    if has_bf16(device):
        matmuls["bf16"] = torch.bfloat16, product
    alone = "the six products of a layer alone, {}".format
    for name, how in matmuls.items():
        tasks[alone(name)] = _six_products(device, *how)
    times = interleaved(tasks, 5 if quick else 25)
    rows = [_row(name, t, times[peers.OURS]) for name, t in times.items()]
    if device == "cpu":
        for row in rows:
            row |= _memory(str(row[""])) if row[""] in built else dict.fromkeys(MEMORY)
    ours, compiled = times[peers.OURS], times[peers.OURS_COMPILED]
    headlines: dict[str, float | list[float]] = {
        "stock Pyro / ours, step": times[peers.STOCK].over(ours),
        "ours / plain MLP, step": ours.over(times[peers.PLAIN]),
        "compiled / not compiled, step": compiled.over(ours),
    }
    if has_bf16(device):
        bf16, both = times[peers.OURS_BF16], times[peers.OURS_BF16_COMPILED]
        headlines |= {
            "bf16 compiled / fp32, step": both.over(ours),
            "bf16 / fp32, step, neither compiled": bf16.over(ours),
            "bf16 / fp32, step, both compiled": both.over(compiled),
            "bf16 / fp32, the products of a step alone": times[alone("bf16")].over(
                times[alone("fp32")]
            ),
        }
    if peers.TORCHBNN in times:
        headlines["ours / torchbnn, step"] = ours.over(times[peers.TORCHBNN])
    peak = {row[""]: row.get(MEMORY[0]) for row in rows}
    if (most := peak[peers.STOCK]) and (own := peak[peers.OURS]):
        headlines["ours / stock Pyro, peak memory"] = float(own) / float(most)
    return Section("Training step", rows, [*notes, *NOTES], headlines)


def _row(name: str, times: Times, ours: Times) -> Row:
    median, low, high = times.over(ours)
    return {
        "": name,
        "median (ms)": 1e3 * times.median,
        "best (ms)": 1e3 * times.best,
        "worst (ms)": 1e3 * times.worst,
        "times ours": median,
        "at least": low,
        "at most": high,
        "epoch (s)": STEPS * times.median,
    }


MEMORY = ("peak memory (MB)", "of it after imports (MB)")


def _memory(name: str) -> Row:
    found = in_a_process("benchmarks.process", "memory", name)
    peak, imported = found["peak"] / 1e6, found["imported"] / 1e6
    return dict(zip(MEMORY, (peak, peak - imported), strict=True))


def _six_products(
    device: str, dtype: torch.dtype, matmul: Callable[..., Tensor], batch: int = 128
) -> Callable[[], None]:
    """What a step needs at least, for each layer.

    Two products forward, two for the weights' gradients, two for the inputs' gradients.
    """
    layers = [
        [torch.randn(s, device=device).to(dtype) for s in ((batch, i), (i, o), (batch, o))]
        for i, o in SHAPES
    ]

    def task() -> None:
        for k, (x, weight, of_z) in enumerate(layers):
            for _ in range(2):
                matmul(x, weight)
                matmul(x.t(), of_z)
                if k:
                    matmul(of_z, weight.t())

    return task


def stock_pyro_again(device: str, quick: bool) -> Section:
    """Stock Pyro's step beside ours in several fresh processes: its time varies between them."""
    measure = partial(in_a_process, "benchmarks.process", "stock", device, "3" if quick else "10")
    rows: list[Row] = []
    for k in range(2 if quick else 7):
        found = measure()
        ours, stock = Times(tuple(found["ours"])), Times(tuple(found["stock"]))
        rows.append(
            {
                "": f"process {k + 1}",
                "ours, median (ms)": 1e3 * ours.median,
                "stock Pyro, median (ms)": 1e3 * stock.median,
                "best (ms)": 1e3 * stock.best,
                "worst (ms)": 1e3 * stock.worst,
                "times ours": stock.median / ours.median,
            }
        )
    ratios = [float(row["times ours"] or math.nan) for row in rows]
    notes = ["Each process runs both in turn, after two steps of each that do not count."]
    headline: list[float] = [statistics.median(ratios), *middle(ratios)]
    return Section(
        "Stock Pyro's step, in one process after another",
        rows,
        notes,
        {"stock Pyro / ours, step, over the processes": headline},
    )
