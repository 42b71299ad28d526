"""pneumoniamnist.npz in MedMNIST's own layout: {train,val,test}_images (n, 28, 28) uint8, and _labels (n, 1)."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

CLASSES = ("normal", "pneumonia")


def read(files: Files, file: str, part: str) -> Iterator[RawRow]:
    """One row a picture, named as `train-1`.

    Args:
        part: train, val or test.
    """
    with np.load(io.BytesIO(files.bytes(file)), allow_pickle=False) as archive:
        images, labels = archive[f"{part}_images"], archive[f"{part}_labels"][:, 0]
    for k, (image, label) in enumerate(zip(images, labels, strict=True), 1):
        yield RawRow({"id": f"{part}-{k}", "image": image, "label": CLASSES[label]}, file, k)
