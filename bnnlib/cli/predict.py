"""`python -m bnnlib predict`: ask a network about pictures of digits."""

import argparse
import json
import sys
from typing import Any

from bnnlib.drawing.raster import image_from_file
from bnnlib.errors import BnnlibError
from bnnlib.metrics import uncertainty
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.training.limits import check_range


def predict(options: argparse.Namespace) -> int:
    """Answer about each picture; returns the exit code: 0, or 2 if one could not be read."""
    check_range("--samples", options.samples, 1, 10_000)
    check_range("--seed", options.seed, 0, 2**31 - 1)
    network = load_checkpoint(options.name)
    answers: list[dict[str, Any]] = []
    failed = False
    for path in options.images:
        try:
            image, note = image_from_file(path)
        except BnnlibError as error:  # the other pictures are answered all the same
            failed = True
            print(error, file=sys.stderr)
            continue
        if not image.any():
            note = f"{path} is blank: the answer is about an empty image"
        if note:
            print(f"Note: {note}.", file=sys.stderr)
        answers.append(
            _answer(path, sample_probs(network, image[None], options.samples, options.seed))
        )
    if options.json:
        print(
            json.dumps({"name": options.name, "samples": options.samples, "predictions": answers})
        )
    else:
        for answer in answers:
            print(_sentence(answer))
    return 2 if failed else 0


def _answer(path: str, probs: Any) -> dict[str, Any]:
    mean = probs.mean(0)[0]
    digit = int(mean.argmax())
    low, high = probs[:, 0, digit].quantile(probs.new_tensor([0.05, 0.95])).tolist()
    return {
        "image": path,
        "digit": digit,
        "probability": float(mean[digit]),
        "interval": [low, high],
        "probs": mean.tolist(),
        "votes": uncertainty.votes(probs)[0].tolist(),
        **{name: float(measure(probs)[0]) for name, measure in uncertainty.MEASURES.items()},
    }


def _sentence(answer: dict[str, Any]) -> str:
    low, high = answer["interval"]
    votes = ", ".join(f"{digit}: {count}" for digit, count in enumerate(answer["votes"]) if count)
    return (
        f"{answer['image']}: {answer['digit']} with probability {answer['probability']:.3f} "
        f"(5-95 % of samples: {low:.3f}-{high:.3f}; votes {votes}); "
        f"uncertainty {answer['predictive_entropy']:.3f} nats "
        f"= {answer['expected_entropy']:.3f} aleatoric "
        f"+ {answer['mutual_information']:.3f} epistemic"
    )
