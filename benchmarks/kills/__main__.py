"""Kill -9 at random moments: `python -m benchmarks.kills [--moments 50] [--what training]`.

Kills the training process, the server and the browser while they work, looks at all files after
each kill, and goes on. A line for each of the three; it exits with 1 if anything was wrong. All is
done in folders of its own, on the embedded digits.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SHARES = {"training": 30, "server": 12, "browser": 8}  # of 50 moments


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--moments", type=int, default=50, help="kills in all (50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--what", choices=SHARES, help="only these (default: all three)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bnnlib-kills-") as name:
        own_places(Path(name))
        failed = False
        for what, kills in kinds().items():
            if options.what not in (None, what):
                continue
            whole = sum(SHARES.values()) if options.what is None else SHARES[what]
            moments = round(options.moments * SHARES[what] / whole)
            tally = kills(moments, options.seed, Path(name) / what)
            print(tally, flush=True)
            print(*(f"  {fault}" for fault in tally.faults), sep="\n", end="")
            failed |= bool(tally.faults)
    return int(failed)


def own_places(folder: Path) -> None:
    """Everything that is written goes below `folder`. Before bnnlib is loaded, which reads it."""
    os.environ |= {
        "BNNLIB_RUNS": str(folder / "runs"),
        "BNNLIB_CHECKPOINTS": str(folder / "checkpoints"),
        "BNNLIB_CACHE": str(folder / "cache"),
        "BNNLIB_DATA": str(folder / "no-data"),
        "OMP_NUM_THREADS": "1",
    }


def kinds() -> dict[str, Callable]:
    from benchmarks.kills.browser import kill_browsers
    from benchmarks.kills.server import kill_servers
    from benchmarks.kills.training import kill_trainings

    return {"training": kill_trainings, "server": kill_servers, "browser": kill_browsers}


if __name__ == "__main__":
    sys.exit(main())
