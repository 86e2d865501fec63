"""Input that a stranger may send: text, JSON, and valid input with something changed in it."""

import copy
import io
import json
import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

numbers = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([0, -1, 1e300, -1e300, math.inf, -math.inf, math.nan, 2**31, True, False])
)
texts = st.text(max_size=60) | st.sampled_from(
    [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "\x00",
        "٣",
        "1e999",
        "nan",
        "<script>",
        "a" * 5_000,
        "%00",
    ]
)
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=15,
)


def _places(value: Any, path: tuple = ()) -> list[tuple]:
    """The paths to everything inside a JSON value."""
    inside = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [
        place for name, one in inside for place in [(*path, name), *_places(one, (*path, name))]
    ]


@st.composite
def changed_json(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value in which up to three things were replaced, removed or doubled."""
    made = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(made)
        if not places:
            return draw(anything)
        *path, name = draw(st.sampled_from(places))
        at = made
        for step in path:
            at = at[step]
        how = draw(st.sampled_from(["replace", "remove", "double"]))
        if how == "replace":
            at[name] = draw(anything)
        elif how == "remove":
            del at[name]
        elif isinstance(at, list):
            at.insert(name, copy.deepcopy(at[name]))
        else:
            at[f"{name} "] = copy.deepcopy(at[name])
    return made


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes in which a few were changed, or which were cut, doubled or torn out somewhere."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not made:
            break
        at = draw(st.integers(0, len(made) - 1))
        how = draw(st.sampled_from(["set", "cut", "insert", "remove"]))
        if how == "set":
            made[at] = draw(st.integers(0, 255))
        elif how == "cut":
            del made[at:]
        elif how == "insert":
            made[at:at] = draw(st.binary(max_size=20))
        else:
            del made[at : at + draw(st.integers(1, 200))]
    return bytes(made)


def changed_text(text: str) -> st.SearchStrategy[str]:
    """Text, changed as bytes are."""
    return changed_bytes(text.encode()).map(lambda raw: raw.decode(errors="replace"))


def json_or_torn(value: Any) -> st.SearchStrategy[str]:
    """The text of a JSON file: valid with changes inside, or torn."""
    whole = json.dumps(value)
    return changed_json(value).map(json.dumps) | changed_text(whole) | texts


def picture(kind: str, mode: str = "RGB") -> bytes:
    """A small picture file of that format."""
    pixels = np.full((40, 50, 3), 255, np.uint8)
    pixels[8:32, 22:27] = 20
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, kind)
    return out.getvalue()
