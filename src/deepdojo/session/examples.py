"""examples.json: the rows that a report shows, with the actual image, text or record, so that a report needs no data
set."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deepdojo.boxes import said_boxes
from deepdojo.chunks import Chunk, chunks_of
from deepdojo.contracts import SAME, Contract
from deepdojo.data.gallery import Gallery
from deepdojo.data.sounds import decode_sound
from deepdojo.session.boxed import boxed
from deepdojo.session.example_sounds import shown_sound
from deepdojo.session.examples_moving import poses_of, strip_of

__all__ = ["collect_examples", "data_uri", "readable", "worst_rows"]

LARGEST_SIDE = 160
LONGEST_TEXT = 2000
AROUND = 400
MOST_NUMBERS = 12
MOST_DRAWN = 2000
MOST_BESIDE = 4
"""Pictures of a gallery that are shown."""
MOST_WORDS, LONGEST_WORD = 200, 40
"""Of a tagged sentence, as it is drawn."""
MOST_REFERENCES = 10
TEXTS = ("text", "texts", "tokens")
_SHOWN_AS = {"tokens": "text", "texts": "text"}


def worst_rows(losses: np.ndarray, wrong: np.ndarray, count: int = 20) -> list[int]:
    """Indices of the rows with the largest loss, wrong ones first."""
    order = np.lexsort((-losses, ~wrong))
    return [int(i) for i in order[:count] if wrong[i] or not wrong.any()]


def collect_examples(
    rows: Mapping[str, Mapping[str, Any]],
    why: Mapping[str, Iterable[str]],
    *,
    contract: Contract,
    truth: Mapping[str, Any],
    predicted: Mapping[str, Mapping[str, Any]],
    losses: Mapping[str, float],
    where: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One entry for each id of `why` ("worst", "best", "right", "wrong"), in the order of `why`.

    Args:
        rows: id -> held-out row with the contract's inputs.
        truth: id -> target cell.
        predicted: id -> predicted cells.
    """
    kind, tagged = contract.input_kind, contract.target_kind == "tokens" and contract.target in contract.aligned
    moving = poses_of({key: rows[key][contract.input] for key in why}) if kind == "skeleton" else {}
    found = []
    for key, reasons in why.items():
        cells = predicted[key]
        probabilities = cells[contract.probabilities] if contract.probabilities is not None else None
        top = sorted(probabilities.items(), key=lambda item: -item[1])[:5] if probabilities else None
        entry: dict[str, Any] = {
            "id": key, "kind": _SHOWN_AS.get(kind, kind), "truth": readable(truth[key], contract.target_kind),
            "predicted": readable(cells[contract.answer], contract.answer_kind), "top": top,
            "loss": losses.get(key), "why": sorted(reasons), "where": where.get(key),
        }  # fmt: skip
        if contract.compared:
            entry |= _compared(rows[key], truth[key], cells, contract)
        if tagged:
            entry |= _tagged(rows[key][contract.input], truth[key], cells[contract.answer])
        if contract.target_kind == "boxes" and kind == "image":
            entry |= boxed(rows[key][contract.input], truth[key], cells[contract.answer])
        elif contract.target in contract.within:
            entry |= _marked(rows[key], truth[key], cells[contract.answer], contract)
        elif key in moving:
            entry["motion"] = moving[key]
        else:
            entry |= _shown(rows[key], contract)
        if contract.input_kind == "image" and contract.target_kind == "texts":
            entry["references"] = [str(text)[:LONGEST_TEXT] for text in truth[key][:MOST_REFERENCES]]
        found.append({**entry, **_ahead(truth[key], cells, contract)})
    return found


