"""The raw files of a project by name, wherever they lie: beside the project, in an archive, compressed, downloaded."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from deepdojo.data.archives import Archive, open_archive
from deepdojo.data.compressed import compression, decompressed
from deepdojo.data.globs import glob_regex, is_pattern
from deepdojo.data.images import decode_image
from deepdojo.errors import DataError, SourceError, nearest

__all__ = ["Files", "Media", "content_sha256", "decode_image", "file_sha256", "is_system_file", "printable"]

KEPT_BYTES = 1 << 24
"""The largest content that is kept, so that it costs no memory to speak of."""
_SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "lost+found"})


@dataclass(frozen=True)
class Media:
    """One picture or sound as an encoded file; its bytes are read when they are asked for.

    Attributes:
        name: where it lies, as the project spells it (`photos/cat 1.jpg`, `a.zip!b.png`).
        load: gives the bytes.
        inline: whether they come with the row (a cell of a Parquet file) and lie in no file of their own.
    """

    name: str
    load: Callable[[], bytes] = field(compare=False, repr=False)
    inline: bool = field(default=False, compare=False, repr=False)

    def __str__(self) -> str:  # where a picture is its own id
        return self.name

    @classmethod
    def of(cls, path: Path) -> Media:
        """A file of this machine, for `predict` and notebooks."""
        return cls(str(path), path.read_bytes)

    def read(self) -> bytes:
        """The encoded bytes. Raises DataError when the file has gone or cannot be read."""
        try:
            return self.load()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror or error})", where=printable(self.name)) from None


def _version(file: BinaryIO, name: str) -> tuple[str, int, int] | None:
    """What tells a file on the disk from what stood there before; None for what is in memory."""
    try:
        found = os.fstat(file.fileno())
    except OSError:
        return None
    return f"{name}\0{found.st_ino}", found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1024)
def printable(name: str) -> str:
    """A file's name with bytes that are no UTF-8 written as escapes: it can then stand in JSON, tables and
    terminals."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def is_system_file(name: str) -> bool:
    """True for what operating systems leave behind: hidden files and folders, `Thumbs.db`, `__MACOSX`."""
    parts = PurePosixPath(name.rpartition("!")[2]).parts
    return any((p.startswith(".") and p not in (".", "..")) or p == "__MACOSX" for p in parts) or (
        bool(parts) and parts[-1].lower() in _SYSTEM_NAMES
    )


