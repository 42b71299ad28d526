"""Rows that share pictures in a job folder: each picture once, each gallery once, and rows by their numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.contracts import Contract
from deepdojo.data.gallery import Gallery
from deepdojo.places import write_json

__all__ = ["with_pictures", "without_pictures"]

SIDE = 64
"""Pictures with a longer side are shrunk to it: what tells faces apart is seen at that size."""

Row = Mapping[str, Any]


def without_pictures(folder: Path, parts: Mapping[str, Sequence[Row]], contract: Contract) -> dict[str, Sequence[Row]]:
    """The rows with numbers in the place of pictures and galleries, which are written beside."""
    from deepdojo.baselines.pixels import form_of, shrink_all

    cells: list[Any] = []
    places: dict[Any, int] = {}
    galleries: dict[int, int] = {}
    kept: list[Gallery] = []

    def number(cell: Any) -> int:
        key = id(cell) if isinstance(cell, np.ndarray) else cell.name
        if key not in places:
            places[key] = len(cells)
            cells.append(cell)
        return places[key]

    def known(cell: Any) -> Any:
        if isinstance(cell, Gallery):
            if id(cell) not in galleries:
                galleries[id(cell)] = len(kept)
                kept.append(cell)
            return {"gallery": galleries[id(cell)]}
        return None if cell is None else {"picture": number(cell)}

    roles = {contract.input, *contract.compared}
    found: dict[str, Sequence[Row]] = {
        part: [{name: known(cell) if name in roles else cell for name, cell in row.items()} for row in rows]
        for part, rows in parts.items()
    }
    lists = [[[name, number(cell)] for name, cell in gallery] for gallery in kept]
    form = form_of(cells, side=SIDE)
    np.save(folder / "pictures.npy", shrink_all(cells, form), allow_pickle=False)
    write_json(folder / "galleries.json", {"galleries": lists})
    return found


def with_pictures(folder: Path, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows with (C, Y, X) pictures and galleries of them; what was one object is one again."""
    pictures = list(np.load(folder / "pictures.npy", allow_pickle=False))
    lists = json.loads((folder / "galleries.json").read_text("utf-8"))["galleries"]
    galleries = [Gallery((name, pictures[at]) for name, at in pairs) for pairs in lists]

    def cell_of(cell: Any) -> Any:
        if isinstance(cell, Mapping) and "picture" in cell:
            return pictures[cell["picture"]]
        return galleries[cell["gallery"]] if isinstance(cell, Mapping) and "gallery" in cell else cell

    return [{name: cell_of(cell) for name, cell in row.items()} for row in rows]
