"""Where things lie on a user's machine, and how files are written there: atomically, never beside the user's data."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from deepdojo.errors import DojoError

__all__ = [
    "cache_folder",
    "cannot_write",
    "config_folder",
    "mirror_folder",
    "offline",
    "runs_folder",
    "write_bytes",
    "write_json",
    "write_text",
]


@cache
def cache_folder() -> Path:
    """Downloads by SHA-256 and packed data: `DEEPDOJO_CACHE`, else the user's cache folder, else a temporary one."""
    import platformdirs

    wanted = os.environ.get("DEEPDOJO_CACHE") or platformdirs.user_cache_dir("deepdojo")
    folder = Path(wanted).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="deepdojo-cache-"))
        import sys

        print(f"note: {wanted} cannot be written, so downloads go to {folder} (set DEEPDOJO_CACHE)", file=sys.stderr)
    return folder


def config_folder() -> Path:
    """Language, consent, tokens: `DEEPDOJO_CONFIG`, else the user's config folder. It may not exist or not be
    writable."""
    import platformdirs

    return Path(os.environ.get("DEEPDOJO_CONFIG") or platformdirs.user_config_dir("deepdojo")).expanduser()


def mirror_folder() -> Path | None:
    """The folder that `DEEPDOJO_DATA` names: one subfolder a data set, or None."""
    value = os.environ.get("DEEPDOJO_DATA")
    return Path(value).expanduser() if value else None


def offline() -> bool:
    """True when `DEEPDOJO_OFFLINE` forbids the network."""
    return os.environ.get("DEEPDOJO_OFFLINE", "") not in ("", "0")


def runs_folder(project_name: str, project_folder: Path | None, given: str | Path | None = None) -> Path:
    """Where the runs of a project go: `given`, else `DEEPDOJO_RUNS`, else beside a user's project, else `./runs/NAME`.

    Args:
        project_folder: the folder of a user's project; None for a built-in one.
    """
    chosen = given or os.environ.get("DEEPDOJO_RUNS")
    if chosen:
        return Path(chosen).expanduser().absolute() / project_name
    if project_folder is not None:
        return project_folder.absolute() / "runs"
    return Path.cwd() / "runs" / project_name


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part (temporary file, fsync, rename).

    Raises DojoError when the disk is full or the folder may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> DojoError:
    """The one sentence for a write that failed: full disk, no permission, or what the system says."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        run = next((p.name.removesuffix(".partial") for p in path.parents if p.name.endswith(".partial")), None)
        again = "do it again" if run is None else f"go on with dojo train --resume {run}"
        return DojoError("the disk is full", where=str(path), todo=f"free some space, then {again}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        folder = "choose a folder with --runs DIR" if "runs" in path.parts else "choose another folder"
        return DojoError("there is no permission to write here", where=str(path), todo=folder)
    return DojoError(f"cannot write ({error.strerror or error})", where=str(path))


def write_text(path: Path, text: str) -> None:
    """`write_bytes` in UTF-8 with newlines as they stand."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` of JSON: UTF-8, indented, a newline at the end; NaN is an error of ours."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
