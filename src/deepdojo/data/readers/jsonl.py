"""One JSON object a line. Values stay as JSON gives them; a line that is no object is rejected with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deepdojo.data.encodings import text_lines
from deepdojo.data.json_text import load_json
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}


def read(files: Files, file: str | Sequence[str], *, encoding: str | None = None) -> Iterator[RawRow]:
    """One row a line; empty lines are passed over.

    Args:
        file: a name, a pattern, or a list of them.
        encoding: given, or found.

    Raises:
        DataError: a file that is empty, or a list of objects instead of lines.
    """
    for name in files.expand(file):
        empty = True
        for number, line in enumerate(text_lines(lambda n=name: files.open(n), encoding, where=name), 1):  # type: ignore[misc]
            text = line.strip()
            if not text:
                continue
            if empty and (text == "[" or text.startswith(("[{", "[ {"))):
                raise DataError("is one JSON list, not one object a line", where=name, todo="write one object a line")
            empty = False
            yield _row(text, name, number)
        if empty:
            raise DataError("the file is empty", where=name, todo="export it again")


def _row(text: str, name: str, number: int) -> RawRow:
    try:
        value: Any = load_json(text)
    except (json.JSONDecodeError, RecursionError) as error:
        return RawRow({}, name, number, f"the line is no JSON ({error})"[:160])
    if not isinstance(value, dict):
        return RawRow({}, name, number, f"the line holds no object but {_KINDS[type(value)]}")
    return RawRow({str(k): v for k, v in value.items()}, name, number)
