"""The IDX files of the MNIST family: a file of arrays and a file of labels."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read(files: Files, inputs: str, *, labels: str | None = None) -> Iterator[RawRow]:
    """One row a record, with the cells `image` (a uint8 array) and `label` (text), numbered from 1.

    Args:
        inputs: file of unsigned bytes, (n, Y, X) or (n, Y, X, 3).
        labels: file of n integers; without it there is no cell `label`.

    Raises:
        DataError: no IDX file, cut short, or of unequal lengths.
    """
    images = _array(files, inputs)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise DataError(f"holds {images.dtype} {images.shape}, expected pictures as unsigned bytes", where=inputs)
    answers = _array(files, labels) if labels is not None else None
    if answers is not None and (answers.ndim != 1 or len(answers) != len(images) or answers.dtype.kind not in "iu"):
        raise DataError(
            f"{inputs} holds {len(images)} pictures, {labels} {answers.shape} labels",
            todo="take files that belong together",
        )
    if not len(images):
        raise DataError("the file holds no picture", where=inputs)
    for i, image in enumerate(images):
        cells = {"image": image}
        if answers is not None:
            cells["label"] = str(answers[i])
        yield RawRow(cells, inputs, i + 1)


def _array(files: Files, name: str) -> np.ndarray:
    data = files.bytes(name)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise DataError("is no IDX file", where=name, todo="look whether it was downloaded whole")
    rank = data[3]
    start = 4 + 4 * rank
    if len(data) < start:
        raise DataError("is cut short", where=name)
    shape = struct.unpack(f">{rank}I", data[4:start])
    dtype = np.dtype(_TYPES[data[2]])
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) - start != wanted:
        raise DataError(
            f"holds {len(data) - start:,} bytes of data, its head says {wanted:,}", where=name, todo="fetch it again"
        )
    array = np.frombuffer(data, dtype=dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)
