"""What batches of like length and the decoder's cache are worth on Multi30k, German to English.

    DEEPDOJO_DATA=... python benchmarks/translation.py RUN [RUN ...]

RUN is a finished run of multi30k-de-en: its task, its model, its recipe. Both comparisons are made in one process, on
one thread, in CPU seconds, medians of interleaved segments:

- target tokens a second in training (forward, backward, AdamW): batches by tokens (`train.batch_tokens`), batches of
  like length by examples (`lengths = "alike"`), and batches drawn at random and padded, of as many examples;
- beam search of the first 100 test sentences, four beams: with what the decoder keeps of the source and of the words so
  far, and reading all of it anew for each word. The sentences must be the same.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

import deepdojo as dd
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project
from deepdojo.recipes import Recipe, TrainSection
from deepdojo.tasks.base import Task
from deepdojo.training.optimizers import build_optimizer
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store

SEGMENTS, STEPS, SENTENCES, SEARCHES = 7, 6, 100, 3


class Uncached(nn.Module):
    """The model without a memory of what it has decoded: each word reads source and words so far anew."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def encode(self, source: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.model.encode(source, keep)  # type: ignore[operator]

    def decode(self, target: Tensor, memory: Tensor, keep: Tensor | None = None, cache: Any = None) -> Tensor:
        return self.model.decode(target, memory, keep)  # type: ignore[operator]

    def new_cache(self) -> None:
        return None


def training(task: Task, model: nn.Module, rows: Sequence[dict[str, Any]], train: TrainSection) -> None:
    """Prints target tokens a CPU second of three kinds of batches."""
    assert train.batch_tokens is not None
    store = Store.pack(task, rows, learn=True)
    draws = torch.Generator().manual_seed(0)
    store.tokens = train.batch_tokens
    by_tokens = store.batches(1, generator=draws)
    store.tokens = None
    size = round(len(store) / len(by_tokens))
    alike = store.batches(size, generator=draws)
    kinds = {
        f"batches of {train.batch_tokens:,} tokens": by_tokens,
        f"{size} examples of like length": alike,
        f"{size} random examples, padded": list(torch.randperm(len(store), generator=draws).split(size)),
    }
    optimizer = build_optimizer(model, train, torch.device("cpu"))
    speeds: dict[str, list[float]] = {name: [] for name in kinds}
    for segment in range(SEGMENTS + 1):
        for name, batches in kinds.items():
            tokens, began = 0, time.process_time()
            for index in batches[segment * STEPS : (segment + 1) * STEPS]:
                total, weight = task.loss(model, store.cut(index))
                (total.sum() / weight.sum()).backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                tokens += int(weight.sum())
            if segment:  # the first one warms up
                speeds[name].append(tokens / (time.process_time() - began))
    least = statistics.median(list(speeds.values())[-1])
    for name, found in speeds.items():
        speed = statistics.median(found)
        print(f"  {name:<34}{speed:8,.0f} target tokens/s  {speed / least:5.2f} x")


def searching(task: Task, model: nn.Module, rows: Sequence[dict[str, Any]]) -> None:
    """Prints CPU seconds of beam search with and without the cache, and whether the sentences are the same."""
    model.eval()
    ways = {"with the cache": model, "without": Uncached(model).eval()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    written: dict[str, list[str]] = {}
    for _ in range(SEARCHES):
        for name, way in ways.items():
            began = time.process_time()
            found = predict_rows(task, way, rows)
            seconds[name].append(time.process_time() - began)
            written[name] = [row["target"] for row in found]
    same = sum(a == b for a, b in zip(*written.values(), strict=True))
    fast, slow = (statistics.median(found) for found in seconds.values())
    print(f"  beam search with the cache {fast:.2f} s, without {slow:.2f} s: {slow / fast:.1f} x")
    print(f"  the same sentence: {same} of {len(rows)}")


def main(names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    data = load_dataset(find_project("multi30k-de-en"), offline=True)
    rows = list(data.rows("train"))
    for name in names:
        run = dd.load(name).run
        task, model = run.task(), run.model()
        recipe = Recipe.model_validate({k: run.info[k] for k in ("model", "train")})
        count = sum(parameter.numel() for parameter in model.parameters())
        print(f"{recipe.model.name}, {count:,} parameters")
        searching(task, model, list(data.rows("test"))[:SENTENCES])
        training(task, model.train(), rows, recipe.train)


if __name__ == "__main__":
    main(sys.argv[1:])
