"""One row a sound: folders of WAV, FLAC and other files. Cells come from the path; what is in it is read later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deepdojo.data.readers import RawRow
from deepdojo.data.readers.image_folder import read as read_files
from deepdojo.data.sounds import SOUND_SUFFIXES

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["SOUNDS", "read"]

SOUNDS = f"**/*.{{{','.join(SOUND_SUFFIXES)}}}"


def read(files: Files, glob: str | Sequence[str] = SOUNDS, *, pattern: str | None = None) -> Iterator[RawRow]:
    """As the reader `files`, for sounds: cells `file`, `folder`, `stem`, and the named groups of `pattern`.

    Args:
        glob: all sounds below the source unless given; `recordings.zip!**/*.wav` looks into an archive.
    """
    yield from read_files(files, glob, pattern=pattern)
