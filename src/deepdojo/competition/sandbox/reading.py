"""What another uid may read, and copies of what it may not: root gives its sandboxes no right of its own."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

__all__ = ["copy_for", "enterable", "readable_by_all"]


def readable_by_all(path: Path) -> bool:
    """Whether every file and folder at and below `path` is open to everybody, closed folders above it left aside."""
    if not _open_to_all(path):
        return False
    return not path.is_dir() or all(
        _open_to_all(Path(folder) / name) for folder, names, files in os.walk(path) for name in [*names, *files]
    )


def enterable(path: Path) -> bool:
    """Whether everybody can come to `path` through the folders above it."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def copy_for(path: Path, target: Path, uid: int) -> None:
    """A copy that belongs to `uid` alone. Links stay links: followed, they could name any file of root's."""
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True)
    else:
        shutil.copyfile(path, target)
    for folder, names, files in os.walk(target):
        for name in [*names, *files]:
            os.chown(Path(folder) / name, uid, uid, follow_symlinks=False)
    os.chown(target, uid, uid)


def _open_to_all(path: Path) -> bool:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return True
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
    return mode & wanted == wanted
