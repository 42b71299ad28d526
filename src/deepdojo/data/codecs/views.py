"""An image as several that mean the same: what test-time augmentation predicts beside it, to take the mean.

Legend: C channels, Y height, X width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deepdojo.errors import UnknownNameError

__all__ = ["VIEWS", "require_views", "views_of"]

VIEWS = ("flip", "shift")
"""flip: mirrored left to right. shift: moved by one pixel, once up and left, once down and right."""


def require_views(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once and in order. Raises UnknownNameError."""
    for name in names:
        if name not in VIEWS:
            raise UnknownNameError("view", name, VIEWS, where="task.views")
    return tuple(name for name in VIEWS if name in names)


def views_of(image: np.ndarray, names: Sequence[str]) -> Iterator[np.ndarray]:
    """(C, Y, X) itself, then its views: flip makes two of one, shift three of each. A border that opens is repeated.

    Source: Krizhevsky et al. 2012, section 4.1 (predictions averaged over crops and mirrored crops)
    """
    for one in (image, image[:, :, ::-1]) if "flip" in names else (image,):
        yield np.ascontiguousarray(one)
        if "shift" in names:
            padded = np.pad(one, ((0, 0), (1, 1), (1, 1)), mode="edge")
            yield np.ascontiguousarray(padded[:, 2:, 2:])
            yield np.ascontiguousarray(padded[:, :-2, :-2])