class Files:
    """Names -> bytes.

    A name is a path below one of the roots with `/`, `archive.zip!member` for a file inside an archive, and ends in
    `.gz`, `.bz2` or `.xz` where it is compressed (it is opened decompressed).

    Args:
        roots: folders, searched in this order.
        pinned: name -> path, for files found one by one (checked against their sums, downloaded).
        hint: what to say when a name is nowhere ("download it from ...").
        sums: SHA-256 of pinned files that were just checked.

    Attributes:
        left_out: system files that a pattern matched.
        unreadable: names that a row was refused for, because nothing can be read there; they have no digest.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        pinned: Mapping[str, Path] | None = None,
        hint: str | None = None,
        *,
        sums: Mapping[str, str] | None = None,
    ) -> None:
        self.roots = list(roots)
        self.pinned = dict(pinned or {})
        self.hint = hint
        self.left_out: set[str] = set()
        self.unreadable: set[str] = set()
        self._archives: dict[str, Archive] = {}
        self._sums = {name: bytes.fromhex(digest) for name, digest in (sums or {}).items()}
        self._used: set[str] = set()
        self._single: set[str] = set()
        self._groups: dict[str, list[str]] = {}
        self._globs: set[str] = set()
        self._last: tuple[object, builtins.bytes] = (None, b"")
        self._large: set[str] = set()

    # ----- finding

    def path(self, name: str) -> Path:
        """Where a plain file lies on this machine. Raises SourceError when it is nowhere or outside of the roots."""
        found = self._find(name)
        if found is None:
            known = [*self.pinned, *(n for r in self.roots for n in _top_names(r))]
            guess = nearest(name, known)
            todo = f"did you mean {guess!r}?" if guess else self.hint
            looked = ", ".join(str(root) for root in self.roots) or "no folder"
            raise SourceError(f"there is no file {printable(name)!r} (looked in {looked})", todo=todo)
        return found

    def has(self, name: str) -> bool:
        """True when the name leads to a file (or to a member of an archive)."""
        outer, member = self._parts(name)
        if member:
            return self._find(outer) is not None and self._archive(outer).has(member)
        return self._find(name) is not None

    def _find(self, name: str) -> Path | None:
        if name in self.pinned:
            return self.pinned[name]
        if (
            not name
            or name.startswith(("/", "\\"))
            or ".." in PurePosixPath(name.replace("\\", "/")).parts
            or name[1:2] == ":"
        ):
            return None  # a cell of a table must not lead out of the project's folders
        for root in self.roots:
            path = root / name
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):  # too long, or a NUL in it
                return None
        return None

    def _parts(self, name: str) -> tuple[str, str]:
        """(archive, member), or (name, "") for a plain file; a `!` may also stand in a plain file's name."""
        outer, mark, member = name.partition("!")
        if mark and outer in self._archives and self._archives[outer].has(member):
            return outer, member  # without a look at the file system for each of 60,000 members
        return (outer, member) if mark and self._find(name) is None else (name, "")

    def glob(self, pattern: str) -> list[str]:
        """All names that a pattern matches, sorted; system files are left out and kept in `left_out`.

        Patterns: `*` and `?` within a name, `**` over folders, `{jpg,png}`; `photos.zip!*/*.png` looks inside an
        archive.
        """
        outer, mark, inner = pattern.partition("!")
        if mark:
            names = [
                f"{a}!{m}" for a in self.expand(outer) for m in self._archive(a).names() if glob_regex(inner).match(m)
            ]
        else:
            names = sorted(set(self._walk(pattern)))
        kept = [name for name in names if not is_system_file(name)]
        self.left_out.update(printable(name) for name in names if is_system_file(name))
        self._groups[pattern] = sorted(kept)
        self._globs.add(pattern)
        return self._groups[pattern]

    def _walk(self, pattern: str) -> Iterator[str]:
        regex = glob_regex(pattern)
        yield from (name for name in self.pinned if regex.match(name))
        fixed = pattern.split("/")[:-1]  # leading folders without signs of a pattern need no search beside them
        while any(is_pattern(part) for part in fixed):
            fixed.pop()
        for root in self.roots:
            start = root.joinpath(*fixed)
            top = start if ".." not in fixed and start.is_dir() else root
            for folder, folders, files in os.walk(top, onerror=_closed_folder):
                folders.sort()
                below = Path(folder).relative_to(root).as_posix()
                for file in files:
                    name = file if below == "." else f"{below}/{file}"
                    if regex.match(name):
                        yield name

    def expand(self, names: str | Sequence[str]) -> list[str]:
        """Names and patterns -> names. A pattern that matches nothing is an error, and so is a missing file."""
        found: list[str] = []
        for name in [names] if isinstance(names, str) else names:
            if not is_pattern(name) or self._find(name) is not None:
                if not self.has(name):
                    self.path(name.partition("!")[0])  # raises where the file or the archive is missing
                    raise SourceError(f"the archive has no member {printable(name)!r}")
                self._used.add(name)
                found.append(name)
                continue
            matched = self.glob(name)
            if not matched:
                raise SourceError(f"no file matches {name!r}", todo=self.hint or "look at data.file or data.glob")
            found += matched
        return found

    # ----- reading

    def _archive(self, name: str) -> Archive:
        if name not in self._archives:
            self._archives[name] = open_archive(self.path(name), name)
        return self._archives[name]

    def open(self, name: str) -> BinaryIO:
        """A binary file from its beginning; `.gz`, `.bz2` and `.xz` are decompressed."""
        self._used.add(name)
        return self.opened(name)

    def opened(self, name: str) -> BinaryIO:
        """As `open`, for what is noted already: a picture is, since it became a cell."""
        outer, member = self._parts(name)
        ending = compression(name)
        if member:
            raw: BinaryIO = io.BytesIO(self._archive(outer).read(member))
        else:
            path = self.path(name)
            ending = ending or compression(path.name)  # a pinned file may lie there compressed
            try:
                raw = path.open("rb")
            except OSError as error:
                raise SourceError(f"cannot be opened ({error.strerror or error})", where=str(path)) from None
        return raw if ending is None else self._decompressed(raw, ending, name)

    def _decompressed(self, raw: BinaryIO, ending: str, name: str) -> BinaryIO:
        """The last small file is kept: a text is opened for its encoding, for its length and for each of its parts."""
        key = _version(raw, name)
        kept, content = self._last
        if key is not None and kept == key:
            raw.close()
            return io.BytesIO(content)
        file = decompressed(raw, ending, name)
        if key is None or key[2] > KEPT_BYTES // 4 or name in self._large:
            return file
        with file:
            content = file.read(KEPT_BYTES + 1)
        if len(content) > KEPT_BYTES:
            self._large.add(name)
            return self.opened(name)
        self._last = (key, content)
        return io.BytesIO(content)

    def bytes(self, name: str) -> bytes:
        """All bytes of a file (decompressed)."""
        with self.open(name) as file:
            return file.read()

    def peek(self, name: str) -> builtins.bytes:
        """As `bytes`, without a note: for what is listed in a pack."""
        with self.opened(name) as file:
            return file.read()

    def is_empty(self, name: str) -> bool:
        """True when a file has no bytes (decompressed)."""
        with self.open(name) as file:
            return not file.read(1)

    def media(self, name: str, group: str | None = None, *, listed: bool = False) -> Media:
        """A file as a cell: read later, by whoever decodes it. Files of one `group` have one digest together.

        Args:
            listed: a pattern may have given the name, which then is noted already.
        """
        if group is not None:
            self._groups.setdefault(group, []).append(name)
        elif not (listed and self._globs):
            self._single.add(name)
        return Media(name, lambda: self.peek(name))

    # ----- what was used

    def sha256(self, name: str) -> str:
        """SHA-256 of a file as it lies there (a member of an archive: of its bytes). Kept, so it is read once."""
        if name not in self._sums:
            outer, member = self._parts(name)
            if member:
                self._sums[name] = hashlib.sha256(self._archive(outer).read(member)).digest()
            else:
                self._sums[name] = bytes.fromhex(file_sha256(self.path(name)))
        return self._sums[name].hex()

    def digests(self) -> dict[str, str]:
        """Digest of all that was used: a plain file's own SHA-256; for an archive or a pattern one over (name,
        SHA-256).

        Packing does not count: the same members in a `.zip` and in a `.tar.gz` have the same digest.
        """
        found: dict[str, str] = {}
        grouped: set[str] = set()
        inside: dict[str, set[str]] = {}
        for pattern, names in self._groups.items():
            if "!" not in pattern:
                grouped.update(names)
                found[pattern] = self._list_digest({name: name for name in set(names) - self.unreadable})
        listed = {n for p, ns in self._groups.items() if "!" in p for n in ns}
        for name in (self._used | self._single | listed) - self.unreadable:
            outer, member = self._parts(name)
            if member:
                inside.setdefault(outer, set()).add(member)
            elif name not in grouped:
                found[name] = self.sha256(name)
        for outer, members in inside.items():
            found[outer] = self._list_digest({m: f"{outer}!{m}" for m in members})
        return dict(sorted((printable(name), digest) for name, digest in found.items()))

    def _list_digest(self, names: Mapping[str, str]) -> str:
        return _digest_of_list((shown, self.sha256(names[shown])) for shown in sorted(names))

    def names_by_pattern(self) -> dict[str, list[str]]:
        """Pattern -> the names that it lists, for patterns that look into folders."""
        return {pattern: self._groups[pattern] for pattern in sorted(self._globs) if "!" not in pattern}

    def plain_files(self) -> list[str]:
        """What was read beside pictures: tables, and the archives that anything lies in."""
        apart = {*self._single, *(n for names in self._groups.values() for n in names)}
        plain = {self._parts(name)[0] for name in self._used - apart}
        return sorted(plain | {pattern.partition("!")[0] for pattern in self._globs if "!" in pattern})

    def named_by_cells(self) -> bool:
        """Whether cells of rows name pictures that no pattern lists."""
        return bool(self._single or self._groups.keys() - self._globs)

    def place(self, name: str) -> Path | None:
        """Where a file, or the archive that it lies in, is on this machine; None where it is gone."""
        return self._find(self._parts(name)[0])

    def forget(self) -> None:
        """Lets go of all names and sums: what a pack has written down is not kept twice."""
        self._used, self._single, self._groups, self._sums = set(), set(), {}, {}
        self._last = (None, b"")


def _digest_of_list(pairs: Iterable[tuple[str, str]]) -> str:
    """Over (name, digest) in the order of names."""
    total = hashlib.sha256()
    for shown, digest in pairs:
        total.update(f"{printable(shown)}\0{digest}\n".encode())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits, read in blocks."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"cannot be read ({error.strerror or error})", where=str(path)) from None


def content_sha256(path: Path, name: str) -> str:
    """SHA-256 over the sorted (member, SHA-256 of its bytes) of an archive, system files left out: packing does not
    count."""
    archive = open_archive(path, name)
    members = [member for member in archive.names() if not is_system_file(member)]
    return _digest_of_list((member, hashlib.sha256(archive.read(member)).hexdigest()) for member in sorted(members))


def _closed_folder(error: OSError) -> None:
    """`os.walk` would pass over a folder that may not be read, and a whole class be missing in silence."""
    if isinstance(error, PermissionError) and not is_system_file(os.path.basename(error.filename)):
        raise SourceError(
            f"the folder cannot be read ({error.strerror})",
            where=printable(str(error.filename)),
            todo="give yourself the right to read it",
        ) from None


def _top_names(root: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(root)][:500]
    except OSError:
        return []
