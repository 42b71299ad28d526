"""examples.json: the rows that a report shows, with the actual image, text or record, so that a report needs no data
set."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from deepdojo.contracts import Contract

__all__ = ["collect_examples", "data_uri", "readable", "worst_rows"]

LARGEST_SIDE = 160
LONGEST_TEXT = 2000
MOST_NUMBERS = 12
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
    """One entry for each id of `why` ("worst", "right", "wrong"), in the order of `why`.

    Args:
        rows: id -> held-out row with the contract's inputs.
        truth: id -> target cell.
        predicted: id -> predicted cells.
    """
    kind = contract.input_kind
    found = []
    for key, reasons in why.items():
        cells = predicted[key]
        probabilities = cells[contract.probabilities] if contract.probabilities is not None else None
        top = sorted(probabilities.items(), key=lambda item: -item[1])[:5] if probabilities else None
        entry = {
            "id": key, "kind": _SHOWN_AS.get(kind, kind), "truth": readable(truth[key], contract.target_kind),
            "predicted": readable(cells[contract.answer], contract.answer_kind), "top": top,
            "loss": losses.get(key), "why": sorted(reasons), "where": where.get(key),
        }  # fmt: skip
        found.append({**entry, **_shown(rows[key], contract)})
    return found


def _shown(row: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    cell, kind = row[contract.input], contract.input_kind
    if kind == "image":
        return {"image": data_uri(cell)}
    if kind == "record":
        return {"record": dict(cell)}
    if kind in ("vector", "matrix"):
        return {"values": np.asarray(cell).tolist()}
    inputs = [readable(row[name], kind) for name, kind in contract.inputs.items() if kind in TEXTS]
    return {"text": "\n\n".join(map(str, inputs))[:LONGEST_TEXT]}


def readable(cell: Any, kind: str) -> str | float:
    """A cell as a person reads it: numbers stay numbers, everything else is text."""
    if kind == "number":
        return float(cell)
    if kind == "tokens":
        return " ".join(cell)
    if kind == "texts":
        return " / ".join(dict.fromkeys(cell))
    if kind == "labels":
        return ", ".join(cell) or "–"
    if kind in ("vector", "matrix"):
        values = np.asarray(cell).ravel()
        return ", ".join(f"{value:.4g}" for value in values[:MOST_NUMBERS]) + (
            ", …" if len(values) > MOST_NUMBERS else ""
        )
    return str(cell)


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
