"""The dashboard on a port of its own, which can be killed and started again."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.draw_latency import free_port, wait_until_healthy
from benchmarks.measure import ROOT
from bnnlib.runs.heartbeat import process_start


class Dashboard:
    """A server of these folders. host: its address and port."""

    def __init__(self, runs: Path, checkpoints: Path) -> None:
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.folders = {"BNNLIB_RUNS": str(runs), "BNNLIB_CHECKPOINTS": str(checkpoints)}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py"]
        command += ["--server.port", str(self.port), "--server.headless", "true"]
        # Uploads come from no browser here, so there is no cookie to check.
        command += ["--server.enableXsrfProtection", "false"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **self.folders},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until_healthy(self.port)

    @property
    def lives(self) -> bool:
        return self.process is not None and bool(process_start(self.process.pid))

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
