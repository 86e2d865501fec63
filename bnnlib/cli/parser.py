"""The command line: `python -m bnnlib train | ensemble | evaluate | predict | checkpoints | download`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from bnnlib.errors import BnnlibError

SHIFTS = (
    "rotation",
    "translation",
    "blur",
    "noise",
    "occlusion",
)  # of bnnlib.datasets.shifts, named here so that --help need not load torch
OOD_HELP = (
    "pictures that are no digits: fashion-mnist, fashion-matched, kmnist, emnist-letters, letters, noise, all (those at hand), "
    "a folder of pictures, or a UNIPEN file"
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message[:1].upper()}{message[1:]}; see {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    root = Parser(
        prog="python -m bnnlib",
        description="Train, evaluate and ask Bayesian and dropout networks on MNIST.",
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)

    train = verbs.add_parser(
        "train",
        help="train a network and keep it as a checkpoint",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.add_argument("kind", choices=("dropout", "bayesian"))
    train.add_argument(
        "--preset",
        default="default",
        help="default (ours), robust (for drawings), article (the article's settings) or quick (under a minute)",
    )
    train.add_argument(
        "--objective",
        choices=("elbo", "published"),
        help="published: the article's own loss, wrong sign and all",
    )
    train.add_argument("--epochs", type=int, help="passes over the training images")
    train.add_argument("--batch-size", type=int, help="images a step")
    train.add_argument("--lr", type=float, help="learning rate")
    train.add_argument(
        "--temperature",
        type=float,
        help="weight of the KL: 1 is Bayes, below 1 tempered (bayesian only)",
    )
    train.add_argument(
        "--prior-scale", type=float, help="standard deviation of the prior (bayesian only)"
    )
    train.add_argument("--hidden-width", type=int, help="units in each hidden layer")
    train.add_argument(
        "--classes", metavar="DIGITS", help="the digits to train on, as 0,1,7 (default: all ten)"
    )
    train.add_argument("--images", type=int, help="how many training images at most (default: all)")
    train.add_argument(
        "--augment",
        choices=("none", "affine", "full"),
        help="bend the training images a little, anew each epoch",
    )
    train.add_argument(
        "--adversarial",
        type=float,
        help="learn beside each image the hardest one this near (L2 norm; 0: none)",
    )
    train.add_argument(
        "--calibrate",
        action=argparse.BooleanOptionalAction,
        help="fit the logits' temperature on validation images at the end",
    )
    train.add_argument("--precision", choices=("fp32", "bf16"), help="of the matrix products")
    train.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="make one program of a step: some 15 s, then a tenth to a third less time",
    )
    train.add_argument(
        "--seed", type=int, help="the same seed gives the same network on the same machine"
    )
    train.add_argument("--device", help="auto, cpu, cuda or mps")
    train.add_argument("--out", help="folder of the new checkpoint (default: checkpoints/my-KIND)")
    train.add_argument(
        "--replace", action="store_true", help="replace the checkpoint that is in the folder"
    )
    train.add_argument(
        "--run",
        metavar="DIR",
        help="keep config, history, log and state in this folder, to watch and to resume",
    )
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --run DIR, with its own settings",
    )

    ensemble = verbs.add_parser(
        "ensemble", help="put trained dropout networks together as one checkpoint"
    )
    ensemble.add_argument(
        "members", nargs="+", metavar="NAME", help="a dropout checkpoint's name or path"
    )
    ensemble.add_argument(
        "--out", help="folder of the new checkpoint (default: checkpoints/my-ensemble)"
    )
    ensemble.add_argument(
        "--replace", action="store_true", help="replace the checkpoint that is in the folder"
    )

    evaluate = verbs.add_parser(
        "evaluate",
        help="figures on held-out images",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    evaluate.add_argument("name", metavar="NAME", help="a checkpoint's name or path")
    evaluate.add_argument(
        "--split", choices=("test", "validation"), default="test", help="the images to report on"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="seed of the samples")
    evaluate.add_argument("--ood", nargs="+", default=[], metavar="SET", help=OOD_HELP)
    evaluate.add_argument(
        "--shift", nargs="+", default=[], choices=SHIFTS, help="digits made harder by degrees"
    )
    evaluate.add_argument(
        "--temperature-scaling",
        action="store_true",
        help="fit a temperature on the validation images",
    )
    evaluate.add_argument(
        "--save",
        action="store_true",
        help="measure all this and keep it with the checkpoint, for the Evaluate page",
    )

    predict = verbs.add_parser(
        "predict",
        help="ask about pictures of digits",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    predict.add_argument("name", metavar="NAME", help="a checkpoint's name or path")
    predict.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a picture of any size, dark on light or light on dark",
    )
    predict.add_argument("--seed", type=int, default=0, help="seed of the samples")

    for verb in (evaluate, predict):
        verb.add_argument("--samples", type=int, default=100, help="sampled networks")
        verb.add_argument("--json", action="store_true", help="print JSON")

    checkpoints = verbs.add_parser("checkpoints", help="list the checkpoints")
    checkpoints.add_argument("--json", action="store_true", help="print JSON")
    checkpoints.add_argument("--markdown", action="store_true", help="print the README's table")
    verbs.add_parser("download", help="download MNIST (11 MB) if it is not here")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, or 2 with one sentence on standard error."""
    options = parser().parse_args(arguments)
    try:
        verb = import_module(
            f"bnnlib.cli.{options.verb}"
        )  # here, not above: --help need not load torch
        return getattr(verb, options.verb)(options)
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
