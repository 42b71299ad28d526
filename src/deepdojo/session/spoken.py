"""What a report lets one hear of speech synthesis: held-out sentences as they were said and as the network says them,
and when it says each sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from deepdojo.session.example_sounds import shown_sound
from deepdojo.tables import media_bytes
from deepdojo.tasks.base import Row, Task
from deepdojo.training.predictor import evaluating, parts_of
from deepdojo.training.store import Store

__all__ = ["spoken_of"]

WORST, TYPICAL, BEST = 3, 3, 2
LONGEST_TEXT = 400


def spoken_of(
    task: Task,
    model: nn.Module,
    rows: Sequence[Row],
    truth: Mapping[str, Mapping[str, Any]],
    cells: Mapping[str, Mapping[str, Any]],
    losses: Mapping[str, float],
    *,
    device: torch.device | str,
    where: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Three rows of the greatest loss, three in the middle and the two of the least: id, kind "spoken", why, where,
    loss, text, `true` and `said` (as `shown_sound` gives them), timing ([sign, seconds] each, as the network shared
    them).

    Args:
        truth, cells, losses: by id, of the rows that were predicted.
    """
    known = [row for row in rows if row["id"] in cells and row["id"] in truth]
    order = np.argsort([-losses[row["id"]] for row in known], kind="stable").tolist()
    middle = max(0, len(order) // 2 - TYPICAL // 2)
    why = dict.fromkeys(order[:WORST], "far")
    for name, places in (("middle", order[middle : middle + TYPICAL]), ("near", order[-BEST:])):
        for i in places:
            why.setdefault(i, name)
    chosen = [known[i] for i in why]
    store = Store.pack(task, chosen, learn=False)
    with evaluating(model):
        parts = dict(parts_of(task, model, store, device))
    target, answer = task.contract.target, task.contract.answer
    return [
        {
            "id": row["id"], "kind": "spoken", "why": [reason], "where": where(row["id"]), "loss": losses[row["id"]],
            "text": str(row[task.contract.input])[:LONGEST_TEXT],
            "true": shown_sound(media_bytes(truth[row["id"]][target])),
            "said": shown_sound(media_bytes(cells[row["id"]][answer])),
            "timing": [[sign, round(seconds, 4)] for sign, seconds in task.timing(row, parts[k])],
        }
        for k, (row, reason) in enumerate(zip(chosen, why.values(), strict=True))
    ]  # fmt: skip
