"""Consent to run code from outside: given once with `--trust`, remembered by the SHA-256 of each file."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

from deepdojo.errors import DojoError
from deepdojo.places import config_folder, write_json

__all__ = ["consented"]

_now: set[str] = set()  # where the store cannot be written, consent holds for this process


def consented(files: list[Path], *, trust: bool) -> bool:
    """True when every file was trusted before, byte for byte, or `trust` is given now (and then remembered)."""
    digests = {hashlib.sha256(path.read_bytes()).hexdigest(): str(path) for path in files if path.is_file()}
    store = config_folder() / "trusted.json"
    try:
        known: dict[str, str] = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if set(digests) <= {*known, *_now}:
        return True
    if not trust:
        return False
    _now.update(digests)
    with contextlib.suppress(DojoError):
        write_json(store, {**known, **digests})
    return True
