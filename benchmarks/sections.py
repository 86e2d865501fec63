"""The measurements, one function a section of the table."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import measure, peers
from benchmarks.measure import ROOT, Times, in_a_process, interleaved
from bnnlib import BnnlibError, load_mnist, sample_probs
from bnnlib.layers.products import product
from bnnlib.networks import BayesianNetwork, DropoutNetwork
from bnnlib.training.config import replace
from bnnlib.training.presets import preset
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer

Row = dict[str, str | float | None]
STEPS = math.ceil(peers.N_TRAIN / 128)  # an epoch at batch 128
GOAL, GOAL_SAMPLES = 0.9692, 30  # the article's test accuracy, from as many samples
SHAPES = list(itertools.pairwise(peers.SIZES))


@dataclass
class Section:
    """A titled table. `rows` share their keys, which name unit and all; `headlines`: what the rows come to, name to number."""

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    headlines: dict[str, float] = field(default_factory=dict)


def _ms(name: str, times: Times, ours: Times) -> Row:
    return {
        "": name,
        "median (ms)": 1e3 * times.median,
        "best (ms)": 1e3 * times.best,
        "times ours": times.median / ours.median,
        "best, times ours": times.best / ours.best,
    }


def training_step(device: str, quick: bool) -> Section:
    """A step of every peer at batch 128, and the products it cannot do without."""
    built, notes = peers.build(device)
    tasks: dict[str, Callable[[], object]] = {name: peer.step for name, peer in built.items()}
    matmuls: dict[str, tuple[torch.dtype, Callable[[Tensor, Tensor], Tensor]]] = {
        "fp32 by torch's @": (torch.float32, torch.matmul),
        "fp32": (torch.float32, product),
        "bf16": (torch.bfloat16, product),
    }
    alone = "the six products of a layer alone, {}".format
    floors = {alone(name): partial(_six_products, device, *how) for name, how in matmuls.items()}
    times = interleaved(
        {**tasks, **{name: floor() for name, floor in floors.items()}}, 5 if quick else 25
    )
    ours = times[peers.OURS]
    rows = [{**_ms(name, t, ours), "epoch (s)": STEPS * t.median} for name, t in times.items()]
    if device == "cpu":
        for row in rows:
            memory = (
                in_a_process("benchmarks.process", "memory", str(row[""]))
                if row[""] in built
                else None
            )
            row["peak memory (MB)"] = memory["peak"] / 1e6 if memory else None
            row["of it after imports (MB)"] = (
                (memory["peak"] - memory["imported"]) / 1e6 if memory else None
            )
    peak: dict[str, Any] = {str(row[""]): row.get("peak memory (MB)") for row in rows}
    headlines = {
        "stock Pyro / ours, step": times[peers.STOCK].median / ours.median,
        "ours / plain MLP, step": ours.median / times[peers.PLAIN].median,
        "bf16 compiled / fp32, step": times[peers.OURS_BF16_COMPILED].median / ours.median,
        "bf16 / fp32, step, neither compiled": times[peers.OURS_BF16].median / ours.median,
        "bf16 / fp32, step, both compiled": times[peers.OURS_BF16_COMPILED].median
        / times[peers.OURS_COMPILED].median,
        "bf16 / fp32, the products of a step alone": times[alone("bf16")].median
        / times[alone("fp32")].median,
    }
    if peers.TORCHBNN in times:
        headlines["ours / torchbnn, step"] = ours.median / times[peers.TORCHBNN].median
    if peak.get(peers.STOCK):
        headlines["ours / stock Pyro, peak memory"] = peak[peers.OURS] / peak[peers.STOCK]
    notes += [
        "Batch 128, the same fused Adam for all, float32 unless it says otherwise; an epoch is 391 such steps.",
        "A plain MLP has half the products. All but bnnlib take torch's own fp32 product; bnnlib takes oneDNN's (layers/products.py).",
        "All but the products (Adam on 5.8 million numbers, exp, noise) is float32 in both: bf16 / fp32 of a step lies "
        "well above that of its products, which is the processor's own limit. Compiled: with `--compile`, the compiling not counted "
        "in the times; its memory holds the compiler.",
        "Stock Pyro: HiddenLayer with the two shapes set that it forgets, SVI, TraceMeanField_ELBO. Memory: 5 steps in a fresh process.",
    ]
    return Section("Training step", rows, notes, headlines)


def _six_products(
    device: str, dtype: torch.dtype, matmul: Callable[[Tensor, Tensor], Tensor], batch: int = 128
) -> Callable[[], None]:
    """What a step needs at least: for each layer two products forward, two for the weights' gradients, two for the inputs'."""
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


def sampling(device: str, quick: bool) -> Section:
    """10,000 images x 30 samples, and 1 image x 200."""
    n, s = (2_000, 10) if quick else (10_000, 30)
    many, one = torch.rand(n, 28, 28, device=device), torch.rand(1, 28, 28, device=device)
    built, notes = peers.build(device)
    bayesian, dropout = BayesianNetwork().to(device), DropoutNetwork().to(device)
    ask: dict[str, Callable[[], object]] = {
        "bnnlib, Bayesian": lambda: sample_probs(bayesian, many, s, 0),
        "bnnlib, dropout": lambda: sample_probs(dropout, many, s, 0),
        "bnnlib, Bayesian, bf16 products": lambda: sample_probs(
            bayesian, many, s, 0, precision=torch.bfloat16
        ),
    }
    passes: dict[str, Callable[[], object]] = {}
    scale: dict[str, float] = {}
    products: list[tuple[str, Tensor, Callable[[Tensor, Tensor], Tensor]]]
    low = many.flatten(1).to(torch.bfloat16)
    products = [
        ("the products alone, fp32 by torch's @", many.flatten(1), torch.matmul),
        ("the products alone, fp32", many.flatten(1), product),
        ("the products alone, bf16", low, product),
    ]
    for name, x, matmul in products:
        passes[name], scale[name] = partial(_products, x, matmul), float(s)
    for name, peer in built.items():
        if not name.startswith((peers.OURS, peers.PLAIN)):
            part = many[: peer.rows]
            passes[name], scale[name] = partial(peer.answer, part), s * math.ceil(n / peer.rows)
    with torch.no_grad():
        times = interleaved({**ask, **passes}, 3)
    times = {name: t.scaled(scale.get(name, 1.0)) for name, t in times.items()}
    ours = times["bnnlib, Bayesian"]
    rows: list[Row] = [
        {
            "": f"{name}, {n:,} x {s}",
            "median (s)": t.median,
            "best (s)": t.best,
            "times ours": t.median / ours.median,
        }
        for name, t in times.items()
    ]
    single: dict[str, Callable[[], object]] = {
        "bnnlib, Bayesian": lambda: sample_probs(bayesian, one, 200, 0),
        "bnnlib, dropout": lambda: sample_probs(dropout, one, 200, 0),
        peers.STOCK: lambda: built[peers.STOCK].answer(one),
    }
    with torch.no_grad():
        few = interleaved(single, 10 if quick else 25)
    few[peers.STOCK] = few[peers.STOCK].scaled(200)
    rows += [
        {
            "": f"{name}, 1 x 200",
            "median (s)": t.median,
            "best (s)": t.best,
            "times ours": t.median / few["bnnlib, Bayesian"].median,
        }
        for name, t in few.items()
    ]
    floor = times["the products alone, fp32"]
    headlines = {
        f"stock Pyro / ours, {n:,} x {s}": times[peers.STOCK].median / ours.median,
        f"ours / the products alone, {n:,} x {s}": ours.median / floor.median,
        "Bayesian, 1 x 200 (ms)": 1e3 * few["bnnlib, Bayesian"].median,
        "dropout, 1 x 200 (ms)": 1e3 * few["bnnlib, dropout"].median,
    }
    notes += [
        "Ours is measured whole. The others are one pass measured, times the passes: 30, for stock Pyro 30 x 79 at its batch of 128.",
    ]
    return Section("Posterior sampling", rows, notes, headlines)


def _products(x: Tensor, matmul: Callable[[Tensor, Tensor], Tensor]) -> None:
    """One pass through the network's products, in parts that fit the cache."""
    weights = [torch.empty(shape, dtype=x.dtype, device=x.device).fill_(0.01) for shape in SHAPES]
    for h in x.split(2_048):
        for weight in weights:
            h = matmul(h, weight)


