"""What the tests of the pages share."""

import pytest
from streamlit.testing.v1 import AppTest


@pytest.fixture
def app(without_mnist: None, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The dashboard on a machine without the full MNIST; a test opens its page."""
    monkeypatch.setattr("ui.loaders.find_mnist", lambda: None)
    return AppTest.from_file("../../dashboard.py", default_timeout=120)
