"""Has anything changed since it was packed? Told by sizes and times, as `git status` does; contents are read where
those differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from deepdojo.data.files import Files, file_sha256, printable

__all__ = ["stamp", "stamp_of", "unchanged"]


def stamp(files: Files) -> dict[str, Any]:
    """What was read so far. Pictures that no pattern lists are left out: `stamp_of` tells them apart."""
    plain = {name: files.path(name) for name in files.plain_files()}
    return {
        "files": {name: [*_times(path), files.sha256(name)] for name, path in plain.items()},
        "globs": {pattern: stamp_of(files, names) for pattern, names in files.names_by_pattern().items()},
    }


def stamp_of(files: Files, names: Iterable[str]) -> str:
    """One digest over names, sizes and times."""
    total = sha256()
    for name in names:
        path = files.place(name)
        total.update(f"{printable(name)}\0{_times(path) if path is not None else None}\n".encode())
    return total.hexdigest()


def unchanged(files: Files, before: Mapping[str, Any]) -> bool:
    """Whether all that `stamp` told of is as it was; a file with other times is read and compared."""
    for name, (*times, digest) in before["files"].items():
        path = files.place(name)
        if path is None or (list(_times(path)) != times and file_sha256(path) != digest):
            return False
    return all(stamp_of(files, files.glob(pattern)) == digest for pattern, digest in before["globs"].items())


def _times(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
