"""CITATION.cff, CHANGELOG.md and CONTRIBUTING.md say what the project is."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_citation_has_the_projects_version_and_licence() -> None:
    """The whole file was checked by `cffconvert --validate`; this is what may grow old."""
    fields = dict(re.findall(r"^([\w-]+): (.+)$", read("CITATION.cff"), re.MULTILINE))
    assert fields["cff-version"] == "1.2.0"
    assert fields["version"] == PROJECT["version"]
    assert fields["license"] == PROJECT["license"]
    assert {"message", "title", "type"} <= set(fields)
    assert "name: The bnnlib developers" in read("CITATION.cff")


def test_the_changelog_keeps_to_its_format() -> None:
    text = read("CHANGELOG.md")
    assert "## [Unreleased]" in text
    kinds = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    entries = re.findall(r"^- .*?(?=^- |^#|\Z)", text, re.MULTILINE | re.DOTALL)
    for entry in entries:
        date.fromisoformat(re.search(r"\((\d{4}-\d\d-\d\d)\)", entry)[1])


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_and_files_that_are_named_are_there(name: str) -> None:
    text = read(name)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for path in re.findall(r"`([\w/]+(?:\.(?:py|md|toml|txt)|/))`", text):
        places = (ROOT, ROOT / "bnnlib", ROOT / "tests/browser")
        assert any((place / path).exists() for place in places), path
    for target in re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE):
        assert f"\n{target}:" in read("Makefile"), target
