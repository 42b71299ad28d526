"""Leaderboards: entries, ranks, storage. Torch-free; never a task, a model or a training.

`deepdojo.competition.board` keeps the local board beside the runs.
`deepdojo.competition.ladder` keeps the public board of a hosted competition from being probed.
"""

from __future__ import annotations

__all__: list[str] = []
