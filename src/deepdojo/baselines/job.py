"""Floors in a child process: a folder with rows goes in, `floors.json` and one Parquet table a floor come out.

The child holds one thread and the lowest priority, so that it may run beside a training without slowing it.
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.baselines import FLOORS, floors_for
from deepdojo.baselines.boxes import SIZE
from deepdojo.baselines.pictures import with_pictures, without_pictures
from deepdojo.baselines.pixels import SIDE
from deepdojo.baselines.problem import Row
from deepdojo.baselines.run import FloorResult, run_floors
from deepdojo.columns import Cells
from deepdojo.contracts import MEDIA, contract_of
from deepdojo.data.files import Media
from deepdojo.data.images import shown_size
from deepdojo.data.rowset import column
from deepdojo.errors import RunError
from deepdojo.places import write_json
from deepdojo.tables import media_bytes, read_table, write_table

__all__ = ["read_left_out", "read_results", "run_job", "write_job"]

PARTS = ("train", "validation", "test")
ROWS_AT_ONCE = 1024
DETAILED = 256
"""Longer side of pictures in which a floor looks for objects."""


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
    positive: str | None = None,
    threshold: float | str | None = None,
) -> None:
    """Write what `run_job` needs: `job.json`, and `PART.jsonl` for each part (images: `PART.images.npy`, (n, C, Y, X)
    uint8; targets that are sounds or pictures: their bytes end to end in `PART.COLUMN.media`).

    Images are shrunk here to at most 32 × 32 (those with boxes on them to 256 × 256, and their rows tell how large they
    were), sounds to their numbers (`PART.sounds.npy`, (n, D) float32), videos to numbers that say how much moves, so
    that the child reads megabytes and decodes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = dict(zip(PARTS, (train, validation, test), strict=True))
    contract = contract_of(task)
    if contract.input_kind == "video":
        from deepdojo.baselines.motion import described

        parts = {part: described(rows, contract.input) for part, rows in parts.items()}
    if contract.compared:
        parts = without_pictures(folder, parts, contract)
    image = contract.input if contract.input_kind == "image" and not contract.compared else None
    sound = contract.input if contract.input_kind == "audio" else None
    boxes = contract.target_kind == "boxes"
    if image is not None:
        _write_images(folder, parts, image, DETAILED if boxes else SIDE)
    media = [name for name, kind in contract.targets.items() if kind in MEDIA]
    if sound is not None:
        _write_sounds(folder, parts, sound)
    for part, rows in parts.items():
        ends = {name: _write_media(folder, part, rows, name) for name in media}
        with (folder / f"{part}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            for at, row in enumerate(rows):
                cells = {name: cell for name, cell in row.items() if name not in (image, sound, *media)}
                cells |= {name: places[at : at + 2] for name, places in ends.items() if places}
                if boxes and image is not None:
                    cells[SIZE] = shown_size(row[image])
                file.write(json.dumps(cells, ensure_ascii=False, default=_plain) + "\n")
    names = list(floors) if floors is not None else floors_for(task)
    write_json(folder / "job.json", {
        "task": task, "metric": metric, "seed": seed, "floors": names, "positive": positive, "threshold": threshold,
    })  # fmt: skip


def run_job(folder: Path, *, progress: Callable[[str], None] | None = None) -> list[FloorResult]:
    """Fit the floors of a job folder. Each one is written as soon as it is done, so a stop loses little.

    Raises:
        RunError: the folder holds no job.
    """
    if not (folder / "job.json").is_file():
        raise RunError("this folder holds no job.json", where=str(folder))
    job = json.loads((folder / "job.json").read_text("utf-8"))
    train, validation = (list(_Lines(folder, part, job["task"])) for part in PARTS[:2])
    test: Sequence[Row] = _Lines(folder, PARTS[2], job["task"])
    if contract_of(job["task"]).compared:
        train, validation, test = (with_pictures(folder, rows) for rows in (train, validation, list(test)))
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
        positive=job["positive"],
        threshold=job["threshold"],
    )
    for result in results:
        write_table(folder / f"{result.name}.parquet", result.predictions.table, kinds)
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


