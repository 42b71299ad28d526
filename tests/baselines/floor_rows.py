"""Rows from which every floor can learn, for the tests."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import contract_of


def made_rows(task: str, n: int, seed: int = 0) -> list[dict]:
    """Rows from which the target can be learned."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        y = int(rng.integers(3))
        row: dict = {"id": f"{seed}-{k}", "label": "abc"[y]}
        if task == "image-classification":
            image = rng.integers(0, 60, (7, 5)).astype(np.uint8)
            image[y] += 150
            row["image"] = image
        elif task == "text-classification":
            words = rng.choice(["film", "the", "plot", "a", "of"], 6).tolist()
            row["text"] = " ".join([*words, ["awful", "fine", "great"][y]])
        else:
            x, noise = rng.normal(), rng.normal()
            city = "XYZ"[y]
            row["features"] = {"x": f"{x + 2 * y:.3f}", "noise": f"{noise:.3f}", "city": city}
            if task == "tabular-regression":
                row |= {"value": 3 * x + 5 * y + 0.1 * noise}
        if task == "tabular-regression":
            del row["label"]
        rows.append(row)
    return rows


def hidden(rows: list[dict], task: str) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in contract_of(task).targets} for row in rows]
