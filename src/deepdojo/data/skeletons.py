"""Skeletons: joints of a moving body as numbers. Text files -> (T, J, 3), what is wrong with one as a sentence, and
which joints a bone holds together.

Dimensions: T frames, J joints.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable

import numpy as np

from deepdojo.data.cells import parse_number
from deepdojo.errors import DataError

__all__ = [
    "axes_of", "bones_of", "checked_motion", "motion_of", "parse_motion", "placed", "resampled", "upright",
]  # fmt: skip

MOST_FRAMES = 100_000
FARTHEST = 1e15
"""Coordinates beyond this are no places: squares of float32 overflow."""
_PARTS = re.compile(r"[\s,;]+")
_PLAIN = re.compile(r"[-+.0-9eE \t\r\n]*", re.ASCII)
_LOOKED_AT = 2_000
_EXACT_DIGITS = 15


def parse_motion(text: str, joints: int | None = None) -> np.ndarray:
    """(T, J, 3) float32 of a text of numbers, parted by blanks, commas or semicolons.

    Either a joint a line, three numbers or four (the fourth, a confidence, is left out), `joints` lines a frame; or a
    frame a line, three numbers a joint.

    Raises:
        DataError: empty, lines of different widths, what is no number, frames that lack joints.
    """
    if _PLAIN.fullmatch(text) and (plain := _plain_numbers(text)) is not None:
        return checked_motion(_framed(plain, joints))
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DataError("the file is empty")
    rows: list[list[float | None]] = []
    for number, line in lines:
        parts = [part for part in _PARTS.split(line.strip()) if part]
        if rows and len(parts) != len(rows[0]):
            wide, before = (f"{n} number{'s' if n != 1 else ''}" for n in (len(parts), len(rows[0])))
            raise DataError(f"line {number} has {wide}, the lines before it {before}")
        values = [parse_number(part) for part in parts]
        if None in values:
            raise DataError(f"line {number}: {parts[values.index(None)][:40]!r} is not a finite number")
        rows.append(values)
    return checked_motion(_framed(np.array(rows, dtype=np.float64), joints))


def _plain_numbers(text: str) -> np.ndarray | None:
    """Lines of plain numbers, as many in each; None where one is odd, which the slow way then names.

    Words are counted on the bytes: what numpy reads as two numbers ("1-2") is one word, and the counts then differ.
    """
    text = text.replace("\r\n", "\n")
    if "\r" in text or not text.strip():
        return None
    signs = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    words = signs > ord(" ")
    words[1:] &= signs[:-1] <= ord(" ")
    begins = np.concatenate([[0], np.flatnonzero(signs[:-1] == ord("\n")) + 1])
    widths = np.add.reduceat(words, begins, dtype=np.int64)
    widths = widths[widths > 0]
    if (widths != widths[0]).any():
        return None
    values = _fixed_point(text, signs, words)
    values = _any_point(text) if values is None else values
    if values is None or len(values) != widths.sum() or not np.isfinite(values).all():
        return None
    return values.reshape(len(widths), -1)


def _fixed_point(text: str, signs: np.ndarray, words: np.ndarray) -> np.ndarray | None:
    """Numbers with equally many digits behind the point, as sensors write them; None where one is otherwise.

    Whole numbers are read in a quarter of the time. Their quotient by a power of ten is rounded once, as the number
    itself would be, while both are below 2^53.
    """
    begins, dots = np.flatnonzero(words), np.flatnonzero(signs == ord("."))
    if len(dots) != len(begins) or (dots < begins).any() or (dots[:-1] >= begins[1:]).any():
        return None
    digits = len(text.split(None, 1)[0].rpartition(".")[2])
    if not 0 < digits <= _EXACT_DIGITS or any(sign in text for sign in "eE+"):
        return None
    framed = np.concatenate([signs, np.full(digits + 2, ord(" "), dtype=np.uint8)])
    # The last word's digits end the text; from there backwards each word has its own, or would hold another's point.
    if (framed[dots + digits] <= ord(" ")).any() or (framed[dots + digits + 1] > ord(" ")).any():
        return None
    values = _any_point(text.replace(".", ""), np.int64)
    return None if values is None or (np.abs(values) >= 2**53).any() else values / 10.0**digits


def _any_point(text: str, kind: type = np.float64) -> np.ndarray | None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy warns of what it cannot read, and gives what stands before
        try:
            return np.fromstring(text, kind, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def _framed(values: np.ndarray, joints: int | None) -> np.ndarray:
    """Lines of numbers -> (T, J, 3)."""
    n, width = values.shape
    if width in (3, 4):
        if joints is None:
            raise DataError("a line is a joint, and how many make a frame is not said", todo="give data.joints")
        if n % joints:
            raise DataError(f"{n:,} lines make no whole number of frames of {joints} joints")
        return values.reshape(n // joints, joints, width)[:, :, :3]
    if width % 3 or (joints is not None and width != 3 * joints):
        wanted = "three numbers a joint" if joints is None else f"{3 * joints} for {joints} joints"
        raise DataError(f"a line has {width} number{'s' if width != 1 else ''}, expected {wanted}")
    return values.reshape(n, width // 3, 3)


def checked_motion(values: np.ndarray, joints: int | None = None) -> np.ndarray:
    """(T, J, 3) float32. Raises DataError for another shape, no frame, and numbers that are missing or not finite."""
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype.kind not in "fiu":
        raise DataError(f"a skeleton is frames of joints of three numbers, got {' x '.join(map(str, values.shape))}")
    if not values.size:
        raise DataError("it has no frame" if not len(values) else "it has no joint")
    if joints is not None and values.shape[1] != joints:
        raise DataError(f"it has {values.shape[1]} joints, the others {joints}")
    if len(values) > MOST_FRAMES:
        raise DataError(f"it has {len(values):,} frames, more than {MOST_FRAMES:,}", todo="cut it into pieces")
    if not (np.abs(values) <= FARTHEST).all():  # false for NaN too
        raise DataError("a coordinate is missing or not finite")
    if not values.any():
        raise DataError("no joint was found in any frame: all its numbers are 0")
    return values.astype(np.float32)


def motion_of(cell: object) -> np.ndarray | None:
    """An array of numbers from an array, lists, or a text of lists (JSON); None for anything else."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if not isinstance(cell, np.ndarray | list | tuple):
        return None
    try:
        values = np.asarray(cell)
    except ValueError:  # lists of different lengths
        return None
    return values if values.dtype.kind in "fiu" else None


