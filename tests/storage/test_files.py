"""Whole files, and locks that end with the process that holds them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnnlib.storage.files import (
    locked,
    remove_leftovers,
    staged,
    sync_files,
    write_text,
    write_whole,
)

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


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    left, fresh, other = (tmp_path / n for n in (".run.0123abcd", ".run.4567cdef", ".turn"))
    for folder in (left, fresh, other):
        folder.mkdir()
        (folder / "part").write_text("x")
    for folder in (left, other):
        os.utime(folder, (0, 0))
    with staged(tmp_path / "new"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [fresh.name, other.name]


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut then leaves the old file or the new one, never an empty one."""
    done: list[object] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda number: done.append(os.fstat(number).st_ino))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("replace"), replace(*names)))
    write_text(tmp_path / "file", "new", durable=True)
    assert done == [(tmp_path / "file").stat().st_ino, "replace", tmp_path.stat().st_ino]


def test_the_files_of_a_folder_are_put_on_the_disk_and_then_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append(os.fstat(number).st_ino))
    for name in ("one", "other"):
        (tmp_path / name).write_text("x")
    sync_files(tmp_path)
    assert set(done[:2]) == {path.stat().st_ino for path in tmp_path.iterdir()}
    assert done[2:] == [tmp_path.stat().st_ino]
