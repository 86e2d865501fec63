"""Which process a sign of life belongs to, and whether it lives."""

import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bnnlib.runs.heartbeat import Beat, Heart, is_alive, process_start, this_process, write_beat

PROC = Path("/proc/self/stat")


def beat(started: str | None, pid: int | None = None, silent: float = 60.0) -> Beat:
    at = time.time() - silent
    return Beat("running", pid or os.getpid(), started, platform.node(), at=at)


def test_a_process_lives_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mine = beat(process_start(process.pid), process.pid)
        assert is_alive(mine)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not is_alive(mine)  # a zombie, until its parent has asked for its end
        process.wait()
    assert process_start(process.pid) == ""
    assert not is_alive(mine)


def test_a_number_that_has_passed_to_another_process_is_not_alive() -> None:
    started = process_start(os.getpid())
    assert started
    assert is_alive(beat(started))
    assert not is_alive(beat(str(float(started) - 100)))
    assert not is_alive(beat(""))
    assert not is_alive(beat("nonsense"))


def test_a_start_does_not_move_with_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the clock moves the time of day of the boot and of every start alike."""
    mine = this_process()
    boot, create = psutil.boot_time, psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot() + 7_200)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create(self) + 7_200)
    assert is_alive(mine)


@pytest.mark.skipif(not PROC.exists(), reason="earlier versions saw starts on Linux only")
def test_a_sign_of_an_earlier_version_is_recognised(tmp_path: Path) -> None:
    """It names the boot and the clock ticks from the boot to the start."""
    ticks = PROC.read_text().rpartition(")")[2].split()[19]
    assert is_alive(beat(f"0394e0a7-09b3-40bb-8580-e82e01a6e4ea {ticks}"))
    assert not is_alive(beat(f"0394e0a7-09b3-40bb-8580-e82e01a6e4ea {int(ticks) + 12_345}"))
    assert is_alive(beat(None, silent=1.0))  # it could not see starts: a fresh sign
    assert not is_alive(beat(None))


def test_a_queued_process_keeps_its_place(tmp_path: Path) -> None:
    queued = this_process()
    queued.queued_at -= 100
    write_beat(tmp_path, queued)
    heart = Heart(tmp_path)
    heart.start()
    heart.end("stopped")
    assert heart.beat.queued_at == queued.queued_at
