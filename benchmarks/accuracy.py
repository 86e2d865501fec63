"""Does speed cost accuracy? `python -m benchmarks.accuracy` prints JSON.

It trains the quick preset on three seeds, four ways:
`textbook`: the layer's moments and KL as on paper, by torch's own products and its autograd;
`fp32`: bnnlib's layer; `bf16`: the same with matrix products in bfloat16;
`bf16 compiled`: that as one compiled program.
Errors are in per cent; the spread is the standard deviation over the seeds.
"""

import argparse
import json
import statistics
from unittest.mock import patch

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from bnnlib import load_mnist, metrics, sample_probs
from bnnlib.layers import linear_normal as layers
from bnnlib.training.config import replace
from bnnlib.training.presets import preset
from bnnlib.training.session import fit
from bnnlib.training.start import build

SAMPLES = 30


class Textbook(layers.LinearNormal):
    """`LinearNormal` without any of its short cuts."""

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        if not isinstance(self.loc, Tensor):
            return super().moments
        d = self.inputs.shape[-1]
        x, variance = self.inputs, self.scale.square()
        mean = x @ self.loc[:d] + self.loc[d:].sum(0)
        return mean, x.square() @ variance[:d] + variance[d:].sum(0)

    def weights_kl(self, prior: layers.LinearNormal) -> Tensor:
        assert isinstance(self.loc, Tensor)
        p = Normal(torch.zeros_like(self.loc), prior.scale, validate_args=False)
        return kl_divergence(Normal(self.loc, self.scale, validate_args=False), p).sum()


WAYS = {
    "textbook": (Textbook, "fp32", False),
    "fp32": (layers.LinearNormal, "fp32", False),
    "bf16": (layers.LinearNormal, "bf16", False),
    "bf16 compiled": (layers.LinearNormal, "bf16", True),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way")
    options = parser.parse_args()
    digits = load_mnist()
    errors: dict[str, dict[str, list[float]]]
    errors = {way: {"validation": [], "test": []} for way in WAYS}
    for seed in range(options.seeds):
        for way, (layer, precision, compiled) in WAYS.items():
            config, training = preset("bayesian", "quick")
            network = build(config, seed)
            with patch.object(layers, "LinearNormal", layer):
                fit(
                    network,
                    digits,
                    replace(training, seed=seed, precision=precision, compile=compiled),
                )
            for name, found in errors[way].items():
                split = getattr(digits, name)
                probs = sample_probs(network, split.images, SAMPLES, 0, shared=True).mean(0)
                found.append(100 * metrics.error(probs, split.labels))
    report = {
        way: {
            name: {
                "mean": statistics.fmean(v),
                "spread": statistics.stdev(v) if len(v) > 1 else 0.0,
                "errors": v,
            }
            for name, v in found.items()
        }
        for way, found in errors.items()
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
