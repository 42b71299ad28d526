"""What `dojo serve` runs beside its pages: workers that lease jobs, score in a child process, and write boards.

`loop.Worker` is the loop, `scoring` the child's program, which loads no database. No HTTP, no accounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdojo.competition.worker.loop import Worker

__all__ = ["Worker"]


def __getattr__(name: str) -> Any:
    if name == "Worker":
        from deepdojo.competition.worker.loop import Worker

        return Worker
    raise AttributeError(name)