def _compared(row: Mapping[str, Any], truth: str, cells: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    """The pictures that a row's own was compared with, each with its name and likeness: the other one of a pair, or
    the first of each of the likest names of a gallery, and of the right one."""
    cell = row[contract.compared[0]]
    if not isinstance(cell, Gallery):
        likeness = float(cells[contract.answer])
        return {
            "predicted": f"likeness {likeness:.3g}",
            "beside": [{"name": truth, "likeness": likeness, "right": truth == SAME, "image": data_uri(cell)}],
        }
    first: dict[str, Any] = {}
    for name, picture in cell:
        first.setdefault(name, picture)
    likeness_of = dict(zip(first, np.asarray(cells["similarities"], dtype=np.float64).tolist(), strict=False))
    likest = sorted(likeness_of, key=lambda name: -likeness_of[name])[:MOST_BESIDE]
    shown = likest if truth in likest or truth not in likeness_of else [*likest[:-1], truth]
    return {"beside": [
        {"name": name, "likeness": likeness_of[name], "right": name == truth, "image": data_uri(first[name])}
        for name in shown
    ]}  # fmt: skip


def _tagged(words: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Chunks of both, for a drawing; in words those alone in which they differ, or all where they do not."""
    true, said = chunks_of(truth), chunks_of(predicted)
    blank = "" if all(len(word) == 1 for word in words) else " "

    def written(chunks: Iterable[Chunk]) -> str:
        return ", ".join(f"{kind}: {blank.join(words[start:end])}" for kind, start, end in chunks) or "–"

    shown = (true, said) if true == said else (
        [chunk for chunk in true if chunk not in set(said)], [chunk for chunk in said if chunk not in set(true)]
    )  # fmt: skip
    drawing = {
        "words": [word[:LONGEST_WORD] for word in words[:MOST_WORDS]], "blank": blank,
        "truth": [list(chunk) for chunk in true if chunk[2] <= MOST_WORDS],
        "predicted": [list(chunk) for chunk in said if chunk[2] <= MOST_WORDS],
    }  # fmt: skip
    return {"truth": written(shown[0])[:LONGEST_TEXT], "predicted": written(shown[1])[:LONGEST_TEXT], "tagged": drawing}


def _shown(row: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    cell, kind = row[contract.input], contract.input_kind
    if kind == "image":
        return {"image": data_uri(cell)}
    if kind == "video":
        return strip_of(cell)
    if kind == "audio":
        return shown_sound(cell)
    if kind == "record":
        return {"record": dict(cell)}
    if kind in ("vector", "matrix"):
        return {"values": [_rounded(channel) for channel in np.atleast_2d(cell)]}
    inputs = [readable(row[name], kind) for name, kind in contract.inputs.items() if kind in TEXTS]
    return {"text": "\n\n".join(map(str, inputs))[:LONGEST_TEXT]}


def _ahead(truth: Any, cells: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    """Where a vector answers a vector: both as numbers, and the outermost rows of a matrix beside them as a band."""
    if (contract.target_kind, contract.answer_kind) != ("vector", "vector"):
        return {}
    matrix = next((name for name, kind in contract.predictions.items() if kind == "matrix"), None)
    band = [] if matrix is None else [_rounded(cells[matrix][k]) for k in (0, -1)]
    return {"ahead": {"truth": _rounded(truth), "predicted": _rounded(cells[contract.answer]), "band": band}}


def _rounded(values: Any) -> list[float]:
    """The last 2,000 numbers with five digits: enough to be drawn."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=np.float64)[-MOST_DRAWN:]]


def _marked(row: Mapping[str, Any], truth: Iterable[str], said: str, contract: Contract) -> dict[str, Any]:
    """The inputs, with the place of each answer in the one that it stands in: the first place where it occurs."""
    place = contract.within[contract.target]
    text = row[place]
    spots = [(text.find(part), len(part), "true") for part in dict.fromkeys(truth)]
    spots.append((text.find(said), len(said), "said"))
    spots = [spot for spot in spots if spot[0] >= 0 and spot[1]]
    first = max(0, min((at for at, _, _ in spots), default=0) - AROUND)
    last = max((at + size for at, size, _ in spots), default=0) + AROUND
    last = min(len(text), last, first + LONGEST_TEXT)
    head = "".join(f"{row[name][:LONGEST_TEXT]}\n\n" for name in contract.inputs if name != place)
    head += "… " if first else ""
    shift = len(head) - first
    marks = [[at + shift, min(at + size, last) + shift, kind] for at, size, kind in spots if at < last]
    return {"text": head + text[first:last] + (" …" if last < len(text) else ""), "marks": marks}


def readable(cell: Any, kind: str) -> str | float:
    """A cell as a person reads it: numbers stay numbers, everything else is text."""
    if kind == "number":
        return float(cell)
    if kind == "audio":
        return f"{decode_sound(cell).seconds:.2f} s"
    if kind == "tokens":
        return " ".join(cell)
    if kind == "texts":
        return " / ".join(dict.fromkeys(cell))
    if kind == "boxes":
        return said_boxes(cell)
    if kind == "labels":
        return ", ".join(cell) or "–"
    if kind in ("vector", "matrix"):
        values = np.asarray(cell).ravel()
        return ", ".join(f"{value:.4g}" for value in values[:MOST_NUMBERS]) + (
            ", …" if len(values) > MOST_NUMBERS else ""
        )
    return f"{cell:.4g}" if isinstance(cell, float | np.floating) else str(cell)


def data_uri(cell: Any) -> str:
    """A picture as PNG, at most 160 pixels a side, as an address that holds it."""
    from PIL import Image

    from deepdojo.data.images import decode_image

    image = Image.fromarray(decode_image(cell))
    if max(image.size) > LARGEST_SIDE:
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")
