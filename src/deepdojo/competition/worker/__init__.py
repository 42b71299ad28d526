"""What `dojo serve` runs beside its pages: workers that lease jobs, score in a child process, and write boards.

`Worker` is the loop, `scoring` the child's program. No HTTP, no accounts.
"""

from __future__ import annotations

from deepdojo.competition.worker.loop import Worker

__all__ = ["Worker"]
