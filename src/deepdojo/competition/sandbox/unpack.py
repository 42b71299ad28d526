"""A code submission's files, taken from a folder or a zip into one of ours: ordinary files alone, within limits."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from deepdojo.competition.sandbox.limits import SandboxError
from deepdojo.competition.sandbox.pickles import dangerous
from deepdojo.errors import ScoreError

__all__ = ["SubmissionLimits", "unpack"]

_HEAD_BYTES = 1 << 20
_CHUNK = 1 << 20
_SYSTEM = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_ANEW = "zip plain files and folders"
_LONGEST_NAME = 240


@dataclass(frozen=True)
class SubmissionLimits:
    """What a code submission may hold.

    Attributes:
        files: how many.
        file_bytes: one file, unpacked.
        all_bytes: all of them.
    """

    files: int = 2_000
    file_bytes: int = 512 << 20
    all_bytes: int = 1 << 30


def unpack(source: Path, target: Path, limits: SubmissionLimits | None = None) -> Path:
    """Copy the files below `target` (empty); gives the folder that holds predict.py or run.toml.

    Raises:
        ScoreError: naming the first entry that is no ordinary file, leads outside, is too large, is one too many, or
            would run code when it is opened.
    """
    limits = limits or SubmissionLimits()
    entries = _of_folder(source) if source.is_dir() else _of_zip(source)
    count = total = 0
    seen: dict[str, str] = {}
    try:
        for name, stream in entries:
            count += 1
            if count > limits.files:
                raise ScoreError(f"holds more than {limits.files:,} files", where=source.name, todo="send fewer")
            if seen.setdefault(name.lower(), name) != name or (target / name).exists():
                raise ScoreError(f"{name!r} is there twice", where=source.name, todo=_ANEW)
            with stream:
                total += _copy(stream, target / name, name, source.name, limits, limits.all_bytes - total)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SandboxError("there is no room for a program's files", where=str(target)) from error
        raise ScoreError(f"cannot be unpacked ({_short(error)})", where=source.name, todo=_ANEW) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ScoreError(f"cannot be unpacked ({_short(error)})", where=source.name, todo=_ANEW) from error
    return _top(target, source)


def _copy(stream: BinaryIO, path: Path, name: str, source: str, limits: SubmissionLimits, left: int) -> int:
    """Counted as it comes: what an archive says of its sizes proves nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("xb") as file:
        while data := stream.read(_CHUNK):
            written += len(data)
            if written > min(limits.file_bytes, left):
                most = limits.file_bytes if written > limits.file_bytes else limits.all_bytes
                what = f"{name!r} is" if written > limits.file_bytes else "all files together are"
                raise ScoreError(f"{what} larger than {most / (1 << 20):,.0f} MiB", where=source, todo="send less")
            file.write(data)
    with path.open("rb") as whole:
        fault = dangerous(name, whole.read(_HEAD_BYTES), whole)
    if fault is not None:
        raise ScoreError(f"{name!r} {fault}", where=source, todo="save weights as safetensors and data as CSV or JSON")
    return written


def _of_zip(source: Path) -> Iterator[tuple[str, BinaryIO]]:
    if not zipfile.is_zipfile(source):
        raise ScoreError("is no zip", where=source.name, todo="send a zip with predict.py, or a run folder zipped")
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.flag_bits & 1:
                raise ScoreError(f"{member.filename!r} is encrypted", where=source.name, todo=_ANEW)
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ScoreError(f"{member.filename!r} is a link or a device", where=source.name, todo=_ANEW)
            name = _inside(member.orig_filename, source.name)
            if not member.is_dir() and not _is_system(name):
                yield name, archive.open(member)  # type: ignore[misc]  # it reads as a file does


def _of_folder(source: Path) -> Iterator[tuple[str, BinaryIO]]:
    for folder, names, files in os.walk(source):
        for each in [*names, *files]:
            path = Path(folder) / each
            name = _inside(path.relative_to(source).as_posix(), source.name)
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ScoreError(f"{name!r} is a link or a device", where=source.name, todo="send plain files")
            if stat.S_ISREG(mode) and not _is_system(name):
                yield name, os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")


def _inside(name: str, source: str) -> str:
    """The name, if it stays below the folder on every system."""
    path = PurePosixPath(name)
    strange = "\\" in name or ":" in name or any(ord(sign) < 32 or ord(sign) == 127 for sign in name)
    if strange or path.is_absolute() or ".." in path.parts or not path.parts or len(name) > _LONGEST_NAME:
        raise ScoreError(f"{name[:80]!r} is no plain path inside the submission", where=source, todo=_ANEW)
    return path.as_posix()


def _is_system(name: str) -> bool:
    return name.startswith(_SYSTEM[0]) or PurePosixPath(name).name in _SYSTEM[1:] or "__pycache__/" in name


def _top(target: Path, source: Path) -> Path:
    """A zip of a folder holds that one folder."""
    inside = list(target.iterdir())
    for folder in [target, *(inside if len(inside) == 1 and inside[0].is_dir() else [])]:
        if (folder / "predict.py").is_file() or (folder / "run.toml").is_file():
            return folder
    raise ScoreError(
        "holds neither predict.py nor a run (run.toml)", where=source.name,
        todo="put predict.py at its top: it reads the folder argv[1] and writes the table argv[2]",
    )  # fmt: skip


def _short(error: BaseException) -> str:
    return str(error).split("\n")[0][:120] or type(error).__name__