def upright(motions: Iterable[np.ndarray]) -> int:
    """The axis along which a body is longest in the mean: 0, 1 or 2."""
    spread = np.zeros(3)
    for motion in motions:
        spread += motion.std(axis=1).mean(axis=0)
    return int(spread.argmax())


def axes_of(motions: Iterable[np.ndarray]) -> tuple[int, int]:
    """(across, up): the two axes that show most of a body."""
    motions = list(motions)
    up = upright(motions)
    rest = [axis for axis in range(3) if axis != up]
    spread = sum(motion.std(axis=1).mean(axis=0) for motion in motions)
    return max(rest, key=lambda axis: float(spread[axis])), up


def bones_of(motions: Iterable[np.ndarray]) -> list[tuple[int, int]]:
    """Pairs of joints that a bone holds together, J - 1 of them, from how bodies move.

    The smallest spanning tree of the joints, where two are as far apart as their distance is long and as it changes:
    a bone is short and keeps its length. No list of joints is needed, so any sensor's skeletons can be drawn.

    Source: Kirk, O'Brien, Forsyth 2005, "Skeletal parameter estimation from optical motion capture data" (the spanning
    tree of least cost), with distances of joints in the place of their error function.
    """
    poses = np.concatenate([np.asarray(motion, dtype=np.float64) for motion in motions])
    poses = poses[:: max(1, len(poses) // _LOOKED_AT)]
    poses = poses[poses.any(axis=(1, 2))]
    if not len(poses) or poses.shape[1] < 2:
        return []
    apart = np.sqrt(((poses[:, :, None] - poses[:, None]) ** 2).sum(-1))  # (T, J, J)
    cost = apart.mean(axis=0) + 2 * apart.std(axis=0)
    joints, inside, bones = len(cost), [0], []
    while len(inside) < joints:
        outside = [j for j in range(joints) if j not in inside]
        near = cost[np.ix_(inside, outside)]
        a, b = np.unravel_index(int(near.argmin()), near.shape)
        bones.append((inside[int(a)], outside[int(b)]))
        inside.append(outside[int(b)])
    return bones


def placed(motion: np.ndarray) -> np.ndarray:
    """(T, J, 3) about the middle of all its joints, in sizes of the body: the spread of joints about a frame's own
    middle. Frames without a joint (all 0) become those between their neighbours."""
    poses = np.asarray(motion, dtype=np.float64)
    there = np.flatnonzero(poses.any(axis=(1, 2)))
    if 0 < len(there) < len(poses):
        flat = poses[there].reshape(len(there), -1)
        poses = _between(flat, there, np.arange(len(poses))).reshape(poses.shape)
    size = np.sqrt(((poses - poses.mean(axis=1, keepdims=True)) ** 2).sum(-1).mean())
    return (poses - poses.mean(axis=(0, 1))) / (size if size > 0 else 1.0)


def resampled(poses: np.ndarray, steps: int) -> np.ndarray:
    """(T, J, 3) -> (steps, J, 3), evenly over the whole, between two frames on the straight line."""
    at = np.linspace(0, len(poses) - 1, steps)
    return _between(poses.reshape(len(poses), -1), np.arange(len(poses)), at).reshape(steps, *poses.shape[1:])


def _between(values: np.ndarray, at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(n, D) values at times `at`, read at other times."""
    if len(at) == 1:
        return np.repeat(values, len(wanted), axis=0)
    low = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    part = np.clip((wanted - at[low]) / (at[low + 1] - at[low]), 0.0, 1.0)[:, None]
    return (1 - part) * values[low] + part * values[low + 1]
