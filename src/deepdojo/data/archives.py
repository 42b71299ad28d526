"""Archives read like folders: `.zip`, `.tar`, `.tar.gz` and their like. A member's name can never lead out of the
archive."""

from __future__ import annotations

import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from deepdojo.errors import DataError, SourceError

__all__ = ["Archive", "open_archive"]

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class Archive(Protocol):
    """Members of an archive by their names with `/`."""

    def names(self) -> list[str]: ...
    def has(self, member: str) -> bool: ...
    def read(self, member: str) -> bytes: ...


def open_archive(path: Path, name: str) -> Archive:
    """Opens by suffix. Raises SourceError for a file that is no archive, and for members that would lead out of it."""
    lower = path.name.lower()
    if lower.endswith(".zip"):
        return _Zip(path, name)
    if lower.endswith(_TAR_SUFFIXES):
        return _Tar(path, name)
    if zipfile.is_zipfile(path):  # the cache names files by their sums
        return _Zip(path, name)
    if tarfile.is_tarfile(path):
        return _Tar(path, name)
    raise SourceError(
        "is no archive that can be read", where=name, todo="known: .zip, .tar, .tar.gz, .tar.bz2, .tar.xz"
    )


def _safe(member: str, archive: str) -> str:
    """The name as a relative path with `/`. Raises SourceError when it is absolute or climbs out."""
    name = member.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or (len(name) > 1 and name[1] == ":"):
        raise SourceError(
            f"the archive has a member {member!r} that leads out of it", where=archive, todo="do not use this file"
        )
    return "/".join(p for p in parts if p != ".")


class _Zip:
    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"the archive is broken ({error})", where=name, todo="download it again") from None
        weakref.finalize(self, self.zip.close)
        self.members = {_safe(i.filename, name): i for i in self.zip.infolist() if not i.is_dir()}

    def names(self) -> list[str]:
        return sorted(self.members)

    def has(self, member: str) -> bool:
        return member in self.members

    def read(self, member: str) -> bytes:
        if member not in self.members:
            raise SourceError(f"the archive has no member {member!r}", where=self.name)
        try:
            return self.zip.read(self.members[member])
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(f"the member is broken ({error})", where=f"{self.name}!{member}") from None
        except (RuntimeError, NotImplementedError) as error:  # a password, an exotic compression
            raise DataError(f"the member cannot be unpacked ({error})", where=f"{self.name}!{member}") from None


class _Tar:
    """A tar has no index and cannot be entered in the middle when compressed, so it is unpacked once: all members end
    to end in one temporary file (a file for each would cost 60,000 small pictures four times the seconds)."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.members: dict[str, tuple[int, int]] = {}  # where a member begins, and its bytes
        self.lock = threading.Lock()
        self.unpacked = tempfile.TemporaryFile(prefix="deepdojo-tar-")  # noqa: SIM115 - lives as long as the archive
        weakref.finalize(self, self.unpacked.close)
        try:
            with tarfile.open(path, "r:*") as tar:
                for member in tar:
                    if not member.isfile():  # folders need no entry; links and devices are never followed
                        continue
                    source = tar.extractfile(member)
                    start = self.unpacked.tell()
                    while source is not None and (block := source.read(1 << 20)):
                        self.unpacked.write(block)
                    # What an archive calls its members never reaches the file system.
                    self.members[_safe(member.name, name)] = (start, self.unpacked.tell() - start)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise SourceError(f"the archive is broken ({error})", where=name, todo="download it again") from None

    def names(self) -> list[str]:
        return sorted(self.members)

    def has(self, member: str) -> bool:
        return member in self.members

    def read(self, member: str) -> bytes:
        if member not in self.members:
            raise SourceError(f"the archive has no member {member!r}", where=self.name)
        start, size = self.members[member]
        with self.lock:
            self.unpacked.seek(start)
            return self.unpacked.read(size)
