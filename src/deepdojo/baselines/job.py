"""Floors in a child process: a folder with rows goes in, `floors.json` and one Parquet table a floor come out.

The child holds one thread and the lowest priority, so that it may run beside a training without slowing it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.baselines import FLOORS, floors_for
from deepdojo.baselines.problem import Row
from deepdojo.baselines.run import FloorResult, run_floors
from deepdojo.contracts import contract_of
from deepdojo.errors import RunError
from deepdojo.places import write_json, write_text
from deepdojo.tables import Table, read_table, write_table

__all__ = ["read_left_out", "read_results", "run_job", "write_job"]

PARTS = ("train", "validation", "test")


def write_job(
    folder: Path,
    *,
    task: str,
    train: Sequence[Row],
    test: Sequence[Row],
    validation: Sequence[Row] = (),
    metric: str = "",
    seed: int = 0,
    floors: Sequence[str] | None = None,
) -> None:
    """Write what `run_job` needs: `job.json`, and `PART.jsonl` for each part (images: `PART.images.npy`, (n, C, Y, X)
    uint8).

    Images are shrunk here to at most 32 × 32, so that the child reads megabytes and decodes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = dict(zip(PARTS, (train, validation, test), strict=True))
    contract = contract_of(task)
    image = contract.input if contract.input_kind == "image" else None
    if image is not None:
        _write_images(folder, parts, image)
    for part, rows in parts.items():
        lines = [
            json.dumps({k: v for k, v in row.items() if k != image}, ensure_ascii=False, default=str) for row in rows
        ]
        write_text(folder / f"{part}.jsonl", "".join(line + "\n" for line in lines))
    names = list(floors) if floors is not None else floors_for(task)
    write_json(folder / "job.json", {"task": task, "metric": metric, "seed": seed, "floors": names})


def run_job(folder: Path, *, progress: Callable[[str], None] | None = None) -> list[FloorResult]:
    """Fit the floors of a job folder. Each one is written as soon as it is done, so a stop loses little.

    Raises:
        RunError: the folder holds no job.
    """
    if not (folder / "job.json").is_file():
        raise RunError("this folder holds no job.json", where=str(folder))
    job = json.loads((folder / "job.json").read_text("utf-8"))
    train, validation, test = (_read_rows(folder, part, contract_of(job["task"]).input) for part in PARTS)
    done: list[FloorResult] = []
    sentences: list[str] = []

    def left_out(sentence: str) -> None:
        sentences.append(sentence)
        write_json(folder / "left_out.json", sentences)

    kinds = contract_of(job["task"]).predictions
    results = run_floors(
        job["task"],
        train,
        test,
        seed=job["seed"],
        metric=job["metric"],
        validation_rows=validation,
        floors=job["floors"],
        progress=progress,
        left_out=left_out,
    )
    for result in results:
        write_table(folder / f"{result.name}.parquet", Table.from_rows(result.predictions, ["id", *kinds]), kinds)
        done.append(result)
        write_json(folder / "floors.json", [_facts(result) for result in done])
    return done


def read_results(folder: Path) -> list[FloorResult]:
    """The floors that `run_job` has finished in this folder so far."""
    if not (folder / "floors.json").is_file():
        return []
    job = json.loads((folder / "job.json").read_text("utf-8"))
    kinds = contract_of(job["task"]).predictions
    facts = json.loads((folder / "floors.json").read_text("utf-8"))
    return [
        FloorResult(predictions=read_table(folder / f"{fact['name']}.parquet", kinds).rows(), **fact) for fact in facts
    ]


def read_left_out(folder: Path) -> list[str]:
    """One sentence for each floor that could not use these rows."""
    path = folder / "left_out.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


def lower_priority() -> None:
    """Let every other process go first, where the system knows how."""
    if hasattr(os, "nice"):
        os.nice(19)


def _facts(result: FloorResult) -> dict[str, Any]:
    return {"name": result.name, "title": FLOORS[result.name].title, "seconds": result.seconds, "about": result.about}


def _write_images(folder: Path, parts: dict[str, Sequence[Row]], column: str) -> None:
    from deepdojo.baselines.pixels import shrink_all

    cells = [row[column] for rows in parts.values() for row in rows]
    images = shrink_all(cells) if cells else np.zeros((0, 1, 1, 1), dtype=np.uint8)
    start = 0
    for part, rows in parts.items():
        np.save(folder / f"{part}.images.npy", images[start : start + len(rows)], allow_pickle=False)
        start += len(rows)


def _read_rows(folder: Path, part: str, image: str) -> list[dict[str, Any]]:
    with (folder / f"{part}.jsonl").open(encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    images = folder / f"{part}.images.npy"
    if images.is_file():
        for row, cell in zip(rows, _image_cells(np.load(images, allow_pickle=False)), strict=True):
            row[image] = cell
    return rows


def _image_cells(images: np.ndarray) -> Iterator[np.ndarray]:
    """(n, C, Y, X) -> views (Y, X) or (Y, X, 3)."""
    yield from (images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, 3))
