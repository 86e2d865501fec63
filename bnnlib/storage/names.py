"""What a run or a checkpoint may be called: names that are safe as folders everywhere."""

import re

from bnnlib.errors import BnnlibError

NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def check_name(name: str) -> str:
    """`name` if a folder may have it; raises BnnlibError."""
    if not NAMES.fullmatch(name):
        raise BnnlibError(
            f"The name {name!r} cannot be used: give up to 60 letters, digits, '-', '_' and '.', "
            "the first a letter or digit."
        )
    return name
