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
SLOW = 0.5  # seconds: a task that takes longer is run in every fifth round only


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

    def scaled(self, factor: float) -> "Times":
        """Of `factor` such runs."""
        return Times(tuple(factor * second for second in self.seconds))


def interleaved(tasks: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """Run every task in every round, so that whatever else the machine does falls on all of them. The first runs do not count."""
    warm = {name: _time(task) for name, task in tasks.items()}
    for name, task in tasks.items():
        if warm[name] < SLOW:
            _time(task)
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(rounds):
        for name, task in tasks.items():
            if warm[name] < SLOW or turn % 5 == 0:
                seconds[name].append(_time(task))
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def _time(task: Callable[[], object]) -> float:
    synchronise()
    started = clock()
    task()
    synchronise()
    return clock() - started


def use_cpu_time() -> None:
    """Count the CPU seconds of one thread, not those on the wall: what other programs take hardly shows then."""
    global clock
    torch.set_num_threads(1)
    clock = time.thread_time


def synchronise() -> None:
    """Wait for a GPU that is still at work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory() -> int:
    """The most bytes this process has had in memory. (Linux hands `ru_maxrss` on from the process that started this one.)"""
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
    """Bytes that another process has in memory now; None where the system does not tell as Linux does."""
    status = Path(f"/proc/{pid}/status")
    if not status.is_file():
        return None
    return next(
        1024 * int(line.split()[1])
        for line in status.read_text().splitlines()
        if line.startswith("VmRSS")
    )


def in_a_process(module: str, *arguments: str) -> dict:
    """The JSON that `python -m module arguments` prints last: a fresh process for what cannot be measured in a used one."""
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    if result.returncode:
        raise RuntimeError(
            f"{module} {' '.join(arguments)} failed: {result.stderr.strip().splitlines()[-1]}"
        )
    return json.loads(result.stdout.strip().splitlines()[-1])


def machine(device: str) -> dict[str, str | int | float]:
    """What was measured on, in words that name no host."""
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
        "clock": "wall"
        if clock is time.perf_counter
        else "CPU seconds of one thread, for the machine was busy",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name()
        if device == "cuda"
        else "none at hand: figures for one are missing here",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }
