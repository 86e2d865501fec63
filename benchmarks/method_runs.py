"""The trainings that the Method page shows: `python -m benchmarks.method_runs`.

It trains six small Bayesian networks on the full MNIST and writes what they did, epoch by epoch, to
`ui/method/runs.json`: by the ELBO at the temperatures 1, 0.1 and 0.01, the same with the published
sign of the KL, and the article's own training with either sign. About ten minutes on two cores.
Names of runs as arguments renew these alone.
"""

import argparse
import dataclasses
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bnnlib.datasets.mnist import Digits, load_mnist
from bnnlib.datasets.ood import load_ood
from bnnlib.metrics import error, nll
from bnnlib.metrics.uncertainty import corrected_mutual_information, predictive_entropy
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.networks.sampling import sample_probs
from bnnlib.training.config import TrainingConfig
from bnnlib.training.presets import preset
from bnnlib.training.trainer import DivergedError, Trainer

FILE = Path(__file__).resolve().parents[1] / "ui" / "method" / "runs.json"
HIDDEN, SEED, SAMPLES, LETTERS = (400, 400, 400), 0, 50, "letters"
ADAM = TrainingConfig(epochs=20, batch_size=256, lr=1e-3, schedule="cosine", seed=SEED)


def runs() -> dict[str, tuple[BayesianConfig, TrainingConfig]]:
    """Every training by name."""
    ours = BayesianConfig(hidden=HIDDEN)
    found = {
        f"temperature {t:g}": (ours, dataclasses.replace(ADAM, temperature=t))
        for t in (1.0, 0.1, 0.01)
    }
    found["published sign"] = (ours, dataclasses.replace(ADAM, objective="published"))
    network, training = preset("bayesian", "article")
    assert isinstance(network, BayesianConfig)
    article = dataclasses.replace(network, hidden=HIDDEN)
    for name, objective in (("right sign", "elbo"), ("published sign", "published")):
        found[f"article, {name}"] = (
            article,
            dataclasses.replace(training, objective=objective, seed=SEED),
        )
    return found


def record(network: BayesianConfig, training: TrainingConfig, digits: Digits) -> dict[str, Any]:
    """Train one, and measure it on the test digits and on letters."""
    made = BayesianNetwork(network, torch.Generator().manual_seed(training.seed))
    trainer = Trainer(made, digits.train, digits.validation, training)
    epochs = []
    for _ in range(training.epochs):
        try:
            report = trainer.run_epoch()
        except DivergedError as diverged:
            print(diverged)
            break
        epochs.append(
            {
                "epoch": report.epoch,
                "nll": report.nll,
                "kl": report.kl,
                "loss": report.loss,
                "validation_error": report.validation_error,
                "sigma": made.sigma_ratios(),
            }
        )
        print(report.epoch, round(report.loss, 4), report.validation_error, flush=True)
    return {
        "hidden": network.hidden,
        "prior": network.prior_scale,
        "training": dataclasses.asdict(training),
        "epochs": epochs,
        **measured(made, digits),
    }


def measured(network: BayesianNetwork, digits: Digits) -> dict[str, float]:
    """Test error and NLL, and the doubt about test digits and letters in nats."""
    probs = _ask(network, digits.test.images)
    letters = _ask(network, load_ood(LETTERS, digits.validation).images)
    return {
        "error": error(probs.mean(0), digits.test.labels),
        "nll": nll(probs.mean(0), digits.test.labels),
        "mi_digits": float(corrected_mutual_information(probs).mean()),
        "mi_letters": float(corrected_mutual_information(letters).mean()),
        "entropy_letters": float(predictive_entropy(letters).mean()),
        "named_letters": float((letters.mean(0).amax(-1) > 0.9).float().mean()),
    }


def _ask(network: BayesianNetwork, images: Tensor) -> Tensor:
    return sample_probs(network, images, SAMPLES, SEED, shared=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.method_runs", description=__doc__)
    parser.add_argument("names", nargs="*", help="runs to renew (default: all)")
    names = parser.parse_args().names
    kept = json.loads(FILE.read_text())["runs"] if names else {}
    digits = load_mnist()
    found = {
        name: kept[name] if names and name not in names else record(*configs, digits)
        for name, configs in runs().items()
    }
    made = {
        "command": "python -m benchmarks.method_runs",
        "made": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, torch {torch.__version__}",
        "images": len(digits.train),
        "samples": SAMPLES,
        "runs": found,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(rounded(made), indent=1) + "\n")


def rounded(value: Any) -> Any:
    """The same with five significant digits."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return value


if __name__ == "__main__":
    main()