def _plain(cell: Any) -> Any:
    return cell.tolist() if isinstance(cell, np.ndarray) else str(cell)


def _facts(result: FloorResult) -> dict[str, Any]:
    return {"name": result.name, "title": FLOORS[result.name].title, "seconds": result.seconds, "about": result.about}


def _write_images(folder: Path, parts: dict[str, Sequence[Row]], name: str, side: int) -> None:
    from deepdojo.baselines.pixels import form_of, shrink_all

    form = form_of(_Chained([column(rows, name) for rows in parts.values()]), side=side)
    for part, rows in parts.items():
        with (folder / f"{part}.images.npy").open("wb") as file:
            head = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), form.channels, *form.size)}
            np.lib.format.write_array_header_1_0(file, head)
            cells = column(rows, name)
            for start in range(0, len(rows), ROWS_AT_ONCE):
                file.write(shrink_all(cells[start : start + ROWS_AT_ONCE], form).tobytes())


def _write_media(folder: Path, part: str, rows: Sequence[Row], name: str) -> list[int]:
    """Where each file ends in the one that holds them all, from 0 on; nothing for rows without the column."""
    if not len(rows) or name not in rows[0]:
        return []
    ends = [0]
    with (folder / f"{part}.{name}.media").open("wb") as file:
        for cell in column(rows, name):
            ends.append(ends[-1] + file.write(media_bytes(cell)))
    return ends


def _write_sounds(folder: Path, parts: dict[str, Sequence[Row]], name: str) -> None:
    from deepdojo.baselines.sounds import CEPSTRA, PARTS, numbers_of

    for part, rows in parts.items():
        numbers = np.zeros((len(rows), 2 * PARTS * CEPSTRA), dtype=np.float32)
        for at, cell in enumerate(column(rows, name)):
            numbers[at] = numbers_of(cell)
        np.save(folder / f"{part}.sounds.npy", numbers, allow_pickle=False)


class _Chained(Cells):
    """Columns one below the other."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return sum(map(len, self.columns))

    def at(self, position: int) -> Any:
        for cells in self.columns:
            if position < len(cells):
                return cells[position]
            position -= len(cells)
        raise IndexError(position)


class _Lines(Sequence[dict[str, Any]]):
    """Rows of a part, read when they are asked for: where each line begins is all that is kept."""

    def __init__(self, folder: Path, part: str, task: str) -> None:
        contract = contract_of(task)
        self.path, self.image = folder / f"{part}.jsonl", contract.input
        files = {name: folder / f"{part}.{name}.media" for name, kind in contract.targets.items() if kind in MEDIA}
        self.media = {name: path for name, path in files.items() if path.is_file()}
        self.starts = array("Q", [0])
        with self.path.open("rb") as file:
            for line in file:
                self.starts.append(self.starts[-1] + len(line))
        images = folder / f"{part}.images.npy"
        self.images = np.load(images, mmap_mode="r", allow_pickle=False) if images.is_file() else None
        sounds = folder / f"{part}.sounds.npy"
        self.sounds = np.load(sounds, mmap_mode="r", allow_pickle=False) if sounds.is_file() else None

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, key: Any) -> Any:
        places = range(len(self))[key]
        if isinstance(places, int):
            return next(self._read(range(places, places + 1)))
        return list(self._read(places))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._read(range(len(self)))

    def _read(self, places: range) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for at in places:
                file.seek(self.starts[at])
                row = json.loads(file.readline())
                if self.images is not None:
                    image = np.array(self.images[at])
                    row[self.image] = image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)
                for name, path in self.media.items():
                    row[name] = _media(path, *row[name])
                if self.sounds is not None:
                    row[self.image] = np.array(self.sounds[at])
                yield row


def _media(path: Path, start: int, end: int) -> Media:
    def load() -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    return Media(f"{path.name}:{start}", load, inline=True)
