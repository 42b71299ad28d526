"""Tokens in the user's config folder: one small file a server and event, readable by its owner alone."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote

from deepdojo.errors import UsageError
from deepdojo.places import cannot_write, config_folder

__all__ = ["Kept", "keep_secretly", "keep_token", "token_for", "token_of_server"]

Kept = dict[str, str]
"""name: how the board calls its owner; token."""


def keep_token(server: str, event: str, name: str, token: str) -> Path:
    """Write it down, and give the file. Raises DojoError where the config folder cannot be written."""
    told = {"server": server, "event": event, "name": name, "token": token}
    return keep_secretly(_folder(server) / f"{event}.json", json.dumps(told, indent=1) + "\n")


def keep_secretly(path: Path, text: str) -> Path:
    """Write a file of mode 0600, whole or not at all: nobody else can open it at any moment."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    return path


def token_for(server: str, event: str) -> Kept:
    """Raises UsageError where nobody has joined from here."""
    kept = _read(_folder(server) / f"{event}.json")
    if kept is None:
        raise UsageError(
            "nobody has joined this event from here", where=f"{server}/{event}",
            todo="join first: dojo join 'LINK' --as NAME, with the link that the host gave",
        )  # fmt: skip
    return kept


def token_of_server(server: str, name: str | None = None) -> Kept | None:
    """A token for any event of this server; with `name` one of that person, since a token is a person's."""
    folder = _folder(server)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = [kept for path in files if (kept := _read(path)) is not None]
    return next((kept for kept in found if name is None or kept["name"] == name), None)


def _folder(server: str) -> Path:
    return config_folder() / "tokens" / quote(server, safe="")


def _read(path: Path) -> Kept | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {"name": str(told["name"]), "token": str(told["token"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None
