"""The command line's grammar: `python -m bnnlib VERB`, a file of this folder for each verb."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from bnnlib.errors import BnnlibError, is_memory
from bnnlib.training.config import KINDS, SETTINGS
from bnnlib.training.presets import PRESET_NAMES
from bnnlib.training.settings import Setting

SHIFTS = (
    "rotation",
    "translation",
    "blur",
    "noise",
    "occlusion",
)  # of bnnlib.datasets.shifts
OOD_HELP = (
    "pictures that are no digits: fashion-mnist, fashion-matched, kmnist, emnist-letters, "
    "letters, doodles, noise, all (those at hand), a folder of pictures or of doodles, "
    "or a UNIPEN file"
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        one_line = " ".join(message.split())
        self.exit(2, f"{one_line[:1].upper()}{one_line[1:]}; see {self.prog} --help.\n")


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    root = Parser(
        prog="python -m bnnlib",
        description="Train, evaluate and ask Bayesian and dropout networks on MNIST.",
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)

    _add_train(verbs)

    sweep = verbs.add_parser(
        "sweep", help="train a grid of networks, on this machine or on a cluster (Ray)"
    )
    sweep.add_argument("spec", metavar="SPEC", help="a TOML file; docs/cluster.md shows one")
    _add_cluster_options(sweep)

    ensemble = verbs.add_parser(
        "ensemble", help="put dropout networks together as one checkpoint, or train them first"
    )
    ensemble.add_argument(
        "members", nargs="*", metavar="NAME", help="a dropout checkpoint's name or path"
    )
    ensemble.add_argument(
        "--train", type=int, metavar="N", help="train N members instead, with seeds of their own"
    )
    ensemble.add_argument(
        "--preset", default="default", help="of the members to train (default: default)"
    )
    ensemble.add_argument(
        "--seed", type=int, default=0, help="of the first member to train (default: 0)"
    )
    ensemble.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="other settings of the members to train, as epochs=10",
    )
    _add_cluster_options(ensemble)
    ensemble.add_argument(
        "--out", help="folder of the new checkpoint (default: checkpoints/my-ensemble)"
    )
    ensemble.add_argument(
        "--replace", action="store_true", help="replace the checkpoint that is in the folder"
    )

    laplace = verbs.add_parser(
        "laplace",
        help="give a dropout network's last layer a posterior (last-layer Laplace approximation)",
    )
    laplace.add_argument("name", metavar="NAME", help="a dropout checkpoint's name or path")
    laplace.add_argument(
        "--out", help="folder of the new checkpoint (default: checkpoints/my-laplace)"
    )
    laplace.add_argument(
        "--replace", action="store_true", help="replace the checkpoint that is in the folder"
    )

    evaluate = verbs.add_parser(
        "evaluate",
        help="figures on held-out images",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    evaluate.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a checkpoint's name or path; of several, their differences too",
    )
    _add_shard_options(evaluate)
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

    distance = verbs.add_parser(
        "distance",
        help="fit how far images are from the training images, and keep it with the evaluation",
    )
    distance.add_argument("names", nargs="+", metavar="NAME", help="a checkpoint's name or path")
    distance.add_argument(
        "--strangers",
        nargs="+",
        default=[],
        metavar="SET",
        help=f"choose the measure of doubt to refuse by on these {OOD_HELP}",
    )
    distance.add_argument(
        "--pen",
        metavar="FILE",
        default="",
        help="the file pendigits-orig-tra.txt, for networks that learnt from it: its writers 1-18 "
        "are near, and writers 19-24 say what is usual",
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
        help="a picture or photograph of one digit or several, dark on light or light on dark",
    )
    predict.add_argument(
        "--one", action="store_true", help="read each picture as one digit, never split it"
    )
    predict.add_argument("--seed", type=int, default=0, help="seed of the samples")

    for verb in (evaluate, predict):
        verb.add_argument("--samples", type=int, default=100, help="sampled networks")
        verb.add_argument("--json", action="store_true", help="print JSON")

    prune = verbs.add_parser(
        "prune",
        help="what leaving out the weights of least signal-to-noise costs a Bayesian network",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    prune.add_argument("name", metavar="NAME", help="a Bayesian checkpoint's name or path")
    prune.add_argument("--samples", type=int, default=30, help="sampled networks")
    prune.add_argument("--seed", type=int, default=0, help="seed of the samples")
    prune.add_argument("--json", action="store_true", help="print JSON")
    prune.add_argument(
        "--save", action="store_true", help="keep the figures with the checkpoint, for the page"
    )
    prune.add_argument(
        "--without",
        dest="share",
        type=float,
        metavar="PERCENT",
        help="keep the network without this share of its weights as a checkpoint",
    )
    prune.add_argument("--out", help="its folder, with --without (checkpoints/my-pruned)")
    prune.add_argument(
        "--replace", action="store_true", help="replace the checkpoint that is in the folder"
    )

    checkpoints = verbs.add_parser("checkpoints", help="list the checkpoints")
    checkpoints.add_argument("--json", action="store_true", help="print JSON")
    checkpoints.add_argument("--markdown", action="store_true", help="print the README's table")
    verbs.add_parser("settings", help="print every setting of a training, in Markdown")
    verbs.add_parser("download", help="download MNIST (11 MB) if it is not here")
    return root


def _add_train(verbs: Any) -> None:
    """The verb `train`: a flag for each setting that has one."""
    train = verbs.add_parser(
        "train",
        help="train a network and keep it as a checkpoint",
        description="Train a network and keep it as a checkpoint. A setting that is not given has "
        "the value of the preset.",
    )
    train.add_argument("kind", choices=KINDS)
    presets = "; ".join(f"{name}: {what}" for name, what in PRESET_NAMES.items())
    train.add_argument("--preset", default="default", help=f"{presets} (default: default)")
    for one in SETTINGS.values():
        if one.flag:
            train.add_argument(one.option, **_argument(one))
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


def _add_shard_options(evaluate: argparse.ArgumentParser) -> None:
    """Very many images, a part in memory at a time; docs/cluster.md tells how they are shared."""
    evaluate.add_argument("--shard", metavar="K/N", help="the K-th of N parts, into a file")
    evaluate.add_argument("--merge", nargs="+", metavar="FILE", help="join the files of all shards")
    evaluate.add_argument("--out", metavar="FILE", help="the shard's file (NAME-K-of-N.json)")
    evaluate.add_argument(
        "--images", metavar="FILE", help="a .npy file, uint8 [N, 28, 28], in place of a split"
    )
    evaluate.add_argument("--labels", metavar="FILE", help="a .npy file, their digits [N]")
    evaluate.add_argument(
        "--answers",
        metavar="FILE",
        help="a new .npy file, float32 [N, 11]: the mean probabilities, the mutual information",
    )
    evaluate.add_argument("--device", default="cpu", help="of a shard: auto, cpu, cuda or mps")


def _add_cluster_options(verb: argparse.ArgumentParser) -> None:
    """Where many trainings take place."""
    verb.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="the Ray cluster to train on (default: all cores of this machine)",
    )
    verb.add_argument("--cores", type=int, default=1, help="of each training (default: 1)")
    verb.add_argument(
        "--gpus",
        type=float,
        help="of each training, 0.25 for four on a GPU (default: 1 if the cluster has any)",
    )
    verb.add_argument(
        "--runs",
        metavar="DIR",
        help="folder of the finished runs (default: that of the Train page)",
    )
    verb.add_argument("--dry-run", action="store_true", help="list the trainings and stop")
    verb.add_argument("--yes", action="store_true", help="train that many on this machine")
    verb.add_argument(
        "--verbose", action="store_true", help="show what the trainings print, every epoch"
    )


def _argument(one: Setting) -> dict[str, Any]:
    """What argparse has to know of a setting."""
    only = f" For the {one.only} network only." if one.only else ""
    values = "" if one.kind in (bool, int, float) or one.choices else f" One of: {one.none}."
    if one.is_number:
        values = f" {one.values[:1].upper()}{one.values[1:]}."
    elif one.choices:
        values = " " + " ".join(f"{name}: {what}." for name, what in one.choices.items())
    told: dict[str, Any] = {"help": f"{one.help}{values}{only}".replace("%", "%%")}
    if one.kind is bool:
        return {**told, "action": argparse.BooleanOptionalAction}
    if one.choices:
        return {**told, "choices": tuple(one.choices)}
    if one.is_number:
        return {**told, "type": one.kind, "metavar": "N" if one.kind is int else "X"}
    return {**told, "metavar": one.name.upper()}


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
    except Exception as error:
        if not is_memory(error):
            raise
        print(
            "There was not enough memory: ask for fewer samples or images, or a smaller network.",
            file=sys.stderr,
        )
        return 2
