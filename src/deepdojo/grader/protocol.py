"""What goes between the grader and the process of a learner's code: JSON for structure, safetensors for tensors.

No pickle: whatever a learner's process sends is data, never code.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

__all__ = ["HEADER", "MAX_BYTES", "Opaque", "ProtocolError", "frame", "pack", "unpack"]

HEADER = struct.Struct(">Q")
MAX_BYTES = 128 << 20
_PLAIN = (str, bool, int, float, type(None))


class ProtocolError(Exception):
    """Bytes that are no message of ours: a learner's process wrote where only we write."""


@dataclass(frozen=True)
class Opaque:
    """Something that cannot be sent: the name of its type stands for it."""

    kind: str


def pack(value: Any) -> bytes:
    """Any nesting of lists, tuples, dicts, strings, bytes, numbers and tensors; other things become `Opaque`."""
    tensors: list[Tensor] = []
    tree = json.dumps(_encode(value, tensors)).encode()
    body = save({str(i): t for i, t in enumerate(tensors)})
    return HEADER.pack(len(tree)) + tree + body


def unpack(data: bytes) -> Any:
    """The inverse of `pack`. Raises ProtocolError on anything else."""
    try:
        size = HEADER.unpack_from(data)[0]
        tree = json.loads(data[HEADER.size : HEADER.size + size])
        return _decode(tree, load(data[HEADER.size + size :]))
    except (ValueError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise ProtocolError(str(error)[:200]) from None
    except Exception as error:  # safetensors has an exception of its own, which is no ValueError
        raise ProtocolError(type(error).__name__) from None


def frame(data: bytes) -> bytes:
    """`data` behind its length."""
    return HEADER.pack(len(data)) + data


def _encode(value: Any, tensors: list[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return _encode_tensor(value, tensors)
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if type(value) in _PLAIN:
        return value if not isinstance(value, int) or abs(value) < 1 << 200 else {"opaque": "int"}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, (list, tuple)):
        return {"list" if isinstance(value, list) else "tuple": [_encode(v, tensors) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(k, tensors), _encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, np.ndarray):
        return {"opaque": "numpy.ndarray"}
    return {"opaque": value.kind if isinstance(value, Opaque) else type(value).__name__}


def _encode_tensor(value: Tensor, tensors: list[Tensor]) -> Any:
    value = value.detach()
    if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
        return {"opaque": f"Tensor ({value.layout}, {value.device})"}
    kind = "tensor"
    if value.is_complex():
        value, kind = torch.view_as_real(value.resolve_conj()), "complex"
    if value.numel() * value.element_size() > MAX_BYTES // 4:
        return {"opaque": f"Tensor of shape {tuple(value.shape)}"}
    tensors.append(value.resolve_neg().contiguous().clone())
    return {kind: len(tensors) - 1}


def _decode(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise ProtocolError("a bare list")
        return tree
    [(kind, inner)] = tree.items()
    if kind == "tensor":
        return tensors[str(inner)]
    if kind == "complex":
        return torch.view_as_complex(tensors[str(inner)])
    if kind == "bytes":
        return base64.b64decode(inner)
    if kind in ("list", "tuple"):
        items = [_decode(v, tensors) for v in inner]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {_decode(k, tensors): _decode(v, tensors) for k, v in inner}
    if kind == "opaque":
        return Opaque(str(inner))
    raise ProtocolError(f"unknown kind {kind!r}")
