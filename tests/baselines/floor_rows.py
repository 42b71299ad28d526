"""Rows from which every floor can learn, for the tests."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import contract_of


def made_rows(task: str, n: int, seed: int = 0) -> list[dict]:
    """Rows from which the target can be learned, made from the kinds of the contract's columns alone."""
    contract = contract_of(task)
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        y = int(rng.integers(3))
        x, noise = 0.0, rng.normal()
        if contract.input_kind == "image":
            cell = rng.integers(0, 60, (7, 5)).astype(np.uint8)
            cell[y] += 150
        elif contract.input_kind == "text":
            words = rng.choice(["film", "the", "plot", "a", "of"], 6).tolist()
            cell = " ".join([*words, ["awful", "fine", "great"][y]])
        else:
            x = rng.normal()
            cell = {"x": f"{x + 2 * y:.3f}", "noise": f"{noise:.3f}", "city": "XYZ"[y]}
        answer = "abc"[y] if contract.target_kind == "label" else 3 * x + 5 * y + 0.1 * noise
        own = {} if contract.host_run else {contract.target: answer}
        rows.append({"id": f"{seed}-{k}", contract.input: cell, **own})
    return rows


def hidden(rows: list[dict], task: str) -> list[dict]:
    """As a model gets held-out rows: what it reads of them, and no other target."""
    contract = contract_of(task)
    gone = set(contract.targets) - set(contract.reads)
    return [{k: v for k, v in row.items() if k not in gone} for row in rows]