def ceiling(device: str, quick: bool) -> Section:
    """How many products a second the machine does, 2,048 x 2,048 x 2,048."""
    a = torch.randn(2_048, 2_048, device=device)
    low = a.to(torch.bfloat16)
    tasks = {
        "fp32, torch's @": lambda: a @ a,
        "fp32, as bnnlib takes it": lambda: product(a, a),
        "bf16": lambda: product(low, low),
    }
    times = interleaved(tasks, 3 if quick else 10)
    work = 2 * 2_048**3 / 1e9
    rows: list[Row] = [
        {"": name, "GFLOP/s, best": work / t.best, "GFLOP/s, median": work / t.median}
        for name, t in times.items()
    ]
    return Section("The machine's matrix products", rows)


def accuracy(device: str, quick: bool) -> Section:
    """Time until 30 samples are right on 96.92 % of the test images: our default preset, measured; stock Pyro, extrapolated."""
    digits = load_mnist()
    if len(digits.test) != 10_000:
        raise BnnlibError(
            "The official test images are not here: set BNNLIB_DATA to a folder that holds MNIST."
        )
    config, training = preset("bayesian", "default")
    rows: list[Row] = []
    for precision in ("fp32", "bf16"):
        trainer = Trainer(
            build(config, 0),
            digits.train,
            digits.validation,
            replace(training, device=device, precision=precision),
        )
        seconds, reached = 0.0, 0.0
        while reached < GOAL and len(trainer.history) < training.epochs:
            started = measure.clock()
            trainer.run_epoch()
            seconds += measure.clock() - started
            probs = (
                sample_probs(trainer.answering, digits.test.images.to(device), GOAL_SAMPLES, 0)
                .mean(0)
                .cpu()
            )
            reached = float((probs.argmax(-1) == digits.test.labels).float().mean())
        epochs = len(trainer.history)
        rows.append(
            {
                "": f"bnnlib, default preset, {precision}",
                "epochs": epochs,
                "accuracy": reached,
                "time (s)": seconds,
            }
        )
    card = ROOT / "checkpoints" / "bayesian-published" / "card.json"
    notes = ["Ours: training and its own validation, measured; the test images are not counted."]
    headlines = {}
    history = json.loads(card.read_text())["history"] if card.is_file() else []
    epoch = next((row["epoch"] for row in history if row["validation_error"] <= 1 - GOAL), None)
    if epoch is None:
        notes.append(
            "Stock Pyro: no `bayesian-published` checkpoint says in which epoch the article's objective gets there."
        )
    else:
        images, labels = peers.batch(device)
        stock = peers.stock_pyro(images, labels)
        with torch.no_grad():
            asked = interleaved({"pass": lambda: stock.answer(images)}, 3)["pass"]
        step = interleaved({"step": stock.step}, 6)["step"]
        seconds = epoch * STEPS * (step.median + asked.median)
        rows.append(
            {
                "": "stock Pyro, the article's objective (extrapolated)",
                "epochs": epoch,
                "accuracy": None,
                "time (s)": seconds,
            }
        )
        notes.append(
            f"Stock Pyro: 391 steps and as many passes (the article asks once more after each step), measured, times {epoch}, the first "
            "epoch of `bayesian-published` whose validation error by 5 samples is 3.08 % or less."
        )
        headlines["stock Pyro / ours, time to 96.92 %"] = seconds / float(
            rows[0]["time (s)"] or math.nan
        )
    return Section("Time to a test accuracy of 96.92 %", rows, notes, headlines)


