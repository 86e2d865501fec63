"""`python -m bnnlib settings`: every setting of a training, as `docs/settings.md` has it."""

import argparse
from collections.abc import Iterable

from bnnlib.training.config import NETWORK, TRAINING
from bnnlib.training.presets import PRESETS
from bnnlib.training.settings import Setting

HEAD = """# Settings

Made by `python -m bnnlib settings > docs/settings.md` from the fields' own descriptions in
`bnnlib/training/config.py`. The flags of `python -m bnnlib train`, the form of the Train page, the
limits and the rows of a network's card come from the same place.

A setting without a flag is set by a preset, or from Python.
"""


def settings(options: argparse.Namespace) -> int:
    """Print the tables; returns the exit code."""
    print(markdown())
    return 0


def markdown() -> str:
    """The page in Markdown."""
    fields = [name for name in TRAINING if name not in ("classes", "device")]
    presets = [f"| preset | {' | '.join(fields)} |", "|---" * (len(fields) + 1) + "|"]
    for (kind, name), (_, training) in PRESETS.items():
        values = [_text(getattr(training, field)) for field in fields]
        presets.append(f"| {kind} {name} | {' | '.join(values)} |")
    return "\n".join(
        [
            HEAD,
            "## Of the training",
            "",
            *_table(TRAINING.values()),
            "",
            "## Of the network",
            "",
            *_table(NETWORK.values()),
            "",
            "## Presets",
            "",
            *presets,
        ]
    )


def _table(settings: Iterable[Setting]) -> list[str]:
    rows = ["| setting | flag | values | meaning |", "|---|---|---|---|"]
    for one in settings:
        flag = f"`{one.option}`" if one.flag else ""
        only = f" For the {one.only} network only." if one.only else ""
        rows.append(f"| {one.label} | {flag} | {one.values} | {one.help}{only} |")
    return rows


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "all"
    return f"{value:g}" if isinstance(value, float) else str(value)
