"""Measure bnnlib beside other libraries: `python -m benchmarks`.

It prints the table. A whole run also writes it: RESULTS.md and results.json.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import measure, table
from benchmarks.sections import SECTIONS
from bnnlib.errors import BnnlibError
from bnnlib.layers.products import keep_freed_memory
from bnnlib.training.start import pick_device


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and smaller tasks: to see that all works"
    )
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="these sections"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto (default cpu)")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="one thread and its CPU seconds: for a busy machine, where only ratios count",
    )
    parser.add_argument(
        "--out", type=Path, help="folder for RESULTS.md and results.json (a whole run: benchmarks/)"
    )
    options = parser.parse_args()
    if options.cpu_time:
        measure.use_cpu_time()
    keep_freed_memory()  # for all peers alike
    device = pick_device(options.device).type
    machine, sections, skipped = measure.machine(device), [], []
    out = options.out or (
        Path(__file__).parent if not options.quick and options.only == list(SECTIONS) else None
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        print(f"Measuring: {name} ...", file=sys.stderr)
        try:
            sections.append(SECTIONS[name](device, options.quick))
        except (BnnlibError, RuntimeError) as error:  # the other sections are not lost
            skipped.append(f"{name}: {error}")
        if out is not None:
            (out / "RESULTS.md").write_text(table.markdown(machine, sections, skipped))
            (out / "results.json").write_text(table.as_json(machine, sections, skipped))
    print(table.markdown(machine, sections, skipped))


if __name__ == "__main__":
    main()
