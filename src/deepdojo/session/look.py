"""What a model will really see: some training rows after encoding, augmentation and batching. `dojo check --look`.

Training and validation rows alone; held-out rows stay closed. Nothing here knows a task: pictures are the task's
`images`, words those of its pieces whose entry `words` names, columns its other pieces.

Legend: B examples in a batch, C channels or classes, Y, X pixels, T tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepdojo.data.dataset import Dataset
from deepdojo.data.rowset import column, counts_of, select
from deepdojo.errors import DataError
from deepdojo.recipes import Recipe
from deepdojo.session.examples import data_uri, readable
from deepdojo.session.listener import Listener
from deepdojo.session.start import Asked
from deepdojo.tasks import load_task
from deepdojo.tasks.base import Batch, Example, Piece, Row, Task
from deepdojo.training.augment import CLASSES, IMAGES, SOUNDS, WORDS, Augment, build_augment, draws
from deepdojo.training.schedules import batch_size
from deepdojo.training.store import Store

__all__ = ["look"]

Json = dict[str, Any]
SHOWN, DRAWS, CELLS = 12, 5, 4
LEARNED = ("train", "validation")
MOST_ROWS = 2000
"""Training rows, drawn with the seed, that lengths, unknown words and padding are measured on."""

MOST_TOKENS = 160


def look(
    project: str | Path,
    recipe: str | None,
    *,
    seed: int = 0,
    offline: bool = False,
    trust: bool = False,
    listener: Listener | None = None,
) -> Json:
    """Plain data for `deepdojo.report.look_page`. Raises a DojoError as `dojo train` would."""
    listener = listener or Listener()
    asked = Asked.of(project, recipe, None, seed, trust)
    dataset = asked.load(listener, offline=offline, yes=False)
    resolved, chosen = asked.resolved(dataset, 1.0)
    task_class = load_task(dataset.project.spec.task)
    build_augment(resolved.train, task_class)  # what does not fit is said before rows are read
    rows = dataset.rows("train")
    listener.stage("look", f"fitting {task_class.name} to {len(rows):,} training rows")
    task = task_class.fit(rows, **resolved.task)
    drawn = np.random.default_rng(seed).permutation(len(rows))[:MOST_ROWS]
    sample, examples = _encoded(task, select(rows, drawn), listener)
    augment = build_augment(resolved.train, task)
    shown = _Shown(task, sample[:SHOWN], examples[:SHOWN], augment, seed)
    return {
        "project": dataset.project.name,
        "title": dataset.project.spec.title or dataset.project.name,
        "task": task.name,
        "recipe": asked.recipe_name,
        "model": resolved.model.name,
        "chosen": chosen,
        "seed": seed,
        "rows": {split: len(dataset.rows(split)) for split in ("train", "validation")},
        "sample": len(sample),
        "augmentation": _changed(resolved),
        "batch": _batch(task, examples, resolved, augment, seed),
        "images": shown.images() if task.images else shown.spectra(),
        "texts": shown.texts() if task.words() else [],
        "words": _words(task, sample, examples, resolved, seed) if task.words() else None,
        "columns": _columns(task, sample, examples) if task.contract.input_kind == "record" else [],
        **_targets(dataset),
    }


def _encoded(task: Task, rows: Sequence[Row], listener: Listener) -> tuple[list[Row], list[list[Example]]]:
    """Rows that can be learned from, and their examples."""
    kept: list[Row] = []
    examples: list[list[Example]] = []
    for number, row in enumerate(rows):
        if number % 64 == 0:
            listener.progress(number, len(rows), "rows")
        try:
            found = list(task.encode(row, learn=True))
        except DataError:
            continue
        if found:
            kept.append(row)
            examples.append(found)
    if not kept:
        raise DataError("none of the training rows drawn can be used", todo="run dojo check")
    return kept, examples


def _changed(recipe: Recipe) -> list[tuple[str, str]]:
    """What the recipe asks augmentation for."""
    asked = {name: getattr(recipe.train, name) for name in (*IMAGES, *SOUNDS, *WORDS, *CLASSES)}
    return [(f"train.{name}", str(value).lower()) for name, value in asked.items() if value]


class _Shown:
    """The rows that the sheet shows, as one batch, before and after augmentation."""

    def __init__(
        self, task: Task, rows: Sequence[Row], examples: Sequence[list[Example]], augment: Augment | None, seed: int
    ) -> None:
        self.task, self.rows, self.examples = task, rows, examples
        self.store = Store.of(task, [windows[0] for windows in examples], range(len(rows)))
        everything = torch.arange(len(rows))
        self.plain = self.store.cut(everything)
        self.drawn: list[Batch] = []
        if augment is not None:
            self.drawn = [augment(self.store.cut(everything), draws(seed, step)) for step in range(DRAWS)]

    def images(self) -> list[Json]:
        """Each row's picture as encoded, and as each draw changes it."""
        name = self.task.images[0]
        return self._pictures([_pixels(self.task, batch, name) for batch in [self.plain, *self.drawn]])

    def spectra(self) -> list[Json]:
        """Each row's spectrum as encoded, and as each draw changes it; nothing of tasks without."""
        if not self.task.spectra:
            return []
        name = self.task.spectra[0]
        most = float(self.plain[name].max()) or 1.0
        return self._pictures([_grey(batch[name], most) for batch in [self.plain, *self.drawn]])

    def _pictures(self, pictures: Sequence[Sequence[np.ndarray]]) -> list[Json]:
        return [
            {
                "id": row["id"],
                "label": self._label(row),
                "pictures": [data_uri(drawn[i]) for drawn in pictures],
                "labels": [self._soft(batch, i) for batch in self.drawn],
            }
            for i, row in enumerate(self.rows)
        ]

    def texts(self) -> list[Json]:
        """Tokens of the first window: known, unknown, or dropped in the first draw; and what lies behind it."""
        words = self.task.words()
        name = next(iter(words))
        found = []
        for i, (row, windows) in enumerate(zip(self.rows, self.examples, strict=True)):
            tokens = []
            for piece in self.task.pieces(row, windows[0]):
                of = next((known for known in words if known in piece.where), name)
                ids = windows[0][of]
                after = np.asarray(self.drawn[0][of][i])[: len(ids)] if self.drawn else ids
                tokens.append({"text": piece.label, "state": _state(piece, of, ids, after, self.task.blank_of(of))})
            found.append(
                {
                    "id": row["id"], "label": self._label(row), "tokens": tokens[:MOST_TOKENS],
                    "more": max(0, len(tokens) - MOST_TOKENS), "windows": [len(window[name]) for window in windows],
                }
            )  # fmt: skip
        return found

    def _label(self, row: Row) -> str:
        contract = self.task.contract
        cell = readable(row[contract.target], contract.target_kind)
        return f"{cell:g}" if isinstance(cell, float) else cell

    def _soft(self, batch: Batch, at: int) -> str:
        """The classes that a draw teaches, where there is more than one."""
        labels = getattr(self.task, "labels", None)
        for name in self.task.classes():
            if batch[name].dtype.is_floating_point and labels is not None:
                shares = batch[name][at]
                top = torch.argsort(shares, descending=True)[:2].tolist()
                return ", ".join(f"{labels.decode(k)} {float(shares[k]):.2f}" for k in top if float(shares[k]) >= 0.005)
        return ""


