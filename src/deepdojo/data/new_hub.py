"""`dojo new FOLDER --from hf:owner/name@revision`: which files of a data set are the rows; fetched and pinned."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.data.files import file_sha256
from deepdojo.data.hub import PACKED, HubFile, HubPlace, hub_file, hub_listing
from deepdojo.errors import SourceError, UsageError

__all__ = ["FromHub", "from_hub", "on_the_hub"]

MARK = "hf:"
_FORMATS = (".parquet", ".jsonl", ".ndjson", ".csv", ".tsv")
_PART = re.compile(r"(?:^|[^a-z])(train(?:ing)?|test|validation|valid|val|dev)(?:[^a-z]|$)")
_PARTS = {"train": "train", "training": "train", "test": "test"}


@dataclass
class FromHub:
    """Fetched files of one data set: part (train, validation, test) to name to path; `train` alone where the names say
    no parts."""

    place: HubPlace
    parts: dict[str, dict[str, Path]] = field(default_factory=dict)

    @property
    def train(self) -> Path:
        return next(iter(self.parts["train"].values()))

    @property
    def held_out(self) -> Path | None:
        """The test part, or the validation part where there is no other."""
        found = self.parts.get("test") or self.parts.get("validation")
        return next(iter(found.values())) if found else None

    def source(self) -> dict[str, Any]:
        """[source] of project.toml: the commit, and every file with its sum."""
        files = {name: path for part in self.parts.values() for name, path in part.items()}
        pins = {name: {"sha256": file_sha256(path), "bytes": path.stat().st_size} for name, path in files.items()}
        return {"hub": f"{self.place.name}@{self.place.commit() or self.place.revision}", "files": pins}

    def named(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """[data] with the names that the hub has for its files: all files of a part where it has several."""
        held = "test" if "test" in self.parts else "validation"
        given = {k: v for k, v in data.items() if k not in ("file", "split")}
        split = {part: dict(options) for part, options in data.get("split", {}).items()}
        if not split:
            return {"file": self._file("train"), **given}
        split["train"] |= {"file": self._file("train")}
        split["test"] |= {"file": self._file(held)}
        if held == "test" and "validation" in self.parts:
            split["validation"] = {**split["test"], "file": self._file("validation")}
        return {**given, "split": split}

    def _file(self, part: str) -> str | list[str]:
        names = list(self.parts[part])
        return names[0] if len(names) == 1 else names


def on_the_hub(source: str | Path) -> bool:
    return str(source).startswith(MARK)


def from_hub(
    source: str,
    *,
    yes: bool = False,
    offline: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> FromHub:
    """List the data set, choose its tables by their names, fetch them.

    Args:
        source: `hf:owner/name`, with `@revision`, and `:FOLDER` or `:FILE` where it holds several data sets.

    Raises:
        SourceError: as `data.hub` has it. UsageError: no table, or several that no rule chooses from.
    """
    text, _, inside = source.removeprefix(MARK).partition(":")
    place = HubPlace.of(text)
    chosen = choose(hub_listing(place, offline=offline), inside, str(place))
    found = FromHub(place)
    for part, files in chosen.items():
        found.parts[part] = {
            one.name: hub_file(place, one.name, offline=offline, progress=progress, yes=yes, listed=one)
            for one in files
        }
    return found


def choose(files: Sequence[HubFile], inside: str, where: str) -> dict[str, list[HubFile]]:
    """Part to its files: of the best kind there is (Parquet, JSON lines, CSV), told by `train`, `test`, `validation` in
    their names, all in one folder."""
    below = [one for one in files if not inside or one.name == inside or one.name.startswith(f"{inside.rstrip('/')}/")]
    kind = next((ending for ending in _FORMATS if any(_kind(one) == ending for one in below)), None)
    if kind is None:
        names = ", ".join(one.name for one in files[:5]) or "nothing"
        raise SourceError(
            "no Parquet, JSONL or CSV file is in it", where=f"{where}:{inside}" if inside else where,
            todo=f"it holds {names}" + ("; other kinds, such as pickles and code, are never fetched" if files else ""),
        )  # fmt: skip
    tables = sorted((one for one in below if _kind(one) == kind), key=lambda one: one.name)
    folders = sorted({one.name.rpartition("/")[0] for one in tables})
    if len(folders) > 1:
        raise UsageError(
            f"it holds tables in {len(folders)} folders: {', '.join(repr(one) for one in folders[:6])}",
            where=f"--from hf:{where}", todo=f"say which: --from hf:{where}:{folders[-1]}",
        )  # fmt: skip
    parts: dict[str, list[HubFile]] = {}
    for one in tables:
        match = _PART.search(one.name.lower())
        parts.setdefault(_PARTS.get(match[1], "validation") if match else "", []).append(one)
    if "train" in parts:
        return {part: parts[part] for part in ("train", "validation", "test") if part in parts}
    if len(tables) == 1:
        return {"train": tables}
    raise UsageError(
        f"no name says which of {len(tables)} tables to learn from: {', '.join(one.name for one in tables[:5])}",
        where=f"--from hf:{where}", todo=f"say which: --from hf:{where}:{tables[0].name}",
    )  # fmt: skip


def _kind(one: HubFile) -> str | None:
    name = one.name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    if any(part.startswith(".") for part in name.split("/")):
        return None
    return next((ending for ending in _FORMATS if name.endswith(ending)), None)
