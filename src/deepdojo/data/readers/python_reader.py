"""The hatch for rows that must be composed: a file beside project.toml with `read(files, **options)`. It is code: by
consent."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from deepdojo.data.readers import RawRow
from deepdojo.errors import ConsentError, DojoError, ProjectError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]


def read(files: Files, file: str, /, *, trusted: bool, **options: Any) -> Iterator[RawRow]:
    """Rows that `read(files, **options)` of a Python file yields: mappings of cells, or `RawRow`.

    Raises:
        ConsentError: nobody has agreed that this code may run.
        ProjectError: the file has no `read`, or it fails or yields something else.
    """
    if not trusted:
        raise ConsentError(
            f"the reader {file} is Python code that would run here", where=file, todo="read it, then give --trust"
        )
    path = files.path(file)
    name = f"_deepdojo_reader_{sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProjectError("is no Python file", where=file, todo="name it with the ending .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except DojoError:
        raise
    except Exception as error:
        raise ProjectError(f"fails when it is loaded ({type(error).__name__}: {error})", where=file) from error
    function = getattr(module, "read", None)
    if not callable(function):
        raise ProjectError("defines no function read(files, **options)", where=file)
    try:
        inspect.signature(function).bind(files, **options)
    except TypeError as error:
        raise ProjectError(f"its read() does not take these options ({error})", where=file) from None
    yield from _rows(function, files, file, options)


def _rows(function: Any, files: Files, file: str, options: dict[str, Any]) -> Iterator[RawRow]:
    try:
        for number, item in enumerate(function(files, **options), 1):
            if isinstance(item, RawRow):
                yield item
            elif isinstance(item, dict):
                yield RawRow(item, file, number)
            else:
                raise ProjectError(f"row {number} is a {type(item).__name__}, expected a dict of cells", where=file)
    except DojoError:
        raise
    except Exception as error:
        raise ProjectError(f"its read() fails ({type(error).__name__}: {error})", where=file) from error