def _pixels(task: Task, batch: Batch, name: str) -> list[np.ndarray]:
    """uint8 (Y, X) or (Y, X, 3) pictures. What mixing has normalised already is brought back by the two ends of the
    scale."""
    images = _outlined(task, batch, name)
    if images.dtype != torch.uint8:
        ends = [task.prepare({name: torch.full_like(images, value, dtype=torch.uint8)})[name] for value in (0, 255)]
        images = ((images - ends[0]) / (ends[1] - ends[0]) * 255).round_().clamp_(0, 255).to(torch.uint8)
    arrays = images.permute(0, 2, 3, 1).numpy()
    return [array[:, :, 0] if array.shape[2] == 1 else array for array in arrays]


def _outlined(task: Task, batch: Batch, name: str) -> Tensor:
    """The pictures with their boxes drawn into them, where the task has any."""
    images = batch[name]
    for entry in task.boxes:
        images = images.clone()
        for i, (boxes, keep) in enumerate(zip(batch[entry], batch[f"{entry}_keep"], strict=True)):
            for x0, y0, x1, y1 in boxes[keep].round().int().tolist():
                right, low = min(x1, images.shape[3] - 1), min(y1, images.shape[2] - 1)
                images[i, :, y0 : low + 1, [x0, right]] = 255
                images[i, :, [y0, low], x0 : right + 1] = 255
    return images


def _grey(spectra: Tensor, most: float) -> list[np.ndarray]:
    """(B, N, M) as uint8 pictures: time to the right, pitch upwards, the louder the darker."""
    shade = 255 - (spectra.float() / most * 255).round().clamp(0, 255)
    return [np.ascontiguousarray(picture.numpy().astype(np.uint8).T[::-1]) for picture in shade]


def _state(piece: Piece, name: str, ids: np.ndarray, after: np.ndarray, unknown: float) -> str:
    places = np.atleast_1d(np.asarray(piece.where.get(name, []), dtype=np.int64))
    if not len(places) or (ids[places] == unknown).all():
        return "unknown"
    return "dropped" if (after[places] == unknown).all() else "known"


def _batch(
    task: Task, examples: Sequence[list[Example]], recipe: Recipe, augment: Augment | None, seed: int
) -> list[Json]:
    """Name, shape and type of each entry of the first batch, as packed and as the model gets it."""
    flat = [example for windows in examples for example in windows]
    store = Store.of(task, flat, range(len(flat)))
    size, store.tokens = batch_size(recipe.train), recipe.train.batch_tokens
    packed = store.cut(store.batches(size, generator=torch.Generator().manual_seed(seed))[0])
    given = task.prepare(augment(packed, draws(seed, 0)) if augment is not None else packed)
    return [
        {
            "name": name, "shape": list(values.shape), "packed": _type(packed.get(name, values)),
            "given": _type(values), "range": _range(values),
        }
        for name, values in given.items()
    ]  # fmt: skip


