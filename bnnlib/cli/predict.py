"""`python -m bnnlib predict`: ask a network about pictures of digits."""

import argparse
import json
import sys
from typing import Any

from torch import Tensor

from bnnlib.drawing.cuts import FITTED_WITH, Score
from bnnlib.errors import BnnlibError
from bnnlib.metrics import uncertainty
from bnnlib.networks import Network
from bnnlib.networks.recogniser import recogniser
from bnnlib.networks.sampling import sample_probs
from bnnlib.storage.checkpoints import load_checkpoint
from bnnlib.training.limits import check_range


def predict(options: argparse.Namespace) -> int:
    """Answer about each picture; returns the exit code: 0, or 2 if one could not be read."""
    check_range("--samples", options.samples, 1, 10_000)
    check_range("--seed", options.seed, 0, 2**31 - 1)
    network = load_checkpoint(options.name)
    score = None if options.one else _recogniser(network)
    answers: list[dict[str, Any]] = []
    failed = False
    for path in options.images:
        try:
            images, note = read(path, score)
        except BnnlibError as error:  # the other pictures are answered all the same
            failed = True
            print(error, file=sys.stderr)
            continue
        print(f"Note: {note}.", file=sys.stderr)
        probs = sample_probs(network, images, options.samples, options.seed)
        for part in range(len(images)):
            answer = _answer(path, probs[:, [part]])
            if len(images) > 1:
                answer |= {"part": part + 1, "parts": len(images)}
            answers.append(answer)
    if options.json:
        print(
            json.dumps({"name": options.name, "samples": options.samples, "predictions": answers})
        )
    else:
        for answer in answers:
            print(_sentence(answer))
    return 2 if failed else 0


def _recogniser(network: Network) -> Score:
    """What tells touching digits from one: the network that the cuts were fitted with, if it is
    here, else the one that is asked."""
    try:
        return recogniser(load_checkpoint(FITTED_WITH))
    except BnnlibError:
        return recogniser(network)


def read(path: str, score: Score | None) -> tuple[Tensor, str]:
    """A picture's digits, float `[n, 28, 28]`, n >= 1, and a sentence, without its full stop, on
    what was done.

    score: what tells touching digits from one, as `segment_ink` asks it; None to read the picture
    as one digit. Raises BnnlibError for what is no picture.
    """
    from bnnlib.drawing.photo import own_ink, read_photo
    from bnnlib.drawing.segment import segment_ink

    steps = read_photo(path)
    if not steps.chosen.any():
        return steps.image[None], f"{path} is blank: the answer is about an empty image"
    side = "lighter" if steps.inverted else "darker"
    done = f"{path}: took as ink what is {side} than the paper by {steps.threshold:.2f}"
    # These notes may name the path again: it is said once.
    further = "".join(f"; {note.removeprefix(path).strip()}" for note in steps.notes)
    split = segment_ink(own_ink(steps), score) if score else None
    if split is None or len(split.images) < 2:
        return steps.image[None], f"{done}, read as one digit{further}"
    return split.images, (
        f"{done}, split into {len(split.images)} digits with a doubt of {split.doubt:.2f} "
        f"from 0 to 1{further}"
    )


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
    part = f", digit {answer['part']} of {answer['parts']}" if "part" in answer else ""
    votes = ", ".join(f"{digit}: {count}" for digit, count in enumerate(answer["votes"]) if count)
    return (
        f"{answer['image']}{part}: {answer['digit']} with probability {answer['probability']:.3f} "
        f"(5-95 % of samples: {low:.3f}-{high:.3f}; votes {votes}); "
        f"uncertainty {answer['predictive_entropy']:.3f} nats "
        f"= {answer['expected_entropy']:.3f} aleatoric "
        f"+ {answer['mutual_information']:.3f} epistemic"
    )
