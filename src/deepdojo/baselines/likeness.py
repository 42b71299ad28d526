"""Pictures compared without a network: by chance, by pixels, by principal components, by pixels under any light.

Each floor turns a picture into a vector; the likeness of two is the correlation of their vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.pixels import Form, form_of, shrink_all
from deepdojo.baselines.problem import Problem
from deepdojo.data.gallery import Gallery

__all__ = ["eigenfaces", "guess", "pixels", "structure"]

Columns = Mapping[str, Sequence[Any]]
Encode = Callable[[np.ndarray], np.ndarray]
SIDE = 64
COMPONENTS = 60
LEAST = 1e-9


def guess(problem: Problem) -> tuple[Columns, str]:
    """A name drawn from each gallery, or a likeness drawn from [0, 1)."""
    draws = np.random.default_rng(problem.seed)
    said = [_answer(row, draws.random(max(1, len(_others(problem, row))))) for row in problem.test]
    return _columns(problem, said), "drawn with the seed"


def pixels(problem: Problem) -> tuple[Columns, str]:
    """Correlation of pixels: brightness and contrast of the whole picture do not count."""
    return _nearest(problem, lambda stack: stack), "the picture whose pixels correlate most"


def structure(problem: Problem) -> tuple[Columns, str]:
    """The same after log(1 + grey), minus its Gaussian mean (3 pixels), over its Gaussian deviation (5 pixels)."""
    from scipy.ndimage import gaussian_filter

    def encode(stack: np.ndarray) -> np.ndarray:
        x = np.log1p(stack)
        x = x - gaussian_filter(x, (0, 0, 3, 3), mode="nearest")
        spread = np.sqrt(gaussian_filter(x**2, (0, 0, 5, 5), mode="nearest") + 1e-6)
        return x / (spread + 0.01)

    return _nearest(problem, encode), "the picture whose pixels, without local light and contrast, correlate most"


def eigenfaces(problem: Problem) -> tuple[Columns, str]:
    """The first 60 principal components of the training pictures, each divided by its deviation.

    Source: Turk & Pentland 1991, "Eigenfaces for recognition"; divided as in Moghaddam & Pentland 1997.
    """
    form = _form(problem)
    some = problem.cells(problem.train)[:5000]
    train = _stack(some, form).reshape(len(some), -1)
    mean = train.mean(axis=0)
    count = min(COMPONENTS, len(some) - 1, train.shape[1])
    _, values, basis = np.linalg.svd(train - mean, full_matrices=False)
    basis = basis[:count] / np.maximum(values[:count, None], LEAST)

    def encode(stack: np.ndarray) -> np.ndarray:
        return (stack.reshape(len(stack), -1) - mean) @ basis.T

    return _nearest(problem, encode, centred=False), f"{count} principal components of the training pictures, whitened"


# ----- what they share


def _others(problem: Problem, row: Mapping[str, Any]) -> list[Any]:
    cell = row[problem.contract.compared[0]]
    return [picture for _, picture in cell] if isinstance(cell, Gallery) else [cell]


def _form(problem: Problem) -> Form:
    some = [*problem.cells(problem.train[:500]), *problem.cells(problem.test[:500])]
    return form_of(list(map(_channels_last, some)), side=SIDE)


def _stack(cells: Sequence[Any], form: Form) -> np.ndarray:
    """(n, C, Y, X) float32."""
    return shrink_all(list(map(_channels_last, cells)), form).astype(np.float32)


def _channels_last(cell: Any) -> Any:
    """Pictures of a job folder are (C, Y, X)."""
    if not isinstance(cell, np.ndarray) or cell.ndim == 2 or cell.shape[2] == 3:
        return cell
    return cell[0] if cell.shape[0] == 1 else np.moveaxis(cell, 0, 2)


def _nearest(problem: Problem, encode: Encode, *, centred: bool = True) -> Columns:
    form = _form(problem)
    places: dict[Any, int] = {}
    cells: list[Any] = []
    wanted = []
    for row in problem.test:
        numbers = []
        for cell in (row[problem.input], *_others(problem, row)):
            key = id(cell) if isinstance(cell, np.ndarray) else cell.name
            if key not in places:
                places[key] = len(cells)
                cells.append(cell)
            numbers.append(places[key])
        wanted.append(numbers)
    vectors = np.concatenate(
        [_unit(encode(_stack(cells[at : at + 2000], form)), centred) for at in range(0, len(cells), 2000)]
    )
    said = []
    for row, numbers in zip(problem.test, wanted, strict=True):
        said.append(_answer(row, vectors[numbers[1:]] @ vectors[numbers[0]]))
    return _columns(problem, said)


def _unit(stack: np.ndarray, centred: bool) -> np.ndarray:
    flat = stack.reshape(len(stack), -1).astype(np.float64)
    if centred:
        flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), LEAST)


def _answer(row: Mapping[str, Any], likeness: np.ndarray) -> Any:
    """The likeness of a pair; of a gallery the name of the nearest picture, and the likeness of each name."""
    gallery = next((cell for cell in row.values() if isinstance(cell, Gallery)), None)
    if gallery is None:
        return float(likeness[0])
    best: dict[str, float] = {}
    for (name, _), value in zip(gallery, likeness.tolist(), strict=True):
        best[name] = max(value, best.get(name, -np.inf))
    return max(best, key=best.__getitem__), np.array(list(best.values()))


def _columns(problem: Problem, said: Sequence[Any]) -> Columns:
    names = list(problem.contract.predictions)
    if len(names) == 1:
        return {names[0]: said}
    return {names[0]: [name for name, _ in said], names[1]: [values for _, values in said]}