def _type(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _range(values: Tensor) -> list[float] | None:
    """[least, mean, greatest] of numbers; None for truth values and nothing."""
    if values.dtype == torch.bool or not values.numel():
        return None
    real = values.double()
    return [float(real.min()), float(real.mean()), float(real.max())]


def _words(task: Task, rows: Sequence[Row], examples: Sequence[list[Example]], recipe: Recipe, seed: int) -> Json:
    """Lengths, windows, unknown words and padding over the sample."""
    name = next(iter(task.words()))
    unknown = task.blank_of(name)
    lengths = np.array([sum(len(window[name]) for window in windows) for windows in examples])
    flat = [example for windows in examples for example in windows]
    store = Store.of(task, flat, range(len(flat)))
    size, store.tokens = batch_size(recipe.train), recipe.train.batch_tokens
    sizes = np.array([len(example[name]) for example in flat])
    batches = [batch.numpy() for batch in store.batches(size, generator=torch.Generator().manual_seed(seed))]
    cells = sum(len(batch) * int(sizes[batch].max()) for batch in batches)
    size = -(-len(flat) // len(batches)) if store.tokens is not None else size
    unsorted = [sizes[k : k + size] for k in range(0, len(sizes), size)]
    return {
        "lengths": {
            q: float(np.quantile(lengths, at)) for q, at in (("least", 0), ("median", 0.5), ("p95", 0.95), ("most", 1))
        },
        "windows": {"most": max(map(len, examples)), "several": sum(len(windows) > 1 for windows in examples)},
        "unknown": float(np.mean(np.concatenate([example[name] for example in flat]) == unknown)),
        "padding": 1 - int(sizes.sum()) / max(1, cells),
        "padding_unsorted": 1 - int(sizes.sum()) / max(1, sum(len(part) * int(part.max()) for part in unsorted)),
        "batch_size": size,
        "longest": int(sizes.max()),
    }


def _columns(task: Task, rows: Sequence[Row], examples: Sequence[list[Example]]) -> list[Json]:
    """For each column some cells as they stand and as the model gets them, and what the encoded ones are like."""
    where = {str(piece.label): piece.where for piece in task.pieces(rows[0], examples[0][0])}
    found = []
    for name in dict.fromkeys(name for row in rows[:100] for name in row[task.contract.input]):
        entries = where.get(name, {})
        cells = [
            {"raw": _raw(row[task.contract.input].get(name)), "encoded": _values(windows[0], entries)}
            for row, windows in zip(rows[:CELLS], examples[:CELLS], strict=True)
        ]
        first = np.array([values[0] for windows in examples if (values := _values(windows[0], entries))])
        kinds = [entry for entry, at in entries.items() if at]
        codes = any(np.issubdtype(np.asarray(examples[0][0][entry]).dtype, np.integer) for entry in kinds)
        measured = len(first) and not codes
        found.append(
            {
                "name": name, "entries": kinds, "cells": cells,
                "mean": float(first.mean()) if measured else None, "sd": float(first.std()) if measured else None,
                "distinct": len(np.unique(first)),
            }
        )  # fmt: skip
    return found


def _raw(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _values(example: Example, entries: Mapping[str, Any]) -> list[float]:
    return [float(value) for entry, at in entries.items() for value in np.atleast_1d(example[entry])[at]]


def _targets(dataset: Dataset) -> Json:
    """Class counts by split, or quantiles of the numbers to predict; of training and validation rows."""
    contract = dataset.project.contract
    target = next(iter(contract.targets))
    if contract.target_kind in ("tokens", "labels"):
        counts = {split: Counter(chain.from_iterable(column(dataset.rows(split), target))) for split in LEARNED}
        return {"classes": _by_name(counts)}
    if contract.target_kind == "label":
        return {"classes": _by_name({split: counts_of(dataset.rows(split), target) for split in LEARNED})}
    if contract.target_kind != "number":
        return {}
    return {"numbers": {split: _quantiles(column(dataset.rows(split), target)) for split in LEARNED}}


def _by_name(counts: Mapping[str, Counter[str]]) -> list[Json]:
    names = [name for name, _ in (counts["train"] + counts["validation"]).most_common()]
    return [{"name": name, **{split: of[name] for split, of in counts.items()}} for name in names]


def _quantiles(values: Iterable[Any]) -> Json:
    numbers = np.fromiter((float(value) for value in values), dtype=np.float64)
    if not len(numbers):
        return {}
    at = {"least": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "most": 1.0}
    return {name: float(np.quantile(numbers, q)) for name, q in at.items()} | {"mean": float(numbers.mean())}
