"""Time tasks interleaved with each other, the memory a process needs, and what machine it was."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent

clock = time.perf_counter


@dataclass(frozen=True)
class Times:
    """Seconds of one task, one number a run."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def worst(self) -> float:
        return max(self.seconds)

    def scaled(self, factor: float) -> "Times":
        """Of `factor` such runs."""
        return Times(tuple(factor * second for second in self.seconds))

    def over(self, other: "Times") -> list[float]:
        """How many times as long as `other`: the ratio of the medians, and its range.

        The range holds the ratios of the rounds, but for the lowest and the highest tenth of them.
        Both tasks were run in the same rounds.
        """
        rounds = [mine / yours for mine, yours in zip(self.seconds, other.seconds, strict=True)]
        return [self.median / other.median, *middle(rounds)]


def middle(values: list[float]) -> tuple[float, float]:
    """The range that holds the middle four fifths of `values`."""
    if len(values) == 1:
        return values[0], values[0]
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[-1]


def interleaved(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run every task once in every round, so that the machine's other work falls on all of them.

    Two runs of each task come before the first round and do not count.
    """
    for task in [*tasks.values(), *tasks.values()]:
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            seconds[name].append(_time(task))
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def _time(task: Callable[[], object]) -> float:
    synchronise()
    started = clock()
    task()
    synchronise()
    return clock() - started


def use_cpu_time() -> None:
    """Count the CPU seconds of one thread, so that other programs hardly change the result."""
    global clock
    torch.set_num_threads(1)
    clock = time.thread_time


def has_bf16(device: str) -> bool:
    """Whether bf16 products are the machine's own: emulated ones take twenty times as long."""
    return device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def precisions(device: str) -> tuple[str, ...]:
    """Those worth training in on this machine."""
    return ("fp32", "bf16") if has_bf16(device) else ("fp32",)


def synchronise() -> None:
    """Wait for a GPU that is still at work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory() -> int:
    """The most bytes that this process has had in memory.

    On Linux `ru_maxrss` is no use: a process inherits it from the process that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        return next(
            1024 * int(line.split()[1])
            for line in status.read_text().splitlines()
            if line.startswith("VmHWM")
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def memory_of(pid: int) -> int | None:
    """Bytes that another process has in memory now; None on a system without `/proc`."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    return next(
        1024 * int(line.split()[1])
        for line in status.read_text().splitlines()
        if line.startswith("VmRSS")
    )


def in_a_process(module: str, *arguments: str) -> dict:
    """The JSON that `python -m module arguments` prints last, run in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        raise RuntimeError(
            f"{module} {' '.join(arguments)} failed: {result.stderr.strip().splitlines()[-1]}"
        )
    return json.loads(result.stdout.strip().splitlines()[-1])


def machine(device: str) -> dict[str, str | int | float]:
    """What was measured on. It does not name the host."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        cpu = next(
            (
                line.split(":")[1].strip()
                for line in info.read_text().splitlines()
                if line.startswith("model name")
            ),
            cpu,
        )
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cpu": cpu,
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "clock": "wall" if clock is time.perf_counter else "CPU seconds of one thread",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }
