"""The command line: `python -m bnnlib train | ensemble | evaluate | predict | checkpoints | download`."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

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
    root = Parser(prog="python -m bnnlib", description="Train, evaluate and ask Bayesian and dropout networks on MNIST.")
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)

    train = verbs.add_parser(
        "train", help="train a network and keep it as a checkpoint", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    train.add_argument("kind", choices=("dropout", "bayesian"))
    train.add_argument(
        "--preset",
        default="default",
        help="default (ours), robust (for drawings), article (the article's settings) or quick (under a minute)",
    )
    train.add_argument("--objective", choices=("elbo", "published"), help="published: the article's own loss, wrong sign and all")
    train.add_argument("--epochs", type=int, help="passes over the training images")
    train.add_argument("--batch-size", type=int, help="images a step")
    train.add_argument("--lr", type=float, help="learning rate")
    train.add_argument("--temperature", type=float, help="weight of the KL: 1 is Bayes, below 1 tempered (bayesian only)")
    train.add_argument("--prior-scale", type=float, help="standard deviation of the prior (bayesian only)")
    train.add_argument("--hidden-width", type=int, help="units in each hidden layer")
    train.add_argument("--classes", metavar="DIGITS", help="the digits to train on, as 0,1,7 (default: all ten)")
    train.add_argument("--images", type=int, help="how many training images at most (default: all)")
    train.add_argument("--augment", choices=("none", "affine", "full"), help="bend the training images a little, anew each epoch")
    train.add_argument("--adversarial", type=float, help="learn beside each image the hardest one this near (L2 norm; 0: none)")
    train.add_argument(
        "--calibrate", action=argparse.BooleanOptionalAction, help="fit the logits' temperature on validation images at the end"
    )
    train.add_argument("--precision", choices=("fp32", "bf16"), help="of the matrix products")
    train.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="make one program of a step: some 15 s, then a tenth to a third less time"
    )
    train.add_argument("--seed", type=int, help="the same seed gives the same network on the same machine")
    train.add_argument("--device", help="auto, cpu, cuda or mps")
    train.add_argument("--out", help="folder of the new checkpoint (default: checkpoints/my-KIND)")
    train.add_argument("--replace", action="store_true", help="replace the checkpoint that is in the folder")
    train.add_argument("--run", metavar="DIR", help="keep config, history, log and state in this folder, to watch and to resume")
    train.add_argument("--resume", action="store_true", help="go on with the run in --run DIR, with its own settings")

    ensemble = verbs.add_parser("ensemble", help="put trained dropout networks together as one checkpoint")
    ensemble.add_argument("members", nargs="+", metavar="NAME", help="a dropout checkpoint's name or path")
    ensemble.add_argument("--out", help="folder of the new checkpoint (default: checkpoints/my-ensemble)")
    ensemble.add_argument("--replace", action="store_true", help="replace the checkpoint that is in the folder")

    evaluate = verbs.add_parser("evaluate", help="figures on held-out images", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    evaluate.add_argument("name", metavar="NAME", help="a checkpoint's name or path")
    evaluate.add_argument("--split", choices=("test", "validation"), default="test", help="the images to report on")
    evaluate.add_argument("--seed", type=int, default=0, help="seed of the samples")
    evaluate.add_argument("--ood", nargs="+", default=[], metavar="SET", help=OOD_HELP)
    evaluate.add_argument("--shift", nargs="+", default=[], choices=SHIFTS, help="digits made harder by degrees")
    evaluate.add_argument("--temperature-scaling", action="store_true", help="fit a temperature on the validation images")
    evaluate.add_argument("--save", action="store_true", help="measure all this and keep it with the checkpoint, for the Evaluate page")

    predict = verbs.add_parser("predict", help="ask about pictures of digits", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    predict.add_argument("name", metavar="NAME", help="a checkpoint's name or path")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="a picture of any size, dark on light or light on dark")
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
        return VERBS[options.verb](options)
    except BnnlibError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def run_train(options: argparse.Namespace) -> int:
    from bnnlib.commands import train

    return train(options)


def run_ensemble(options: argparse.Namespace) -> int:
    from bnnlib.commands_ensemble import ensemble

    return ensemble(options)


def run_evaluate(options: argparse.Namespace) -> int:
    from bnnlib.commands_evaluate import evaluate

    return evaluate(options)


def run_predict(options: argparse.Namespace) -> int:
    from bnnlib.drawing.raster import image_from_file
    from bnnlib.networks.sampling import sample_probs
    from bnnlib.storage.checkpoints import load_checkpoint
    from bnnlib.training.limits import check_range

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
        answers.append(_answer(path, sample_probs(network, image[None], options.samples, options.seed)))
    if options.json:
        print(json.dumps({"name": options.name, "samples": options.samples, "predictions": answers}))
    else:
        for answer in answers:
            print(_sentence(answer))
    return 2 if failed else 0


def _answer(path: str, probs: Any) -> dict[str, Any]:
    from bnnlib.metrics import uncertainty

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
        f"{answer['image']}: {answer['digit']} with probability {answer['probability']:.3f} (5-95 % of samples: {low:.3f}-{high:.3f}; "
        f"votes {votes}); uncertainty {answer['predictive_entropy']:.3f} nats = {answer['expected_entropy']:.3f} aleatoric "
        f"+ {answer['mutual_information']:.3f} epistemic"
    )


def run_checkpoints(options: argparse.Namespace) -> int:
    from bnnlib.storage.checkpoints import list_checkpoints

    infos = list_checkpoints()
    if options.json:
        print(json.dumps([{"name": i.name, "folder": str(i.folder), "card": i.card, "problem": i.problem} for i in infos]))
        return 0
    if options.markdown:
        print("| checkpoint | asked | test error | NLL | ECE | Brier |\n|---|---|---|---|---|---|")
        print("\n".join(row for info in infos if info.card is not None for row in _markdown(info.name, info.card)))
        return 0
    for info in infos:
        if info.card is None:
            print(f"{info.name:24}{info.problem}")
            continue
        print(f"{info.name:24}{info.card['kind']:10}{_figures(info.card)}; trained on {info.card.get('source', 'unknown data')}")
    return 0


def _figures(card: dict[str, Any]) -> str:
    try:
        figures = card["figures"]["test"]
        return f"test error {figures['error']:.2%}, NLL {figures['nll']:.4f}, ECE {figures['ece']:.2%}"
    except (KeyError, TypeError, ValueError):  # not measured yet, or a card of somebody else's
        return "no figures"


def _markdown(name: str, card: dict[str, Any]) -> list[str]:
    """The checkpoint's rows of the README's table; none if it is not measured."""
    try:
        figures = card["figures"]["test"]
        ways = [(f"mean of {figures['samples']} samples", figures)]
        ways += [("once, all units kept", figures["deterministic"])] if "deterministic" in figures else []
        return [f"| `{name}` | {way} | {f['error']:.2%} | {f['nll']:.4f} | {f['ece']:.2%} | {f['brier']:.4f} |" for way, f in ways]
    except (KeyError, TypeError, ValueError):
        return []


def run_download(options: argparse.Namespace) -> int:
    from bnnlib.datasets.mnist import data_folders, find_mnist, load_mnist

    if find_mnist() is None:
        print("Downloading MNIST (11 MB); given up after 20 s without progress.", file=sys.stderr)
        if load_mnist(download=True).source != "mnist":
            raise BnnlibError(
                f"MNIST could not be downloaded to {data_folders()[-1]}: the embedded digits serve instead; "
                "check the network, or copy the four MNIST files to data/MNIST/raw."
            )
    print(f"MNIST is in {find_mnist()}.")
    return 0


VERBS = {
    "train": run_train,
    "ensemble": run_ensemble,
    "evaluate": run_evaluate,
    "predict": run_predict,
    "checkpoints": run_checkpoints,
    "download": run_download,
}

if __name__ == "__main__":
    sys.exit(main())
