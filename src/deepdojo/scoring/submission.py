"""A submission: a table of predictions, and a manifest that says whose it is and what it cost. Read with suspicion."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo.contracts import Contract
from deepdojo.errors import ScoreError, UnknownNameError
from deepdojo.scoring.metrics import columns_of
from deepdojo.scoring.submission_files import member_bytes, with_files
from deepdojo.tables import Table, read_table
from deepdojo.tables_io import SUFFIXES, ZIP_FAULTS, read_bytes

__all__ = ["LARGEST_BYTES", "Manifest", "Submission", "read_manifest", "table_member"]

LARGEST_BYTES = 1 << 30
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20
_PLAIN = (0, stat.S_IFREG, stat.S_IFDIR)


@dataclass(frozen=True)
class Manifest:
    """What a submission says about itself; every field may be unknown.

    Attributes:
        who: person or team.
        run: the run's id; `digest` of the held-out rows that it was scored on.
        parameters, train_flops, forward_flops, seconds, peak_bytes: what it cost.
        data_share: the share of the training rows that was used.
        replaced: how often a learner's own layer of each name was built.
    """

    who: str | None = None
    project: str | None = None
    run: str | None = None
    digest: str | None = None
    model: str | None = None
    parameters: int | None = None
    train_flops: float | None = None
    forward_flops: float | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    data_share: float | None = None
    replaced: Mapping[str, int] | None = None

    @classmethod
    def from_json(cls, value: Any, where: str) -> Manifest:
        """Raises UnknownNameError for a field that does not exist, ScoreError for one of the wrong type."""
        if not isinstance(value, dict):
            raise ScoreError("is not a JSON object", where=where)
        types = {f.name: _TYPES[f.name] for f in fields(cls)}
        for name, cell in value.items():
            if name not in types:
                raise UnknownNameError("field of the manifest", name, types, where=where)
            if cell is not None and (not isinstance(cell, types[name]) or isinstance(cell, bool)):
                raise ScoreError(f"{name} is {str(cell)[:60]!r}, which is not of its type", where=where)
        return cls(**value)


_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("who", "project", "run", "digest", "model"), str),
    **dict.fromkeys(("parameters", "peak_bytes"), int),
    **dict.fromkeys(("train_flops", "forward_flops", "seconds", "data_share"), int | float),
    "replaced": dict,
}


@dataclass(frozen=True)
class Submission:
    """Predictions and their manifest."""

    table: Table
    manifest: Manifest

    @classmethod
    def read(cls, path: Path | str, contract: Contract, *, metric: str | None = None) -> Submission:
        """From .csv, .tsv, .jsonl, .parquet, or a .zip with one of these (predictions.* where there are several),
        perhaps a manifest.json, and the pictures or sounds that the table names under files/.

        Args:
            metric: the metric that will judge it: only its column must be there (default: all of the contract's).

        Raises:
            ScoreError: naming file, line and column; for a zip with unsafe paths, encryption, or too much inside; with
            files that are missing or that no row names.
        """
        path = Path(path)
        kinds = dict(contract.predictions)
        required = set(kinds) if metric is None else {columns_of(contract, metric)[1]}
        if path.suffix.lower() != ".zip":
            _small_enough(path)
            return cls(read_table(path, kinds, required=required), Manifest())
        try:
            with zipfile.ZipFile(path) as archive:
                member, manifest = _members(archive, path.name)
                table = read_bytes(f"{path.name}!{member}", _content(archive, member, path.name), kinds, required)
                return cls(with_files(archive, path.name, table, kinds), manifest)
        except FileNotFoundError:
            raise ScoreError("this file does not exist", where=str(path), todo="check the name") from None
        except ZIP_FAULTS as error:
            raise ScoreError(f"is not a zip file that can be read ({error})", where=path.name) from error


def _members(archive: zipfile.ZipFile, name: str) -> tuple[str, Manifest]:
    """The table and the manifest; both in the root, nothing outside it."""
    for info in archive.infolist():
        inner = PurePosixPath(info.filename.replace("\\", "/"))
        if inner.is_absolute() or ".." in inner.parts or ":" in info.filename:
            raise ScoreError(f"the member {info.filename[:60]!r} points outside the zip", where=name)
        if (info.external_attr >> 16) & 0o170000 not in _PLAIN:
            raise ScoreError(f"the member {info.filename[:60]!r} is a link or a device, no plain file", where=name)
    return table_member(archive, name), read_manifest(archive, name)


def table_member(archive: zipfile.ZipFile, name: str) -> str:
    """The table of a zip: the one predictions.* in its root, else the one table that lies there, whatever its name.

    Raises:
        ScoreError: there is none, or more than one.
    """
    tables = sorted({m for m in archive.namelist() if _is_table(m) and "/" not in m and not m.startswith(".")})
    named = [table for table in tables if PurePosixPath(table).stem == "predictions"]
    found = named or tables
    if len(found) == 1:
        return found[0]
    if found:
        todo = "leave in one alone" if named else "leave in one alone, or name the one to be scored predictions.csv"
        raise ScoreError(f"has {len(found)} tables in its root ({', '.join(found)[:120]})", where=name, todo=todo)
    deeper = next((m for m in archive.namelist() if _is_table(m) and "__MACOSX" not in m), None)
    if deeper is not None:
        raise ScoreError(f"has its table in a folder ({deeper[:80]}), not in its root", where=name,
                         todo="zip the table itself, without the folder around it")  # fmt: skip
    has = ", ".join(archive.namelist()[:5]) or "nothing"
    raise ScoreError(f"has no table in its root (it holds: {has[:120]})", where=name,
                     todo="put one predictions.csv or predictions.parquet into its root")  # fmt: skip


def _is_table(member: str) -> bool:
    return PurePosixPath(member).suffix in SUFFIXES


def read_manifest(archive: zipfile.ZipFile, name: str) -> Manifest:
    """What a zip's manifest.json says; of one without it nothing. Raises ScoreError for what is none."""
    if _MANIFEST not in archive.namelist():
        return Manifest()
    where = f"{name}!{_MANIFEST}"
    try:
        value = json.loads(_content(archive, _MANIFEST, name, _MANIFEST_BYTES))
    except (ValueError, RecursionError) as error:
        raise ScoreError(f"is not JSON ({error})", where=where) from error
    return Manifest.from_json(value, where)


def _content(archive: zipfile.ZipFile, member: str, name: str, largest: int = LARGEST_BYTES) -> bytes:
    """A member's bytes, never more than `largest` whatever its header says (a zip bomb)."""
    data = member_bytes(archive, member, largest)
    if len(data) > largest:
        raise ScoreError(f"the member {member} is larger than {largest >> 20:,} MiB unpacked", where=name)
    return data


def _small_enough(path: Path) -> None:
    if path.is_file() and path.stat().st_size > LARGEST_BYTES:
        raise ScoreError(f"is larger than {LARGEST_BYTES >> 20:,} MiB", where=path.name, todo="save it as Parquet")
