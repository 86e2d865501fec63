"""Who made a run or a checkpoint: a hash of a secret that only the maker's browser knows."""

import hashlib
import hmac
from pathlib import Path

from bnnlib.storage.files import write_text

FILE = "owner"
LEAST = 20  # characters of a secret: less could be guessed


def claim(folder: Path, secret: str) -> None:
    """Write down in `folder` that whoever knows `secret` made it; a short secret claims nothing.

    Raises OSError where it cannot be written.
    """
    if len(secret) >= LEAST:
        write_text(folder / FILE, _hash(secret) + "\n")


def made_by(folder: Path, secret: str) -> bool:
    """Whether the maker of `folder` knew this secret; False where nobody claimed it."""
    try:
        kept = (folder / FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False
    return len(secret) >= LEAST and hmac.compare_digest(kept, _hash(secret))


def _hash(secret: str) -> str:
    return hashlib.sha256(b"bnnlib owner " + secret.encode()).hexdigest()
