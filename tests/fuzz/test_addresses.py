"""The addresses of the pages: whatever one holds, the page's state is one that it knows."""

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from bnnlib.metrics import WORDS
from tests.fuzz.strategies import changed_text, numbers, texts
from ui.address import whole_number
from ui.evaluate import state as evaluate
from ui.method import state as method
from ui.method import toy_state
from ui.posterior import state as posterior
from ui.stage import mode
from ui.train import state as train
from ui.uncertain import state as uncertain

NETWORKS = ["bayesian", "dropout"]
NAMES = (
    *uncertain.PARAMETERS,
    *evaluate.KNOWN,
    *train.KNOWN,
    *posterior.NAMES,
    *method.PARAMETERS,
    *method.ELSEWHERE,
)
LONG = "0" * 9 + "9" * 5_000  # Python refuses to read so many digits
given_values = (
    texts
    | numbers.map(str)
    | changed_text("1.2_-0.5.0.3")
    | st.sampled_from([*NETWORKS, *WORDS, "0", "1", "3", "98", "0.1", "any", "true", LONG])
)
addresses = st.dictionaries(st.sampled_from(NAMES) | texts, given_values, max_size=8)


def read(module: Any, address: dict[str, str], *more: Any) -> tuple[dict[str, Any], str | None]:
    """What the session holds after the page has read the address, and the sentence about it."""
    session: dict[str, Any] = {"arrived": True}
    streamlit = SimpleNamespace(
        session_state=session, query_params=SimpleNamespace(to_dict=lambda: dict(address))
    )
    with ExitStack() as stack:
        for name in ("ui.address", "ui.loaders", "ui.method.toy_state", module.__name__):
            stack.enter_context(patch(f"{name}.st", streamlit))
        if hasattr(module, "checkpoint_names"):
            stack.enter_context(patch.object(module, "checkpoint_names", lambda: NETWORKS))
        sentence = module.read_address(*more)
    assert sentence is None or sentence.startswith("Part of the address was not understood")
    assert sentence is None or len(sentence) < 2_000
    return session, sentence


@given(address=addresses)
def test_uncertain_digits(address: dict[str, str]) -> None:
    session, _ = read(uncertain, address)
    for name, (_, known) in uncertain.PARAMETERS.items():
        value = session[uncertain.key(name)]
        assert value in known if known else value >= 1


@given(address=addresses)
def test_train(address: dict[str, str]) -> None:
    session, _ = read(train, address, ["quick", "default"])
    assert session[train.TAB] in train.TABS.values()
    assert session[train.KIND] in train.KINDS
    assert session[train.PRESET] in ("quick", "default")
    assert session.get(train.IMAGES, 0) >= 0
    assert session.get(train.EPOCH, 0) >= 0


@given(address=addresses)
def test_evaluate(address: dict[str, str]) -> None:
    session, _ = read(evaluate, address)
    assert set(session[evaluate.NETWORKS]) <= set(NETWORKS)
    assert 0 <= session[evaluate.REFUSED] <= evaluate.LIMIT
    assert session[evaluate.RANKING] in WORDS
    assert session[evaluate.DIGIT] in range(10)


@given(address=addresses)
@example(address={"seed": LONG, "unit": LONG})
def test_posterior(address: dict[str, str]) -> None:
    session, _ = read(posterior, address)
    assert session[posterior.NETWORK] in NETWORKS
    assert 0 <= session[posterior.SHARE] < 1
    assert 0 <= session[posterior.SEED] <= posterior.LARGEST
    assert 0 <= session[posterior.UNIT] <= posterior.LARGEST


@given(address=addresses)
def test_method(address: dict[str, str]) -> None:
    session, _ = read(method, address)
    for name, parameter in method.PARAMETERS.items():
        value = session[method.key(name)]
        assert value in parameter.values if parameter.values else 0 <= value <= method.LARGEST
    points = session[toy_state.NAME].points
    assert len(points) <= toy_state.MOST


@given(address=st.dictionaries(st.sampled_from(["stage", "idle", "tour"]) | texts, given_values))
def test_the_part_that_all_pages_share(address: dict[str, str]) -> None:
    session: dict[str, Any] = {}
    with patch("ui.address.st", SimpleNamespace(session_state=session)):
        wrong = mode.read_stage(address)
        shared = mode.shared_parameters()
    assert all(len(one) < 200 for one in wrong)
    assert set(shared) <= {"stage", "idle"}
    assert mode.LEAST_IDLE <= int(shared.get("idle", mode.USUAL_IDLE)) <= mode.MOST_IDLE


@given(text=texts | numbers.map(str) | st.just(LONG))
@example(text="")
@example(text="007")
@example(text="²")
@example(text="٣")
def test_a_whole_number(text: str) -> None:
    found = whole_number(text, 1, 250)
    assert found is None or (1 <= found <= 250 and int(text) == found)
