"""Files of strangers: checkpoints, evaluations, runs, drawings, pictures. A sentence at most."""

import contextlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from bnnlib.drawing.photo import read_photo
from bnnlib.drawing.unipen import read_unipen
from bnnlib.errors import BnnlibError
from bnnlib.evaluation.pruning import load_curve
from bnnlib.networks import BayesianConfig, BayesianNetwork
from bnnlib.networks.sampling import sample_probs
from bnnlib.runs.archive import import_run
from bnnlib.runs.config import RunConfig
from bnnlib.storage.checkpoints import list_checkpoints, load_checkpoint, save_checkpoint
from bnnlib.storage.evaluations import load_results
from bnnlib.training.presets import preset
from tests.fuzz.strategies import (
    anything,
    changed_bytes,
    changed_json,
    changed_text,
    json_or_torn,
    picture,
    texts,
)

UNIPEN = """.VERSION 1.0
.SEGMENT CHARACTER 1 GOOD "7"
.PEN_DOWN
 10 20
 30 20
 18 60
.PEN_UP
.SEGMENT CHARACTER 2 GOOD "a"
.PEN_DOWN
 5 5
.PEN_UP
"""
PICTURES = {
    f"{kind} {mode}": picture(kind, mode)
    for kind, mode in (
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("TIFF", "F"),
        ("TIFF", "I;16"),
        ("WEBP", "RGB"),
    )
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint that nothing has happened to."""
    network = BayesianNetwork(
        BayesianConfig(hidden=(3,), initial_factors=(0.5,)), torch.Generator().manual_seed(0)
    )
    folder = tmp_path_factory.mktemp("whole") / "one"
    return save_checkpoint(folder, network, {"seed": 0, "source": "embedded", "history": []})


def copied(whole: Path, where: Path) -> Path:
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(whole, where)
    return where


def loads_or_says_why(folder: Path) -> None:
    """The checkpoint answers, or loading it gives a sentence; listing it never fails."""
    list_checkpoints(folder.parent)
    try:
        network = load_checkpoint(folder)
    except BnnlibError:
        return
    assert sample_probs(network, torch.zeros(2, 28, 28), 2, 0).shape == (2, 2, 10)


@given(data=st.data())
def test_the_card_of_a_checkpoint(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    card = json.loads((whole / "card.json").read_text())
    folder = copied(whole, tmp_path / "copy")
    (folder / "card.json").write_text(data.draw(json_or_torn(card)), errors="replace")
    loads_or_says_why(folder)


@given(data=st.data())
def test_the_weights_of_a_checkpoint(whole: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = (whole / "weights.safetensors").read_bytes()
    folder = copied(whole, tmp_path / "copy")
    # The header is where the sizes are.
    changed = changed_bytes(content[:400]).map(lambda head: head + content[400:])
    (folder / "weights.safetensors").write_bytes(data.draw(changed | changed_bytes(content)))
    loads_or_says_why(folder)


@given(content=json_or_torn({"weights": "0", "costs": [{"share": 0, "error": 0.1}], "images": 1}))
def test_the_pruning_curve_of_a_checkpoint(whole: Path, tmp_path: Path, content: str) -> None:
    folder = copied(whole, tmp_path / "copy")
    (folder / "pruning.json").write_text(content, errors="replace")
    assert load_curve(folder) is None


@given(content=st.binary(max_size=200) | changed_bytes(b"\x08\0\0\0\0\0\0\0{}      "))
def test_the_evaluation_of_a_checkpoint(whole: Path, tmp_path: Path, content: bytes) -> None:
    folder = copied(whole, tmp_path / "copy")
    (folder / "evaluation.safetensors").write_bytes(content)
    with contextlib.suppress(BnnlibError):
        load_results(folder)


def config() -> dict:
    network, training = preset("bayesian", "quick")
    return RunConfig(network, training, "quick").to_json()


@given(fields=changed_json(config()) | anything)
def test_the_config_of_a_run(fields: object) -> None:
    with contextlib.suppress(BnnlibError):
        assert RunConfig.from_json(fields, "config.json").training.epochs > 0


def run_zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


MEMBERS = {
    "config.json": json.dumps(config()).encode(),
    "history.jsonl": b'{"epoch": 1}\n',
    "log.txt": b"one\n",
    "state.safetensors": b"\x08\0\0\0\0\0\0\0{}      ",
}
names = st.sampled_from([*MEMBERS, "../evil", "/tmp/evil", "a/b", "config.json/x", ".."]) | texts


@given(
    content=changed_bytes(run_zip(MEMBERS))
    | st.dictionaries(
        names.map(lambda name: name.split("\x00")[0]).filter(bool),
        st.binary(max_size=50),
        max_size=5,
    ).map(run_zip)
)
def test_the_zip_of_a_run_leaves_nothing_outside(tmp_path: Path, content: bytes) -> None:
    runs = tmp_path / "outer" / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BnnlibError):
        import_run(io.BytesIO(content), runs / "imported")
    left = [path for path in (tmp_path / "outer").rglob("*") if path.is_file()]
    assert [path.name for path in left if not path.name.endswith(".lock")] == []
    assert not Path("/tmp/evil").exists()


@given(text=changed_text(UNIPEN) | texts)
@example('.SEGMENT CHARACTER 1 GOOD "7"\n.PEN_DOWN\n 1e999 nan\n')
def test_a_unipen_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pen.txt"
    file.write_text(text, errors="replace")
    with contextlib.suppress(BnnlibError):
        for label, strokes in read_unipen(file):
            assert label
            assert all(np.isfinite(stroke).all() for stroke in strokes)


@given(data=st.data(), kind=st.sampled_from(sorted(PICTURES)))
def test_a_picture(data: st.DataObject, kind: str) -> None:
    content = data.draw(changed_bytes(PICTURES[kind]) | st.binary(max_size=100))
    try:
        steps = read_photo(content, name="The picture")
    except BnnlibError:
        return
    assert steps.image.shape == (28, 28)
    assert torch.isfinite(steps.image).all()
    assert float(steps.image.min()) >= 0
    assert float(steps.image.max()) <= 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"initial_scale": None}, "no initial_scale"),
        ({"initial_scale": 0.0}, "initial_scale is 0.0"),
        ({"hidden": 3}, "describes no network"),
        ({"minimum_scale": [0.0]}, "minimum_scale"),
    ],
)
def test_cards_that_were_found(whole: Path, tmp_path: Path, changes: dict, said: str) -> None:
    folder = copied(whole, tmp_path / "copy")
    card = json.loads((folder / "card.json").read_text())
    card["architecture"] |= changes
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BnnlibError, match=said):
        load_checkpoint(folder)


def test_finite_weights_with_infinite_answers_are_refused(tmp_path: Path) -> None:
    network = BayesianNetwork(BayesianConfig(hidden=(3,), initial_factors=(0.5,)))
    network.layers[0].raw_scale.data[:] = 6e4
    folder = save_checkpoint(tmp_path / "wide", network, {})
    with pytest.raises(BnnlibError, match="answers that are not finite"):
        load_checkpoint(folder)


def test_a_config_whose_training_is_text_is_refused() -> None:
    with pytest.raises(BnnlibError, match="lacks or garbles a setting"):
        RunConfig.from_json({**config(), "training": "0"}, "config.json")
