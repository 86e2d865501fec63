"""`python -m bnnlib checkpoints`: which networks there are, and how good they are."""

import argparse
import json
from typing import Any

from bnnlib.sentences.evaluation import asked
from bnnlib.storage.checkpoints import list_checkpoints


def checkpoints(options: argparse.Namespace) -> int:
    """List them; returns the exit code."""
    infos = list_checkpoints()
    if options.json:
        print(
            json.dumps(
                [
                    {"name": i.name, "folder": str(i.folder), "card": i.card, "problem": i.problem}
                    for i in infos
                ]
            )
        )
        return 0
    if options.markdown:
        print("| checkpoint | asked | test error | NLL | ECE | Brier |\n|---|---|---|---|---|---|")
        print(
            "\n".join(
                row
                for info in infos
                if info.card is not None
                for row in _markdown(info.name, info.card)
            )
        )
        return 0
    for info in infos:
        if info.card is None:
            print(f"{info.name:24}{info.problem}")
            continue
        print(
            f"{info.name:24}{info.card['kind']:10}{_figures(info.card)}; "
            f"trained on {info.card.get('source', 'unknown data')}"
        )
    return 0


def _figures(card: dict[str, Any]) -> str:
    try:
        figures = card["figures"]["test"]
        return (
            f"test error {figures['error']:.2%}, NLL {figures['nll']:.4f}, ECE {figures['ece']:.2%}"
        )
    except (KeyError, TypeError, ValueError):  # not measured yet, or a card of somebody else's
        return "no figures"


def _markdown(name: str, card: dict[str, Any]) -> list[str]:
    """The checkpoint's rows of the README's table; none if it is not measured."""
    try:
        figures = card["figures"]["test"]
        members = card["architecture"].get("members")  # of an ensemble
        ways = [(f"mean of {asked(figures, members)}", figures)]
        ways += (
            [("once, all units kept", figures["deterministic"])]
            if "deterministic" in figures
            else []
        )
        return [
            f"| `{name}` | {way} | {f['error']:.2%} | {f['nll']:.4f} | {f['ece']:.2%} "
            f"| {f['brier']:.4f} |"
            for way, f in ways
        ]
    except (KeyError, TypeError, ValueError):
        return []
