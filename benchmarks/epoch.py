"""How long an epoch takes as `fit` runs it: 50,000 images, and validation on 10,000."""

import math
import statistics
from itertools import product

from benchmarks.measure import precisions
from benchmarks.section import Row, Section
from bnnlib import load_mnist
from bnnlib.training.config import replace
from bnnlib.training.presets import preset
from bnnlib.training.start import build
from bnnlib.training.trainer import Trainer

BATCH = 512
KINDS = ("bayesian", "dropout")


def epoch(device: str, quick: bool) -> Section:
    """Seconds of an epoch of the default networks at batch 512, without adversarial images."""
    rows: list[Row] = []
    digits = load_mnist()
    for kind, precision, compiled in product(KINDS, precisions(device), (False, True)):
        config, training = preset(kind, "default")
        training = replace(
            training,
            device=device,
            batch_size=BATCH,
            adversarial=0.0,
            precision=precision,
            compile=compiled,
        )
        trainer = Trainer(build(config, 0), digits.train, digits.validation, training)
        # The first loads the device's libraries, and compiles.
        count = 2 if quick or device == "cpu" else 6
        seconds = [trainer.run_epoch().seconds for _ in range(count)][1:]
        rows.append(
            {
                "": f"{kind}, {precision}" + (", compiled" if compiled else ""),
                "median (s)": statistics.median(seconds),
                "best (s)": min(seconds),
                "worst (s)": max(seconds),
                "images a second": len(digits.train) / statistics.median(seconds),
            }
        )
    bayesian = [
        float(row["median (s)"] or math.nan) for row in rows if str(row[""]).startswith(KINDS[0])
    ]
    notes = ["Each holds its validation, 5 sampled networks. The first epoch is not counted."]
    return Section(
        f"An epoch at batch {BATCH}",
        rows,
        notes,
        {
            "Bayesian epoch, fp32 (s)": bayesian[0],
            "Bayesian epoch, the fastest way (s)": min(bayesian),
        },
    )
