"""Floors that find objects without a network: the places where boxes usually are, and patches of an object's colour.

Everything is measured as a share of the picture's sides, since a floor may get the picture made smaller.

Legend: N boxes, K colours, Y, X pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.baselines.problem import Problem, Row, Unfit
from deepdojo.boxes import corners_of, iou_of, suppressed

__all__ = ["SIZE", "colour_patches", "usual_places"]

SIZE = "size"
"""Column of a job's rows that tells (Y, X) of the original picture."""
LEVELS = 8
"""Steps of each of the three colour channels."""
THRESHOLDS = (0.35, 0.5, 0.65)
TRIED, PLACES = 600, 30
AGREE, OVERLAP = 0.5, 0.5
MOST_PIXELS = 4_000_000

Found = tuple[dict[str, list[Any]], str]


def usual_places(problem: Problem) -> Found:
    """The same boxes for every picture: those of training pictures that most other ones have a box near.

    Of up to 600 true boxes of a class each counts the training pictures with a box of that class that overlaps it by
    half (IoU); the best stays, those near it go, and so on; the score is the share of pictures.
    """
    found: list[list[Any]] = []
    for label, of_row in _by_label(problem).items():
        every = np.concatenate(list(of_row.values()))
        drawn = np.random.default_rng(problem.seed).permutation(len(every))[:TRIED]
        tried = every[drawn]
        share = np.mean([(iou_of(tried, own) >= AGREE).any(axis=1) for own in of_row.values()], axis=0)
        share *= len(of_row) / len(problem.train)
        best = suppressed(tried, share, OVERLAP)[:PLACES]
        found += [[label, float(share[i]), *tried[i].tolist()] for i in best]
    about = f"{len(found)} boxes where most training pictures have one, the same for every picture"
    return {problem.contract.answer: [_scaled(found, _size(row, problem)) for row in problem.test]}, about


def colour_patches(problem: Problem) -> Found:
    """Connected patches of the colours that a class has: of each colour (8 steps a channel) the share of its pixels
    that lie in that class's boxes; pixels above a threshold are labelled, and a patch of a usual size is a box.

    The share is measured in the middle ellipses of the training boxes against what lies in no box of the class; of
    three thresholds the one with the best F1 on training pictures stays.
    """
    from scipy import ndimage

    if all(_colours(row[problem.input])[1] for row in problem.train[:50]):
        raise Unfit("all pictures are grey")
    parts = _by_label(problem)
    chosen = {label: _fitted(problem, label, of_row, ndimage) for label, of_row in parts.items()}
    found = []
    for row in problem.test:
        codes = _colours(row[problem.input])[0]
        boxes = [box for label, (shares, threshold, usual) in chosen.items()
                 for box in _patches(label, shares[codes], threshold, usual, ndimage)]  # fmt: skip
        found.append(_scaled(sorted(boxes, key=lambda box: -box[1])[:100], _size(row, problem)))
    said = ", ".join(f"{label} {threshold:g}" for label, (_, threshold, _) in list(chosen.items())[:5])
    return {
        problem.contract.answer: found
    }, f"connected pixels of a class's colours, thresholds by F1 in training: {said}"


def _fitted(problem: Problem, label: str, of_row: Mapping[int, np.ndarray], ndimage: Any) -> tuple[Any, float, Any]:
    """(K,) share of each colour's pixels that belong to the class; the threshold; usual areas (low, high)."""
    inside, beside = np.ones(LEVELS**3), np.full(LEVELS**3, 4.0)  # an unseen colour belongs to nothing
    pixels = 0
    for at, row in enumerate(problem.train):
        codes = _colours(row[problem.input])[0]
        near, core = _masks(codes.shape, of_row.get(at, np.zeros((0, 4))))
        inside += np.bincount(codes[core], minlength=LEVELS**3)
        beside += np.bincount(codes[~near], minlength=LEVELS**3)
        pixels += codes.size
        if pixels > MOST_PIXELS:
            break
    shares = inside / (inside + beside)
    areas = np.concatenate([(own[:, 2:] - own[:, :2]).prod(axis=1) for own in of_row.values()])
    usual = np.quantile(areas, 0.02) * 0.5, np.quantile(areas, 0.98) * 1.5
    tried = list(of_row)[:60]
    best = max(THRESHOLDS, key=lambda t: _f1(problem, label, of_row, tried, shares, t, usual, ndimage))
    return shares, best, usual


