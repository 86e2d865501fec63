"""The smaller measurements, one function a section of the table, and the list of all sections."""

import json
import math
from collections.abc import Callable

import torch

from benchmarks import measure, peers, stock_pyro
from benchmarks.epoch import epoch
from benchmarks.measure import ROOT, in_a_process, interleaved
from benchmarks.sampling import sampling
from benchmarks.section import Row, Section
from benchmarks.training_step import STEPS, stock_pyro_again, training_step
from bnnlib import BnnlibError, load_mnist, sample_probs
from bnnlib.layers.products import product
from bnnlib.training.config import replace
from bnnlib.training.presets import preset
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer

GOAL, GOAL_SAMPLES = 0.9692, 30  # the article's test accuracy, from as many samples


def ceiling(device: str, quick: bool) -> Section:
    """How many products a second the machine does, 2,048 x 2,048 x 2,048."""
    a = torch.randn(2_048, 2_048, device=device)
    low = a.to(torch.bfloat16)
    tasks: dict[str, Callable[[], object]] = {
        "fp32, torch's @": lambda: a @ a,
        "fp32, as bnnlib takes it": lambda: product(a, a),
    }
    if measure.has_bf16(device):
        tasks["bf16"] = lambda: product(low, low)
    times = interleaved(tasks, 3 if quick else 10)
    work = 2 * 2_048**3 / 1e9
    rows: list[Row] = [
        {"": name, "GFLOP/s, best": work / t.best, "GFLOP/s, median": work / t.median}
        for name, t in times.items()
    ]
    return Section("The machine's matrix products", rows)


def accuracy(device: str, quick: bool) -> Section:
    """Time until 30 samples are right on 96.92 % of the test images.

    Measured for our default preset, extrapolated for stock Pyro.
    """
    digits = load_mnist()
    if len(digits.test) != 10_000:
        raise BnnlibError(
            "The official test images are not here: set BNNLIB_DATA to a folder that holds MNIST."
        )
    config, training = preset("bayesian", "default")
    rows: list[Row] = []
    for precision in measure.precisions(device):
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
    headlines: dict[str, float | list[float]] = {}
    history = json.loads(card.read_text())["history"] if card.is_file() else []
    epoch = next((row["epoch"] for row in history if row["validation_error"] <= 1 - GOAL), None)
    if epoch is None:
        notes.append(
            "Stock Pyro: no `bayesian-published` checkpoint says in which epoch it gets there."
        )
    else:
        images, labels = peers.batch(device)
        stock = stock_pyro.stock_pyro(images, labels)
        with torch.no_grad():
            asked = interleaved({"pass": lambda: stock.answer(images)}, 10)["pass"]
        step = interleaved({"step": stock.step}, 10)["step"]
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
            "Stock Pyro: 391 steps and as many passes are measured (the article asks the network "
            f"once more after each step), and multiplied by {epoch}. That is the first epoch of "
            "`bayesian-published` whose validation error by 5 samples is 3.08 % or less."
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
        "Seconds of a fresh process until its first answer, 1 image x 200 samples. "
        "The best of three processes."
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
        (
            "a move of the pen to a chart that knows it, median (s)",
            alone["mid_stroke_median"],
            alone["targets"]["mid_stroke_median"],
        ),
        (
            "a move of the pen to a chart that knows it, 95th percentile (s)",
            alone["mid_stroke_p95"],
            alone["targets"]["mid_stroke_p95"],
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
        f"{alone['strokes']} strokes, 200 samples of both networks at pen up; "
        f"{alone['mid_stroke_moves']} moves of the pen, 100 samples while it is down.",
        "A chart counts when a frame is painted with it in sight.",
        "While it was watched the training took "
        f"{beside['training_images_per_second'] or 0:,} images a second.",
    ]
    headlines: dict[str, float | list[float]] = {
        "pen up to the new chart, 95th percentile (s)": alone["pen_up_p95"],
        "first screen (s)": alone["first_screen"],
    }
    if memory:
        headlines["server memory (MB)"] = memory
    return Section("The pages", rows, notes, headlines)


SECTIONS: dict[str, Callable[[str, bool], Section]] = {
    "step": training_step,
    "stock": stock_pyro_again,
    "epoch": epoch,
    "sampling": sampling,
    "ceiling": ceiling,
    "accuracy": accuracy,
    "start": start_up,
    "pages": pages,
}
