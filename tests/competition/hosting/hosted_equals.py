"""Are the rows of a public folder those of the project, under other ids?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.hosting.new_ids import new_ids
from deepdojo.contracts import MEDIA
from deepdojo.data.dataset import SPLITS, Dataset, load_dataset
from deepdojo.data.gallery import Gallery
from deepdojo.data.images import decode_image
from deepdojo.data.project import open_project
from deepdojo.data.sounds import decode_sound
from deepdojo.data.videos import decode_video


def plain(cell: Any, kind: str) -> Any:
    """What a model sees of a cell, in a form that can be compared."""
    if cell is None or isinstance(cell, str | int | float):
        return cell
    if kind == "image":
        return decode_image(cell)
    if kind == "audio":
        sound = decode_sound(cell)
        return np.append(sound.samples, sound.rate)
    if kind == "video":
        clip = decode_video(cell)
        return np.concatenate([clip.frames.ravel().astype(np.float64), clip.times])
    if isinstance(cell, Gallery):
        return [[name, plain(picture, "image").tolist()] for name, picture in cell[:5]]
    if kind == "record":
        from deepdojo.data.cells import is_missing, parse_number

        found = {}
        for name, value in cell.items():
            number = parse_number(value)
            found[name] = None if is_missing(value) else value if number is None else number
        return found
    return cell


def assert_same_rows(original: Dataset, public: Path, key: bytes, *, most: int = 40) -> None:
    """Every row, of the longest parts `most` drawn ones; and nothing but the inputs of the test rows."""
    hosted = load_dataset(open_project(public))
    contract = original.project.contract
    everyone = {part: list(original.rows(part)) for part in SPLITS}
    ids = new_ids(key, "row", (row["id"] for rows in everyone.values() for row in rows))
    for part in SPLITS:
        there = {row["id"]: row for row in hosted.rows(part)}
        assert set(there) == {ids[row["id"]] for row in everyone[part]}, part
        roles = [*contract.reads] if part == "test" else [*contract.columns]
        drawn = np.random.default_rng(0).permutation(len(everyone[part]))[:most]
        for at in drawn.tolist():
            before = everyone[part][at]
            after = there[ids[before["id"]]]
            for role in roles:
                kind = contract.columns[role]
                one, other = plain(before.get(role), kind), plain(after.get(role), kind)
                if kind in (*MEDIA, "vector", "matrix", "skeleton") and one is not None:
                    assert np.array_equal(one, other), (part, before["id"], role)
                else:
                    assert one == other, (part, before["id"], role, one, other)
    assert all(set(row) == {"id", *contract.reads} for row in hosted.rows("test"))
