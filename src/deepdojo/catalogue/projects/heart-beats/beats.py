"""Heart beats with what a cardiologist compares them with: the usual beat of the same record, and the rhythm.

A row has two channels of 100 steps in mV: the beat, and the beat minus the median beat of its record; and six
logarithms of ratios of RR intervals. The median of a record needs no label, but all of its beats: of a test record too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow

CLASSES = ("N", "S", "V", "F", "Q")
MV = 0.025
NEAR = 10
"""Beats before and after that make the rhythm nearby."""


def read(
    files: Files, file: str, parts: Sequence[str] = ("train", "test"), records: Sequence[int] | None = None
) -> Iterator[RawRow]:
    """One row a beat, in the order of the records.

    Args:
        parts: of the archive: train is DS1, test is DS2 of de Chazal et al.
        records: these alone; None: all.
    """
    with np.load(io.BytesIO(files.bytes(file)), allow_pickle=False) as archive:
        data = {name: archive[name] for name in archive.files}
    for part in parts:
        of_row = data[f"{part}_record"]
        for record in np.unique(of_row) if records is None else records:
            at = np.flatnonzero(of_row == record)
            if len(at):
                columns = (data[f"{part}_{name}"][at] for name in ("beats", "rr_ms", "labels"))
                yield from _record(file, int(record), *columns)


def _record(file: str, record: int, beats: np.ndarray, rr_ms: np.ndarray, labels: np.ndarray) -> Iterator[RawRow]:
    signal = beats * MV
    changed = signal - np.median(signal, axis=0)
    numbers = _ratios(rr_ms.astype(np.float64))
    for k, label in enumerate(labels):
        if CLASSES[label] == "Q":
            yield RawRow({}, file, None, f"beat {k + 1} of record {record} is of class Q, of which there are 15 in all")
            continue
        yield RawRow({
            "id": f"{record}-{k + 1}", "record": str(record), "label": CLASSES[label],
            "signal": np.stack([signal[k], changed[k]]).round(4), "numbers": numbers[k],
        }, file, k + 1)  # fmt: skip


def _ratios(rr: np.ndarray) -> np.ndarray:
    """(n, 6) logarithms: the interval before and after, each by the record's median, the one by the other, each by the
    mean nearby, and the interval before by the one before that. 0 where a record begins or ends."""
    before, after = (np.where(rr[:, k] > 0, rr[:, k], np.nan) for k in (0, 1))
    median = np.nanmedian(before)
    padded = np.pad(np.nan_to_num(before, nan=median), NEAR, mode="edge")
    near = np.convolve(padded, np.ones(2 * NEAR + 1) / (2 * NEAR + 1), mode="valid")
    earlier = np.concatenate([[np.nan], before[:-1]])
    ratios = (before / median, after / median, before / after, before / near, after / near, before / earlier)
    return np.nan_to_num(np.log(np.stack(ratios, axis=1)), nan=0.0).round(4)
