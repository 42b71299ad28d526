"""The text of a new project.toml: every key with the reason for its value behind it."""

from __future__ import annotations

import re
from typing import Any

from deepdojo.data.infer.inferred import Inferred

__all__ = ["project_text"]


def project_text(spec: dict[str, Any], source: dict[str, Any], inferred: Inferred) -> str:
    """The file's text: every key with the reason for its value behind it."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Written by `dojo new`. Change what is wrong here, then look with `dojo check`."))
    for key in ("name", "task", "metric"):
        document.add(key, _item(spec[key], inferred.comments.get(key)))
    tables = {"source": source}
    tables |= {key: spec[key] for key in ("data", "columns", "labels", "split") if spec.get(key)}
    for key, values in tables.items():
        document.add(tomlkit.nl())
        document.add(key, _table(key, values, inferred.comments))
    return tomlkit.dumps(document)


def _table(name: str, values: dict[str, Any], comments: dict[str, str]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in values.items():
        if isinstance(value, dict) and name in ("data", "source"):
            table.add(key, _table(f"{name}.{key}", value, comments))
        else:
            table.add(key, _item(value, comments.get(f"{name}.{key}")))
    return table


def _item(value: Any, comment: str | None) -> Any:
    import tomlkit

    item: Any
    if isinstance(value, dict):
        item = tomlkit.inline_table()
        item.update(value)
    elif isinstance(value, str) and "\\" in value and "'" not in value and "\n" not in value:
        item = tomlkit.string(value, literal=True)  # a pattern reads better without doubled backslashes
    else:
        item = tomlkit.item(value)
    if comment:
        # A name of a column may hold anything; a comment ends at the line.
        item.comment(re.sub(r"[\x00-\x1f\x7f]+", " ", comment))
    return item
