"""One cell of a prediction table from its raw form: the text of a CSV, a value of JSON or of Parquet."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from deepdojo.boxes import parse_boxes
from deepdojo.contracts import MEDIA

__all__ = ["cell_of", "no_doubles"]


def cell_of(raw: Any, kind: str) -> Any:
    """One cell from its raw form. Raises ValueError with the fault."""
    if kind == "id":
        cell = _string(raw)
        if cell is None or not cell.strip():
            raise ValueError("the id is missing")
        return cell
    if kind == "text":
        return _string(raw)
    if kind == "tokens" and isinstance(raw, str):
        return raw.split(" ") if raw else []
    if raw is None or (isinstance(raw, str) and not raw):
        return None
    if kind == "number":
        return _number(raw)
    if kind in ("distribution", "marginals", "record"):
        return _object(raw, kind)
    if kind in ("tokens", "texts", "labels", "vector", "matrix"):
        return _list(raw, kind)
    if kind == "boxes":
        return parse_boxes(raw)
    if kind in MEDIA and isinstance(raw, bytes | dict):
        return _file(raw)
    return _string(raw)


def _string(raw: Any) -> str | None:
    """Ids and labels are strings: 3, 3.0 and "3" are one label, as for a person (pandas turns columns to float)."""
    if raw is None or isinstance(raw, str):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))
    if isinstance(raw, bytes | list | dict):
        raise ValueError(f"{str(raw)[:60]!r} is not text")
    return str(raw)


def _file(raw: Any) -> bytes:
    """A picture or a sound from its bytes, or from a struct of path and bytes, as the Hugging Face hub stores them."""
    found = raw.get("bytes") if isinstance(raw, dict) else raw
    if not isinstance(found, bytes):
        raise ValueError(f"{str(raw)[:60]!r} holds no bytes")
    return found


def _number(raw: Any) -> float:
    try:
        if isinstance(raw, str):
            text = raw.strip()
            if "_" in text or not text.isascii():  # float("1_0") is 10, and float takes digits of every script
                raise ValueError
            return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
        if isinstance(raw, bool):
            raise ValueError
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(raw)[:60]!r} is not a number") from None


def _object(raw: Any, kind: str) -> dict[str, Any]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw, object_pairs_hook=no_doubles)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not a JSON object ({error})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{str(raw)[:60]!r} is not an object")
    if kind == "record":
        return raw
    # A struct column (pandas, polars) holds null for the labels that a row does not name.
    return {str(key): _number(value) for key, value in raw.items() if value is not None}


def _list(raw: Any, kind: str) -> Any:
    """Lists of texts as they are, numbers as float64."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is not a JSON list ({error})") from error
    if not isinstance(raw, list | tuple):
        raise ValueError(f"{str(raw)[:60]!r} is not a list")
    if kind in ("tokens", "texts", "labels"):
        if not all(isinstance(part, str) for part in raw):
            raise ValueError(f"{str(raw)[:60]!r} is no list of texts")
        return list(raw)
    try:
        return np.array([[_number(x) for x in row] if kind == "matrix" else _number(row) for row in raw])
    except (TypeError, ValueError):
        raise ValueError(f"{str(raw)[:60]!r} is no {kind} of numbers") from None


def no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What JSON objects become. Raises ValueError for a key that stands twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
