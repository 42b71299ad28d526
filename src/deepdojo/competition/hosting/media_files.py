"""Pictures, sounds and videos of published rows: renamed, without metadata, of one time, under `files/`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.hosting.strip_pictures import png_of, stripped_picture
from deepdojo.competition.hosting.strip_sounds import stripped_sound
from deepdojo.competition.hosting.strip_videos import stripped_video
from deepdojo.data.images import decode_image
from deepdojo.data.sounds import decode_sound
from deepdojo.data.videos import decode_video
from deepdojo.errors import DataError

__all__ = ["FOLDER", "MADE_AT", "MediaFiles", "set_times"]

FOLDER = "files"
MADE_AT = 946_684_800
"""Every published file is of 1 January 2000: when it was made may tell what is in it."""

_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "image": decode_image, "audio": decode_sound, "video": decode_video,
}  # fmt: skip


class MediaFiles:
    """Writes each file once.

    Attributes:
        kept_metadata: files whose container we cannot clean.
        written: how many there are.
    """

    def __init__(self, public: Path) -> None:
        self.public = public
        self.kept_metadata = 0
        self.written = 0
        self._known: dict[str, str] = {}

    def add(self, cell: Any, kind: str, stem: str, *, decoded: bool) -> str:
        """The name of the file, relative to the public folder.

        Args:
            stem: its new name; two cells of one stem are one file.
            decoded: look whether it can be decoded whole. A test row whose picture cannot is no row: no program could
                predict it.

        Raises:
            DataError: it cannot be read.
        """
        if stem in self._known:
            return self._known[stem]
        data, ending = self._clean(cell, kind)
        if decoded:
            _DECODERS[kind](data)
        name = f"{FOLDER}/{stem}{ending}"
        path = self.public / name
        if not self._known:
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        self._known[stem] = name
        self.written += 1
        return name

    def _clean(self, cell: Any, kind: str) -> tuple[bytes, str]:
        if isinstance(cell, np.ndarray):
            if kind != "image":
                raise DataError(f"an array of numbers is no {kind} that can be handed out as a file")
            return png_of(decode_image(cell)), ".png"
        data = bytes(cell) if isinstance(cell, bytes | bytearray | memoryview) else bytes(cell.read())
        if kind == "image":
            return stripped_picture(data)
        if kind == "audio":
            return stripped_sound(data)
        data, ending, clean = stripped_video(data)
        self.kept_metadata += not clean
        return data, ending


def set_times(paths: Iterable[Path]) -> None:
    """One time for all files and folders, folders last: what is written into one changes its own."""
    for path in sorted(paths, key=lambda p: (p.is_dir(), -len(p.parts))):
        os.utime(path, (MADE_AT, MADE_AT))
