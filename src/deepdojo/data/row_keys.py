"""What a row is known by: equal inputs have equal keys, whatever their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepdojo.contracts import Contract
from deepdojo.data.files import Files, Media
from deepdojo.data.gallery import Gallery

__all__ = ["input_key"]


def input_key(row: Mapping[str, Any], contract: Contract, files: Files) -> str:
    """SHA-256 over a row's inputs: equal inputs have equal keys. Pictures are compared by the bytes of their files."""
    total = hashlib.sha256()
    for role in contract.reads:
        cell = row[role]
        if isinstance(cell, np.ndarray | Media):
            total.update(_content(cell, files))
        elif isinstance(cell, Gallery):
            for name, picture in cell:
                total.update(f"{name}\0".encode("utf-8", "surrogatepass"))
                total.update(_content(picture, files))
        elif isinstance(cell, Mapping):
            text = "\x1f".join([f"{name}\x1e{value}" for name, value in cell.items()])
            total.update(text.encode("utf-8", "surrogatepass"))
        else:
            total.update(str(cell).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _content(cell: Any, files: Files) -> bytes:
    """What a picture or an array is known by."""
    if isinstance(cell, np.ndarray):
        return f"{cell.shape}\0".encode() + np.ascontiguousarray(cell).tobytes()
    return (files.sha256(cell.name) if files.has(cell.name) else hashlib.sha256(cell.read()).hexdigest()).encode()
