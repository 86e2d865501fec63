"""Who is local, who may train, and who may delete what."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.context import StreamlitHeaders

from bnnlib.storage import owners
from ui import access

HERS, HIS = "a" * 30, "b" * 30


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch):
    """Be a visitor: `visit(address, secret="", **headers)`; a list is a header of several lines."""
    for variable in ("BNNLIB_TRAINING", "BNNLIB_PROXY", "BNNLIB_OWNERS"):
        monkeypatch.delenv(variable, raising=False)

    def be(address: str | None, secret: str = "", **headers: str | list[str]) -> None:
        lines = [
            (name.replace("_", "-"), value)
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        context = SimpleNamespace(ip_address=address, headers=StreamlitHeaders(lines))
        monkeypatch.setattr(st, "context", context)
        told = {access.SECRET: SimpleNamespace(secret=secret)} if secret else {}
        monkeypatch.setattr(st, "session_state", told)

    return be


@pytest.mark.parametrize("address", [None, "127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.0.3"])
def test_the_servers_own_machine_is_local(visit, address: str | None) -> None:
    visit(address)
    assert access.is_local()
    assert access.may_train()


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "", "nonsense"])
def test_everything_else_is_not_and_cannot_train_unless_it_is_allowed(
    visit, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(address)
    assert not access.is_local()
    assert not access.may_train()
    assert "BNNLIB_TRAINING=on" in access.why_not()
    monkeypatch.setenv("BNNLIB_TRAINING", "on")
    assert access.may_train()
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    assert not access.may_train()
    assert "switched off" in access.why_not()


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "127.0.0.1"},
        {"X_Forwarded_For": "192.0.2.7"},
        {"X_Real_Ip": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
)
def test_behind_an_unknown_proxy_nobody_is_local(visit, headers: dict[str, str]) -> None:
    visit("127.0.0.1", **headers)
    assert not access.is_local()


@pytest.mark.parametrize(
    ("forwarded", "local"),
    [
        ("127.0.0.1", True),
        ("192.0.2.7", False),
        ("127.0.0.1, 192.0.2.7", False),  # the visitor wrote the first, the proxy the last
        ("192.0.2.7, 127.0.0.1", True),
        ("", False),
        ("unknown", False),
        (["127.0.0.1", "192.0.2.7"], False),  # the same in two lines, as HAProxy writes them
        (["192.0.2.7", "127.0.0.1"], True),
    ],
)
def test_behind_a_known_proxy_its_own_entry_counts(
    visit, monkeypatch: pytest.MonkeyPatch, forwarded: str | list[str], local: bool
) -> None:
    monkeypatch.setenv("BNNLIB_PROXY", "on")
    visit("127.0.0.1", X_Forwarded_For=forwarded)
    assert access.is_local() == local


@pytest.mark.parametrize(
    ("proxy", "address", "local"),
    [
        ("on", "192.0.2.7", False),  # whoever comes past the proxy cannot pretend to come from it
        ("192.0.2.1", "192.0.2.7", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("10.1.0.0/16, 192.0.2.1", "10.1.2.3", True),
        ("10.1.0.0/16", "10.2.2.3", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("nonsense", "192.0.2.7", False),
        ("", "192.0.2.7", False),
        ("192.0.2.1", None, False),
    ],
)
def test_only_the_known_proxy_is_believed(
    visit, monkeypatch: pytest.MonkeyPatch, proxy: str, address: str | None, local: bool
) -> None:
    monkeypatch.setenv("BNNLIB_PROXY", proxy)
    visit(address, X_Forwarded_For="127.0.0.1")
    assert access.is_local() == local


def test_a_visitor_from_elsewhere_owns_what_his_browser_made(
    visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit("192.0.2.7", HERS)
    monkeypatch.setenv("BNNLIB_TRAINING", "on")
    access.claim(tmp_path)
    assert access.owns(tmp_path)
    visit("192.0.2.7", HIS)
    assert not access.owns(tmp_path)
    visit("192.0.2.7")
    assert not access.owns(tmp_path)
    monkeypatch.setenv("BNNLIB_OWNERS", "off")
    assert access.owns(tmp_path)
    monkeypatch.setenv("BNNLIB_TRAINING", "off")
    assert not access.owns(tmp_path)


def test_at_the_servers_own_machine_everything_is_owned_and_nothing_is_marked(
    visit, tmp_path: Path
) -> None:
    visit(None, HERS)
    access.claim(tmp_path)
    assert not (tmp_path / owners.FILE).exists()
    assert access.owns(tmp_path)
