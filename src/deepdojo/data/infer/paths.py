"""Where the data of `dojo new` lie: the folder that names are relative to, and what stands before every name."""

from __future__ import annotations

import os
from pathlib import Path

from deepdojo.errors import DataError, UsageError, nearest

__all__ = ["below", "existing", "is_archive", "root_of"]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def existing(given: str | Path) -> Path:
    """The path of what is given. Raises DataError where there is no such file or folder."""
    path = Path(given).expanduser().absolute()
    if path.exists():
        return Path(os.path.normpath(path))
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    guess = nearest(path.name, beside)
    raise DataError(
        "there is no such file or folder", where=str(given), todo=f"did you mean {guess!r}?" if guess else None
    )


def is_archive(path: Path) -> bool:
    """Whether it is a file that holds files."""
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def root_of(path: Path, test: Path | None) -> Path:
    """The folder that names are relative to: a folder itself, a file's folder, or what both have in common."""
    if test is None:
        return path if path.is_dir() else path.parent
    try:
        return Path(os.path.commonpath([path.parent, test.parent]))
    except ValueError:  # two drives of Windows
        raise UsageError(
            "--test and --from lie on two drives", where=str(test), todo="copy them into one folder"
        ) from None


def below(path: Path, root: Path) -> str:
    """What stands before every name in a folder or an archive: "", "photos/" or "photos.zip!"."""
    name = path.relative_to(root).as_posix()
    if path.is_file():
        return f"{name}!"
    return "" if name == "." else f"{name}/"