def _f1(
    problem: Problem, label: str, of_row: Mapping[int, np.ndarray], rows: Sequence[int], shares: np.ndarray,
    threshold: float, usual: Any, ndimage: Any,
) -> float:  # fmt: skip
    right = said = true = 0
    for at in rows:
        codes = _colours(problem.train[at][problem.input])[0]
        boxes = corners_of(_patches(label, shares[codes], threshold, usual, ndimage))
        said, true = said + len(boxes), true + len(of_row[at])
        right += int((iou_of(boxes, of_row[at]) >= AGREE).any(axis=0).sum()) if len(boxes) else 0
    return 2 * right / max(1, said + true)


def _patches(label: str, share: np.ndarray, threshold: float, usual: Any, ndimage: Any) -> list[list[Any]]:
    """Boxes as shares of the sides; the score is the mean share of colour times how full the patch's box is."""
    height, width = share.shape
    numbered, _ = ndimage.label(ndimage.binary_fill_holes(ndimage.binary_opening(share >= threshold)))
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered), 1):
        corners = [columns.start / width, rows.start / height, columns.stop / width, rows.stop / height]
        area = (corners[2] - corners[0]) * (corners[3] - corners[1])
        if usual[0] <= area <= usual[1]:
            own = numbered[rows, columns] == number
            found.append([label, float(share[rows, columns][own].mean() * own.mean()), *corners])
    return found


def _masks(shape: tuple[int, ...], boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels inside any box, and inside the middle ellipse (half its sides) of one."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    y, x = y / shape[0], x / shape[1]
    near, core = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        near |= (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        core |= ((x - (x0 + x1) / 2) / (x1 - x0)) ** 2 + ((y - (y0 + y1) / 2) / (y1 - y0)) ** 2 <= 1 / 16
    return near, core


def _colours(cell: Any) -> tuple[np.ndarray, bool]:
    """(Y, X) the number of each pixel's colour; and whether the picture is grey."""
    from deepdojo.baselines.pixels import pixels_of

    pixels = pixels_of(cell)
    grey = pixels.ndim == 2
    pixels = np.repeat(pixels[..., None], 3, axis=2) if grey else pixels
    steps = pixels.astype(np.int64) * LEVELS // 256
    return (steps[..., 0] * LEVELS + steps[..., 1]) * LEVELS + steps[..., 2], grey


def _by_label(problem: Problem) -> dict[str, dict[int, np.ndarray]]:
    """Label -> number of a training row -> (N, 4) its boxes of that label, as shares of the sides."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for at, row in enumerate(problem.train):
        height, width = _size(row, problem)
        for label in sorted({box[0] for box in row[problem.contract.target]}):
            own = corners_of([box for box in row[problem.contract.target] if box[0] == label])
            found.setdefault(label, {})[at] = own / [width, height, width, height]
    if not found:
        raise Unfit("no training row has a box")
    return dict(sorted(found.items()))


def _size(row: Row, problem: Problem) -> tuple[int, int]:
    from deepdojo.data.images import shown_size

    height, width = row[SIZE] if SIZE in row else shown_size(row[problem.input])
    return int(height), int(width)


def _scaled(boxes: Sequence[Sequence[Any]], size: tuple[int, int]) -> list[list[Any]]:
    height, width = size
    return [[label, score, x0 * width, y0 * height, x1 * width, y1 * height] for label, score, x0, y0, x1, y1 in boxes]
