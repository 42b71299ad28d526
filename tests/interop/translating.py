"""A task that reads a text and writes another, as small as can be: what a model of two halves is called with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from deepdojo.generation.beam_search import beam_search

WORDS = 12
BEGIN, END = 1, 2


class Copying:
    """Texts of digits, written again with beam search."""

    ragged = frozenset({"source"})
    length = "source"
    beside = ()
    shares = False
    beams = 3

    def encode(self, row: dict[str, Any], *, learn: bool) -> Any:
        yield {"source": np.array(row["source"], dtype=np.int64)}

    def encode_many(self, rows: Any, *, learn: bool) -> Any:
        for row in rows:
            yield list(self.encode(row, learn=learn))

    def prepare(self, batch: Any) -> Any:
        return batch

    def predict(self, model: Any, batch: Any) -> list[list[int]]:
        prompt = torch.full((len(batch["source"]), 1), BEGIN)
        written, _ = beam_search(
            model, prompt, 9, beams=self.beams, stop=(END,), source=batch["source"], source_keep=batch["source_keep"]
        )
        return [row[0].tolist() for row in written]


def texts(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [{"id": str(i), "source": rng.integers(3, WORDS, int(rng.integers(2, 9))).tolist()} for i in range(n)]
