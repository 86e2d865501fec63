"""Whole files, and locks that end with the process that holds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnnlib.storage.files import locked, remove_leftovers, staged, write_text, write_whole

HOLDERS = {
    "this version": "from filelock import FileLock; lock = FileLock({0!r}); lock.acquire()",
    "an earlier version": "import fcntl; f = open({0!r}, 'a+b'); fcntl.flock(f, fcntl.LOCK_EX)",
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_lock_of_a_killed_process_is_free(holder: str, tmp_path: Path) -> None:
    where = tmp_path / ".lock"
    program = HOLDERS[holder].format(str(where)) + "; print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with locked(where, wait=0.1) as mine:
            assert not mine
        process.kill()
        process.wait()
    with locked(where) as mine:
        assert mine


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    program = HOLDERS["this version"].format(str(tmp_path / "l"))
    program += "; print('held', flush=True); input(); lock.release()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write("\n")
        process.stdin.flush()
        with locked(tmp_path / "l", wait=60) as mine:
            assert mine


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lock_where_nothing_can_be_written_raises(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError), locked(tmp_path / "l"):  # noqa: PT011
        pass


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    where = tmp_path / "file"
    write_text(where, "old")

    def half(path: Path) -> None:
        path.write_text("ne")
        assert where.read_text() == "old"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(where, half)
    assert where.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    (tmp_path / ".file.17.new").write_text("of a killed process")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_staged_folder_that_is_not_renamed_is_removed(tmp_path: Path) -> None:
    with staged(tmp_path / "new" / "folder") as staging:
        (staging / "part").write_text("x")
    assert not list((tmp_path / "new").iterdir())
    with staged(tmp_path / "new" / "folder") as staging:
        (staging / "whole").write_text("x")
        staging.rename(tmp_path / "new" / "folder")
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["folder", "whole"]
