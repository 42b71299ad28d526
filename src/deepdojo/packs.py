"""Packed data in the cache: files that grow in chunks beside a journal, are renamed when whole, and are then mapped.

Packing may be killed at any moment and goes on after the last commit. Two processes that pack the same wait for one
another. What is whole carries sizes and checksums: a pack that does not fit them is thrown away and made anew.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import numpy as np

from deepdojo.errors import DojoError
from deepdojo.locks import waiting_for
from deepdojo.places import cache_folder, cannot_write, write_json

__all__ = [
    "Pack", "Packing", "code_digest", "find_pack", "in_memory_bytes", "in_memory_rows", "key_of", "made_once",
    "most_bytes",
    "packed_bytes",
    "packed_folder", "packing",
]  # fmt: skip

FORMAT = 1
COMMIT_EVERY_S = 2.0
RESIDENT_BYTES = 64 << 20
"""Mapped pages that may stay in this process before they are handed back (they remain in the system's cache)."""
FAULT_BYTES = 1 << 16
"""What the system maps around one place that is read."""
MOST_BYTES = 50_000_000_000
ABANDONED_S = 7 * 24 * 3600.0
RECENT_S = 3600.0
"""A pack that was used so lately may be in use: it makes no room."""
IN_MEMORY_ROWS, BYTES_A_ROW = 100_000, 2_684

Progress = Callable[[int, int, str], None]


def in_memory_rows() -> int:
    """Up to so many rows stay in memory and nothing is packed on disk (DEEPDOJO_IN_MEMORY_ROWS)."""
    given = os.environ.get("DEEPDOJO_IN_MEMORY_ROWS", "")
    return int(given) if given.isdigit() else IN_MEMORY_ROWS


def in_memory_bytes() -> int:
    """Up to so many bytes of encoded examples stay in memory: 256 MB, in the proportion of `in_memory_rows`."""
    return in_memory_rows() * BYTES_A_ROW


def packed_folder() -> Path:
    """Where packs lie; deleting it costs nothing but the time to pack again."""
    return cache_folder() / "packed"


def most_bytes() -> int:
    """Beyond so many bytes the least recently used packs make room (DEEPDOJO_PACKED_GB)."""
    given = os.environ.get("DEEPDOJO_PACKED_GB", "")
    return int(float(given) * 1e9) if given.replace(".", "", 1).isdigit() else MOST_BYTES


def packed_bytes() -> int:
    """Bytes of all packs, those under way counted."""
    return sum(size for _, _, size in _folders())


def key_of(facts: Any) -> str:
    """SHA-256 over the JSON of all that a pack depends on."""
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def code_digest(*folders: str) -> str:
    """SHA-256 over the source of subpackages: data that other code has packed are packed anew."""
    total = sha256(f"{FORMAT}\0".encode())
    root = Path(__file__).parent
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


# ----- reading


@dataclass
class Pack:
    """A whole pack.

    Attributes:
        meta: what its maker wrote down.
    """

    folder: Path
    meta: dict[str, Any]
    _maps: dict[str, mmap.mmap] = field(default_factory=dict, repr=False)
    _touched: int = 0

    def map(self, name: str, dtype: Any, shape: Sequence[int] = (-1,)) -> np.ndarray:
        """A file as an array (of no width, too): copy-on-write, so that nobody can change the file through it."""
        data = self.raw(name)
        kind = np.dtype(dtype)
        flat = np.zeros(0, kind) if data is None else np.frombuffer(data, kind)
        return flat.reshape(shape)

    def raw(self, name: str) -> mmap.mmap | None:
        """The bytes of a file; None for an empty one, which cannot be mapped."""
        if name not in self._maps:
            with (self.folder / name).open("rb") as file:
                if os.fstat(file.fileno()).st_size == 0:
                    return None
                self._maps[name] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return self._maps[name]

    def touched(self, places: int) -> None:
        """So many places were read; hands the mapped pages back when they have become many."""
        self._touched += places * FAULT_BYTES
        if self._touched > RESIDENT_BYTES:
            self.release()

    def release(self) -> None:
        """The pages leave this process and stay in the system's cache while there is room."""
        self._touched = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            for data in self._maps.values():
                data.madvise(mmap.MADV_DONTNEED)


def find_pack(name: str, progress: Progress | None = None) -> Pack | None:
    """The pack of this name, if it is whole and its checksums are right; a damaged one is removed."""
    folder = packed_folder() / name
    try:
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        sound = meta["format"] == FORMAT and _sound(folder, meta["files"], progress)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    os.utime(folder)  # the least recently used one makes room
    return Pack(folder, meta["meta"])


def _sound(folder: Path, files: Mapping[str, Sequence[int]], progress: Progress | None) -> bool:
    if any((folder / name).stat().st_size != size for name, (size, _) in files.items()):
        return False
    total, done = sum(size for size, _ in files.values()), 0
    for name, (_, wanted) in files.items():
        crc = 0
        with (folder / name).open("rb") as file:
            while block := file.read(1 << 20):
                crc = zlib.crc32(block, crc)
                done += len(block)
                if progress is not None and total > 1 << 28:
                    progress(done >> 20, total >> 20, "MB of packed data checked")
        if crc != wanted:
            return False
    return True


# ----- writing


class Packing:
    """A pack under way. Only what was committed counts after a kill.

    Attributes:
        state: what the last commit left, {} at the beginning.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.partial = folder.with_name(folder.name + ".partial")
        self.state: dict[str, Any] = {}
        self._open: dict[str, IO[bytes]] = {}
        self._sizes: dict[str, list[int]] = {}
        self._committed_at = time.monotonic()
        self._resume()

    def _resume(self) -> None:
        try:
            journal = json.loads((self.partial / "journal.json").read_text("utf-8"))
            sizes = {name: [int(size), int(crc)] for name, (size, crc) in journal["files"].items()}
            for name, (size, _) in sizes.items():
                if (self.partial / name).stat().st_size < size:
                    raise ValueError(name)
                os.truncate(self.partial / name, size)
            for path in self.partial.iterdir():  # begun after the last commit
                if path.name not in sizes and path.name != "journal.json":
                    path.unlink()
            self.state, self._sizes = dict(journal["state"]), sizes
        except (OSError, ValueError, KeyError, TypeError):
            self.restart()

    def restart(self) -> None:
        """Forgets all that is there."""
        self.close()
        shutil.rmtree(self.partial, ignore_errors=True)
        self.state, self._sizes = {}, {}

    def append(self, name: str, data: bytes | np.ndarray) -> None:
        """Adds to the end of a file."""
        block = data if isinstance(data, bytes) else np.ascontiguousarray(data).view(np.uint8).reshape(-1).data
        try:
            if name not in self._open:
                self.partial.mkdir(parents=True, exist_ok=True)
                self._open[name] = (self.partial / name).open("ab")
            if len(block):
                self._open[name].write(block)
        except OSError as error:
            raise self._failed(error) from error
        entry = self._sizes.setdefault(name, [0, 0])
        if len(block):
            entry[0] += len(block)
            entry[1] = zlib.crc32(block, entry[1])

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def names(self) -> list[str]:
        """The files so far."""
        return list(self._sizes)

    def size(self, name: str) -> int:
        """Bytes of a file so far."""
        return self._sizes.get(name, [0, 0])[0]

    def due(self) -> bool:
        """Whether a commit is worth its time."""
        return time.monotonic() - self._committed_at > COMMIT_EVERY_S

    def commit(self, state: Mapping[str, Any]) -> None:
        """From here a killed packing goes on."""
        self.flush(sync=True)
        self.state = dict(state)
        write_json(self.partial / "journal.json", {"files": self._sizes, "state": self.state})
        self._committed_at = time.monotonic()

    def finish(self, meta: Mapping[str, Any]) -> Pack:
        """The whole pack, under its own name."""
        self.flush(sync=True)
        self.close()
        write_json(self.partial / "meta.json", {"format": FORMAT, "files": self._sizes, "meta": dict(meta)})
        (self.partial / "journal.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            os.replace(self.partial, self.folder)
        except OSError as error:
            raise self._failed(error) from error
        return Pack(self.folder, dict(meta))

    def flush(self, *, sync: bool = False) -> None:
        """What was appended can be read."""
        try:
            for file in self._open.values():
                file.flush()
                if sync:
                    os.fsync(file.fileno())
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        self._open = {}

    def _failed(self, error: OSError) -> DojoError:
        return cannot_write(self.partial, error)


@contextmanager
def packing(name: str, waits: Callable[[], None] | None = None) -> Iterator[Packing]:
    """A pack to write, by one process at a time.

    Args:
        waits: called when another process is at it. When the wait is over, look with `find_pack` first.
    """
    folder = packed_folder() / name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    with waiting_for(folder.with_name(f".{name}.lock"), waits):
        _make_room(keep=name)
        work = Packing(folder)
        try:
            yield work
        finally:
            work.close()


def made_once(kind: str, depends: Any, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays (n,) uint8 that are kept in the cache, under a key of all that they depend on."""
    name = f"{kind}-{key_of(depends)[:32]}"
    pack = find_pack(name)
    if pack is None:
        with packing(name) as work:
            pack = find_pack(name)
            if pack is None:
                work.restart()
                for entry, array in make().items():
                    work.append(entry, np.asarray(array, dtype=np.uint8))
                pack = work.finish({"entries": sorted(work.names())})
    return {entry: np.array(pack.map(entry, np.uint8)) for entry in pack.meta["entries"]}


def _folders() -> list[tuple[float, Path, int]]:
    """(last used, folder, bytes) of all packs, the least recently used first."""
    found = []
    root = packed_folder()
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            if folder.is_dir():
                size = sum(file.stat().st_size for file in folder.iterdir())
                found.append((folder.stat().st_mtime, folder, size))
        except OSError:  # another process has just renamed it
            continue
    return sorted(found)


def _make_room(keep: str) -> None:
    """Removes packs that nobody has finished for a week, and the least recently used ones beyond the limit."""
    most = most_bytes()
    folders = _folders()
    total = sum(size for _, _, size in folders)
    for used, folder, size in folders:
        partial = folder.name.endswith(".partial")
        if folder.name.removesuffix(".partial") == keep:
            continue
        age = time.time() - used
        if (partial and age > ABANDONED_S) or (not partial and total > most and age > RECENT_S):
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
