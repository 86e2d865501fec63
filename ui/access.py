"""Who may do what on a server that others can reach.

`BNNLIB_TRAINING`: `on`, everybody may train, keep and import; `off`, nobody; not set, only visitors
on the server's own machine. `BNNLIB_PROXY`: the server is behind a proxy that writes the visitor's
address at the end of X-Forwarded-For; `on` is one on this machine, others are named by their
addresses or networks, with commas between them. `BNNLIB_OWNERS=off`: a visitor may delete and
rename what others made, too.

A browser keeps a secret; what it makes is marked with a hash of it (`bnnlib.storage.owners`).
"""

import contextlib
import ipaddress
import os
from pathlib import Path

import streamlit as st

from bnnlib.runs import queue
from bnnlib.storage import owners

SECRET = "visitor_secret"
ON = ("on", "yes", "true", "1")

_mount = st.components.v2.component(
    "visitor_secret",
    html="<span></span>",
    js=(Path(__file__).parent / "visitor_secret.js").read_text(encoding="utf-8"),
)


def is_local() -> bool:
    """Whether the visitor sits at the server's own machine."""
    address = st.context.ip_address  # None for this machine
    near = not isinstance(address, str) or _is_loopback(address)
    # A visitor may have written the header before the proxy, in a line of its own: the last counts.
    if lines := st.context.headers.get_all("X-Forwarded-For"):
        return _is_proxy(address, near) and _is_loopback(lines[-1].split(",")[-1].strip())
    return near and not any(
        name in st.context.headers for name in ("Forwarded", "X-Real-Ip", "Via")
    )


def may_train() -> bool:
    """Whether this visitor may train, stop, keep and import."""
    return queue.training_allowed() and (_on("BNNLIB_TRAINING") or is_local())


def why_not() -> str:
    """Why `may_train` says no, and what to do."""
    if not queue.training_allowed():
        return (
            "Training is switched off on this server, so that it stays quick for everyone. "
            "On your own machine `make app` brings this page with it; the runs here can be watched."
        )
    return (
        "Only visitors on this server's own machine can train here; the runs can be watched. "
        "Whoever runs the server can allow it for all: `BNNLIB_TRAINING=on`."
    )


def ask_for_secret() -> None:
    """Have the browser tell its secret, where that matters; it makes one if it has none."""
    if not is_local() and may_train():
        _mount(key=SECRET, on_secret_change=lambda: None)


def owns(folder: Path) -> bool:
    """Whether this visitor may rename, stop and delete what is in `folder`."""
    if not may_train():
        return False
    if is_local() or os.environ.get("BNNLIB_OWNERS", "on").strip().lower() in queue.OFF:
        return True
    return owners.made_by(folder, _secret())


def claim(folder: Path) -> None:
    """Mark `folder` as made by this visitor."""
    if not is_local():
        with contextlib.suppress(OSError):  # then nobody but the administrator can delete it
            owners.claim(folder, _secret())


def _secret() -> str:
    told = getattr(st.session_state.get(SECRET), "secret", None)
    return told if isinstance(told, str) else ""


def _is_proxy(address: str | None, near: bool) -> bool:
    """Whether a connection from this address is the known proxy's, whose header counts.

    uvicorn puts the visitor's address in place of a proxy's on this machine, so that one is `near`
    if the visitor is, too.
    """
    named = os.environ.get("BNNLIB_PROXY", "").split(",")
    return near if _on("BNNLIB_PROXY") else any(_is_in(address, one.strip()) for one in named)


def _is_in(address: str | None, network: str) -> bool:
    try:
        return ipaddress.ip_address(address or "") in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in ON


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
