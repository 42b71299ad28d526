"""Real data that scikit-learn brings along, for the pictures after a pass: nothing is fetched."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["diabetes", "digits", "neighbours", "photograph"]


def digits() -> tuple[Tensor, Tensor, Tensor]:
    """1,797 handwritten digits (UCI): pixels (N, 64) float32 from 0 to 16, digit (N,), and which are held back (N,)."""
    rows = _table("data/digits.csv.gz", ",")
    held = torch.arange(len(rows)) % 4 == 3
    return rows[:, :64], rows[:, 64].long(), held


def diabetes() -> tuple[Tensor, Tensor]:
    """442 patients (Efron et al. 2004): ten standardised measurements (N, 10), and how the disease went on (N,)."""
    x = _table("data/diabetes_data_raw.csv.gz", None)
    return (x - x.mean(0)) / x.std(0, correction=0), _table("data/diabetes_target.csv.gz", None)


def photograph(name: str) -> Tensor:
    """`china` or `flower`, 427 x 640: (Y, X, 3) bytes."""
    from PIL import Image

    with Image.open(_folder() / "images" / f"{name}.jpg") as image:
        return torch.from_numpy(np.array(image.convert("RGB")))


def _folder() -> Path:
    """Without importing scikit-learn, which takes a second."""
    found = importlib.util.find_spec("sklearn")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "datasets"


def _table(name: str, delimiter: str | None) -> Tensor:
    with gzip.open(_folder() / name, "rt") as file:
        return torch.from_numpy(np.loadtxt(file, delimiter=delimiter, dtype=np.float32))


def neighbours() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Digits that were held back, named after those that are known, the least sure first.

    Returns:
        (n,) each: the digit, that of the nearest, that of the nearest with another name, the vote of the nearest nine.
    """
    x, y, held = digits()
    distance = torch.cdist(x[held], x[~held])
    known = y[~held]
    nearest = known[distance.argmin(1)]
    other = distance.masked_fill(known == nearest[:, None], torch.inf)
    nine = torch.nn.functional.one_hot(known[distance.topk(9, largest=False).indices], 10).sum(1).argmax(1)
    order = (other.amin(1) / distance.amin(1).clamp(min=1e-6)).argsort()
    return y[held][order], nearest[order], known[other.argmin(1)][order], nine[order]
