"""Who made a folder is known by a secret, of which only a hash is kept."""

from pathlib import Path

import pytest

from bnnlib.storage.owners import FILE, claim, made_by

SECRET = "0123456789abcdef0123"


def test_only_the_makers_secret_fits_and_it_is_not_kept(tmp_path: Path) -> None:
    assert not made_by(tmp_path, SECRET)
    claim(tmp_path, SECRET)
    assert made_by(tmp_path, SECRET)
    assert not made_by(tmp_path, SECRET[::-1])
    assert SECRET not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize("short", ["", "guess", SECRET[:-1]])
def test_a_short_secret_claims_nothing(tmp_path: Path, short: str) -> None:
    claim(tmp_path, short)
    assert not (tmp_path / FILE).exists()
    assert not made_by(tmp_path, short)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 64])
def test_a_foreign_owner_file_is_nobodys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert not made_by(tmp_path, SECRET)
