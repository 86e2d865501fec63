"""Which networks an address shows, and how an address names them; the pages without a browser."""

import itertools

import pytest
import torch
from streamlit.testing.v1 import AppTest

from ui.loaders import named_networks, networks_of_address

PEN, FORMER = ("dropout-pen", "bayesian-pen"), ("dropout", "bayesian")
# Of each page (the Draw page has tests of its own) a parameter that stays in the address.
PAGES = {
    "pages/1_Uncertain_digits.py": {"samples": "10"},
    "pages/2_Train.py": {"run": "nobody"},
    "pages/3_Evaluate.py": {"refused": "7.5"},
}


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ({}, PEN),
        ({"drawing": "AUSMQoSMTw"}, FORMER),
        ({"run": "mine"}, FORMER),
        ({"left": "dropout-pen"}, ("dropout-pen", "bayesian")),
        ({"right": "dropout", "seed": "3"}, ("dropout", "dropout")),
        ({"left": "laplace", "right": "ensemble"}, ("laplace", "ensemble")),
    ],
)
def test_an_address_shows_what_it_showed_when_it_was_shared(
    address: dict[str, str], networks: tuple[str, str]
) -> None:
    assert networks_of_address(address) == networks


@pytest.mark.parametrize("more", [{}, {"samples": "10"}])
@pytest.mark.parametrize("networks", [*itertools.product(*zip(PEN, FORMER, strict=True))])
def test_what_is_written_is_read_as_the_same(
    networks: tuple[str, str], more: dict[str, str]
) -> None:
    written = named_networks(networks, bool(more)) | more
    assert networks_of_address(written) == networks
    assert len(set(written) & {"left", "right"}) != 1


def opened(page: str, address: dict[str, str]) -> AppTest:
    """A session that starts with this address."""
    app = AppTest.from_file("../../dashboard.py", default_timeout=120)
    app.query_params.update(address)
    app.switch_page(page).run()
    assert not app.exception
    return app


@pytest.fixture
def little_to_show(without_mnist: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few held-out digits, and no evaluations: the pages are quick."""
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    monkeypatch.setattr("ui.evaluate.results.find_results", lambda name: None)
    # After the import of what takes this name for itself: it would keep the stand-in for ever.
    monkeypatch.setattr("ui.surveys.unseen", lambda networks: torch.arange(100))


@pytest.mark.usefixtures("little_to_show")
@pytest.mark.parametrize("page", PAGES)
def test_an_empty_address_shows_the_pen_networks_and_stays_empty(page: str) -> None:
    app = opened(page, {})
    assert app.session_state["networks"] == PEN
    assert app.query_params == {}


@pytest.mark.usefixtures("little_to_show")
@pytest.mark.parametrize("page", PAGES)
def test_an_address_without_networks_shows_the_former_ones_and_then_names_them(page: str) -> None:
    app = opened(page, PAGES[page])
    written = {"left": "dropout", "right": "bayesian", **PAGES[page]}
    assert app.session_state["networks"] == FORMER
    assert app.query_params == written
    again = opened(page, written)
    assert again.session_state["networks"] == FORMER
    assert again.query_params == written


@pytest.mark.usefixtures("little_to_show")
@pytest.mark.parametrize("page", PAGES)
def test_an_address_that_names_the_pen_networks_keeps_their_names(page: str) -> None:
    address = {"left": "dropout-pen", "right": "bayesian-pen", **PAGES[page]}
    app = opened(page, address)
    assert app.session_state["networks"] == PEN
    assert app.query_params == address
