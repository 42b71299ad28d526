"""The public folder as one zip: made once, the same bytes for everybody."""

from __future__ import annotations

import os
import threading
import zipfile
from pathlib import Path

from deepdojo.competition.refusal import Refusal

__all__ = ["zip_folder", "zip_of"]

_DATE = (2020, 1, 1, 0, 0, 0)
_STORED = (".parquet", ".jpg", ".jpeg", ".png", ".flac", ".ogg", ".mp3", ".mp4", ".zip", ".webp", ".avi")
_making = threading.Lock()


def zip_of(folder: Path, cache: Path) -> Path:
    """`cache/NAME.zip` with the files of `events/NAME/public`. Raises Refusal where there is no such folder."""
    if not folder.is_dir():
        raise Refusal("not_found", "this event's data are not here", todo="tell the host")
    return zip_folder(folder, cache / f"{folder.parent.name}.zip")


def zip_folder(folder: Path, path: Path) -> Path:
    """The zip of a folder's files, made if it is not there; gives `path`."""
    with _making:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            with zipfile.ZipFile(part, "w") as archive:
                for file in sorted(folder.rglob("*")):
                    if file.is_file() and not file.is_symlink():
                        info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _DATE)
                        info.external_attr = 0o644 << 16
                        stored = file.suffix.lower() in _STORED
                        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                        with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                            while chunk := source.read(1 << 20):
                                target.write(chunk)
            os.replace(part, path)
    return path
