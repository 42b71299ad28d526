"""An archive from elsewhere, unpacked into a folder of ours: plain files inside it alone, and no more than it said."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from deepdojo.errors import DataError, DojoError
from deepdojo.places import cannot_write
from deepdojo.tables_io import ZIP_FAULTS

__all__ = ["inside", "unzip"]

_CHUNK = 1 << 20
_FILES = 5_000_000
_RATIO = 1200  # deflate's own limit is 1,032 : 1
_LONGEST = 240


def unzip(archive: Path, target: Path, *, most_bytes: int = 500 << 30, say: str = "the data") -> int:
    """Unpack `archive` below `target`, which exists; how many files.

    Raises:
        DataError: no zip, damaged, encrypted, a path that leads outside or is there twice, a link, a bomb.
        DojoError: the disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            _refuse_bomb(members, archive, target, most_bytes, say)
            seen: set[str] = set()
            for member in members:
                name = inside(member, say)
                if name.lower() in seen:
                    raise DataError(f"{name!r} is there twice", where=say, todo="ask the host")
                seen.add(name.lower())
                path = target / name
                if member.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                _copy(packed, member, path, say)
    except ZIP_FAULTS as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise cannot_write(target, error) from error
        raise DataError(f"the archive is damaged ({str(error)[:120]})", where=say, todo="fetch it again") from None
    return len(members)


def inside(member: zipfile.ZipInfo, say: str) -> str:
    """The member's path, if it is a plain file or folder below the target on every system. Raises DataError."""
    name, mode = member.orig_filename, member.external_attr >> 16
    path = PurePosixPath(name)
    strange = "\\" in name or ":" in name or any(ord(sign) < 32 or ord(sign) == 127 for sign in name)
    if strange or path.is_absolute() or ".." in path.parts or not path.parts or len(name) > _LONGEST:
        raise DataError(f"{name[:80]!r} is no plain path inside the folder", where=say, todo="do not use this archive")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{name[:80]!r} is a link or a device", where=say, todo="do not use this archive")
    return path.as_posix()


def _refuse_bomb(members: list[zipfile.ZipInfo], archive: Path, target: Path, most_bytes: int, say: str) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > _FILES or total > most_bytes or total > _RATIO * archive.stat().st_size + _CHUNK:
        raise DataError(f"the archive would unpack to {len(members):,} files of {total / 1e9:,.1f} GB", where=say,
                        todo="do not use this archive")  # fmt: skip
    if total > shutil.disk_usage(target).free:
        raise DojoError(f"the disk has too little room for {total / 1e9:,.1f} GB", where=str(target),
                        todo="free some space, then do it again")  # fmt: skip


def _copy(packed: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, say: str) -> None:
    """Counted as it comes: what an archive says of its sizes proves nothing."""
    written = 0
    with packed.open(member) as source, path.open("xb") as file:
        while data := source.read(_CHUNK):
            written += len(data)
            if written > member.file_size:
                raise DataError(f"{member.filename!r} is larger than the archive says", where=say,
                                todo="do not use this archive")  # fmt: skip
            file.write(data)
