"""New names for rows and files: keyed hashes, which tell nothing to whoever lacks the key."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Iterable, Sequence

from deepdojo.errors import DojoError

__all__ = ["keyed", "new_id", "new_ids"]

SHORTEST, LONGEST = 10, 48
FIRST = "r"
"""A letter comes first, so that no program takes an id for a number (2e345)."""


def keyed(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 of some texts, parted so that no two lists of them are alike."""
    message = b"".join(
        len(text).to_bytes(8, "big") + text for text in (p.encode("utf-8", "surrogatepass") for p in parts)
    )
    return hmac.new(key, message, hashlib.sha256).digest()


def new_ids(key: bytes, what: str, names: Iterable[str]) -> dict[str, str]:
    """Name -> its new one: a letter and at least ten small letters and digits, more where two would be alike.

    Ten of 32 signs are 50 bits: among 1,000,000 names two are alike with probability 4e-4, and all get longer.

    Args:
        what: "row", "file": the same name gets another id of another kind.
    """
    names = list(dict.fromkeys(names))
    whole = [new_id(key, what, name, LONGEST) for name in names]
    for length in range(SHORTEST, LONGEST + 1):
        short = [text[: 1 + length] for text in whole]
        if not _collide(short):
            return dict(zip(names, short, strict=True))
    raise DojoError("two names have the same hash under this key", todo="host with another key")


def new_id(key: bytes, what: str, name: str, length: int) -> str:
    """The new name of one, with so many signs behind the letter."""
    return FIRST + b32encode(keyed(key, what, name)).decode("ascii").lower()[:length]


def _collide(ids: Sequence[str]) -> bool:
    return len(set(ids)) < len(ids)
