"""A nested state (dicts, lists, numbers, text, tensors) in one safetensors file.

It is no pickle, so reading executes nothing.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from bnnlib.errors import BnnlibError
from bnnlib.storage.files import write_whole

# Marks in the JSON: the name of a tensor; a dict with keys that are not text, as pairs.
TENSOR, PAIRS = "$tensor", "$pairs"


def write_state(where: Path, state: dict[str, Any]) -> None:
    """Write `state` to `where`, as a whole or not at all.

    Raises OSError, and TypeError for values of other types.
    """
    tensors: dict[str, Tensor] = {}
    header = {key: json.dumps(_encode(value, key, tensors)) for key, value in state.items()}
    # Not save_file: its temporary file stays when the process is killed.
    content = save(tensors, metadata=header)
    write_whole(where, lambda path: path.write_bytes(content), durable=True)


def read_state(where: Path, *keys: str) -> dict[str, Any]:
    """The state in `where`, or only its top-level `keys`; the rest is not read then.

    Raises BnnlibError if it is missing or damaged.
    """
    try:
        with safe_open(str(where), "pt") as file:
            header = file.metadata() or {}
            return {key: _decode(json.loads(header[key]), file) for key in keys or header}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BnnlibError(
            f"{where} cannot be read ({error}): "
            "it is damaged or of another format, start the run again."
        ) from error


def _encode(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().cpu().contiguous()
        return {TENSOR: path}
    if isinstance(value, dict):
        parts = [(key, _encode(part, f"{path}.{key}", tensors)) for key, part in value.items()]
        return dict(parts) if all(isinstance(key, str) for key in value) else {PAIRS: parts}
    if isinstance(value, list | tuple):
        return [_encode(part, f"{path}.{i}", tensors) for i, part in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"{path} is a {type(value).__name__}: "
        "a state holds dicts, lists, numbers, text and tensors only"
    )


def _decode(value: Any, file: Any) -> Any:
    if isinstance(value, dict):
        if TENSOR in value:
            return torch.clone(file.get_tensor(value[TENSOR]))
        if PAIRS in value:
            return {key: _decode(part, file) for key, part in value[PAIRS]}
        return {key: _decode(part, file) for key, part in value.items()}
    return [_decode(part, file) for part in value] if isinstance(value, list) else value
