"""JSON as it comes from outside, without what no file of ours could hold."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["load_json"]

_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def load_json(text: str) -> Any:
    r"""The value of a JSON text; halves of surrogate pairs ("\ud83d" alone), which no UTF-8 can say, as U+FFFD.

    Raises: json.JSONDecodeError, RecursionError.
    """
    value = json.loads(text)
    return _whole(value) if _ESCAPED.search(text) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    return value
