"""AN4's official features: 13 mel cepstra each 10 ms of an utterance, with what was said and who said it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from deepdojo.data.files import Files
from deepdojo.data.readers import RawRow


def read(files: Files, file: str, texts: str, part: str) -> Iterator[RawRow]:
    """One row an utterance, in the order of the transcripts.

    Args:
        texts: lines of `speaker/name<TAB>TRANSCRIPT`. part: of the archive, train or test.
    """
    with np.load(io.BytesIO(files.bytes(file)), allow_pickle=False) as archive:
        frames, lengths = archive[f"{part}_features"], archive[f"{part}_lengths"]
    ends = np.cumsum(lengths)
    for number, line in enumerate(files.bytes(texts).decode().splitlines()):
        name, _, text = line.partition("\t")
        signal = frames[ends[number] - lengths[number] : ends[number]].astype(np.float64).T
        yield RawRow({
            "id": name, "speaker": name.partition("/")[0], "signal": signal, "text": text.strip()
        }, texts, number + 1)  # fmt: skip
