"""Files that run code when they are opened: found by what is in them, whatever their names."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile

__all__ = ["dangerous"]

_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".dill", ".ckpt", ".npz.pkl")
_LOOKED_AT_BYTES = 1 << 20
_DEPTH = 2
_UNSAFE_YAML = re.compile(rb"!!python/|tag:yaml\.org,2002:python/")
_CALLS = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"}
_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "lzma"))


def dangerous(name: str, head: bytes, whole: io.BufferedIOBase | None = None, depth: int = 0) -> str | None:
    """What is wrong with a file, as a clause ("is a pickle"), or None.

    Args:
        head: its first bytes, up to 1 MiB.
        whole: the file, to look into an archive.
    """
    lower = name.lower()
    if lower.endswith(_NAMES):
        return "has the ending of a pickle, which runs code when it is opened"
    if is_pickle(head):
        return "is a pickle, which runs code when it is opened"
    if head.startswith(b"\x93NUMPY") and b"O" in _descriptor(head):
        return "is a numpy array of objects, which is a pickle"
    if lower.endswith((".yaml", ".yml")) and _UNSAFE_YAML.search(head):
        return "is YAML that makes Python objects"
    unpacked = _unpacked_head(head)
    if unpacked is not None and is_pickle(unpacked):
        return "is a compressed pickle, which runs code when it is opened"
    if head.startswith(b"PK\x03\x04") and whole is not None and depth < _DEPTH:
        return _in_archive(whole, depth)
    return None


def is_pickle(head: bytes) -> bool:
    """A stream of pickle's protocol 2 or later by its first steps; an older, unmarked one if it calls anything."""
    marked = len(head) > 2 and head[0] == 0x80 and 1 <= head[1] <= 5
    seen = 0
    calls = False
    try:
        for operation, _, _ in pickletools.genops(head[: 1 << 16]):
            seen += 1
            calls = calls or operation.name in _CALLS
            if marked and seen == 3:
                return True
            if operation.name == "STOP":
                return marked or calls
    except Exception:  # whatever its parser makes of bytes that are something else
        return calls and len(head) >= 1 << 16 and seen > 20
    return False


def _descriptor(head: bytes) -> bytes:
    """The dtype in the header of a .npy file."""
    found = re.search(rb"'descr'\s*:\s*(.*?),\s*'fortran_order'", head[:65_536], re.DOTALL)
    return found.group(1) if found else b""


def _unpacked_head(head: bytes) -> bytes | None:
    for start, module in _COMPRESSED:
        if head.startswith(start):
            import importlib

            opened = importlib.import_module(module).open(io.BytesIO(head))
            try:
                return bytes(opened.read(4096))
            except (OSError, EOFError, ValueError):
                return None
            except Exception:  # lzma.LZMAError, zlib.error: no common parent
                return None
    return None


def _in_archive(whole: io.BufferedIOBase, depth: int) -> str | None:
    """torch.save writes a zip with a pickle; .npz is a zip of arrays."""
    try:
        with zipfile.ZipFile(whole) as archive:
            for member in archive.infolist()[:1000]:
                with archive.open(member) as file:
                    head = file.read(_LOOKED_AT_BYTES if depth + 1 == _DEPTH else 4096)
                fault = dangerous(member.filename, head, None, depth + 1)
                if fault is not None:
                    return f"is an archive in which {member.filename!r} {fault}"[:300]
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return None  # no archive that anything could open
    return None