def start_up(device: str, quick: bool) -> Section:
    """From a fresh process to the answer of 200 sampled networks."""
    rows: list[Row] = []
    for name in ("bayesian", "dropout"):
        runs = [in_a_process("benchmarks.process", "start", name) for _ in range(1 if quick else 3)]
        run = min(runs, key=lambda run: sum(run.values()))
        rows.append(
            {
                "": name,
                **{f"{part} (s)": value for part, value in run.items() if part != "pyro"},
                "Pyro loaded": run["pyro"],
            }
        )
    notes = [
        "To the first answer, 1 image x 200 samples, of a fresh process: the best, seconds on the wall."
    ]
    return Section("Start-up", rows, notes)


def pages(device: str, quick: bool) -> Section:
    """What a visitor waits for in headless Chromium, and what memory the server takes."""
    strokes = ("--strokes", "5" if quick else "30")
    alone = in_a_process("benchmarks.draw_latency", *strokes)
    beside = in_a_process("benchmarks.draw_while_training", *strokes)
    chart, memory = "pen up to the new chart", alone["server_memory_mb"]
    found = [
        (
            "start of the server to an answered first screen (s)",
            alone["first_screen"],
            alone["targets"]["first_screen"],
        ),
        (f"{chart}, median (s)", alone["pen_up_median"], None),
        (f"{chart}, 95th percentile (s)", alone["pen_up_p95"], alone["targets"]["pen_up_p95"]),
        (f"{chart} beside a training that is watched, median (s)", beside["pen_up_median"], None),
        (
            f"{chart} beside a training that is watched, slowest (s)",
            beside["pen_up_max"],
            beside["target"],
        ),
        ("server memory, all pages opened (MB)", memory, alone["targets"]["server_memory_mb"]),
    ]
    rows: list[Row] = [
        {"": name, "measured": value, "at most": target} for name, value, target in found
    ]
    notes = [
        f"{alone['strokes']} strokes, 200 samples of both networks; 0.2 s of every wait are the canvas's own.",
        "A chart counts when a frame is painted with it in sight.",
        f"While it was watched the training took {beside['training_images_per_second'] or 0:,} images a second.",
    ]
    headlines = {
        "pen up to the new chart, 95th percentile (s)": alone["pen_up_p95"],
        "first screen (s)": alone["first_screen"],
    }
    return Section(
        "The pages", rows, notes, headlines | ({"server memory (MB)": memory} if memory else {})
    )


SECTIONS: dict[str, Callable[[str, bool], Section]] = {
    "step": training_step,
    "sampling": sampling,
    "ceiling": ceiling,
    "accuracy": accuracy,
    "start": start_up,
    "pages": pages,
}
