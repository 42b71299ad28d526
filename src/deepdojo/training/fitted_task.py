"""A task fitted to rows; of many rows the result is kept in the cache, as its fitting takes a walk over them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepdojo.data.codecs.learning_share import current_share
from deepdojo.data.rowset import Rows
from deepdojo.packs import code_digest, find_pack, key_of, packing
from deepdojo.swaps import features_taken
from deepdojo.tasks import restore_task
from deepdojo.tasks.base import Row, Task

__all__ = ["fitted_task"]


def fitted_task(task_class: type[Task], rows: Sequence[Row], options: Mapping[str, Any]) -> Task:
    """`task_class.fit(rows, **options)`; of rows that lie in the cache its result lies there too."""
    identity = rows.identity() if isinstance(rows, Rows) else None
    if identity is None or features_taken():
        return task_class.fit(rows, **options)
    share = current_share()
    facts: dict[str, Any] = {
        "rows": identity,
        "task": task_class.name,
        "options": dict(options),
        "code": code_digest("data", "tasks"),
    }
    if share is not None and share.characters is not None:
        facts["characters"] = share.characters
    name = f"task-{key_of(facts)[:32]}"
    pack = find_pack(name)
    if pack is None and share is not None and share.seconds is not None:
        return task_class.fit(rows, **options)  # how much it learns from is not known before, and so no name for it
    if pack is None:
        with packing(name) as work:
            pack = find_pack(name) or work.finish(task_class.fit(rows, **options).state())
    return restore_task(pack.meta)
