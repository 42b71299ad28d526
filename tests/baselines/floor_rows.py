"""Rows from which every floor can learn, for the tests."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import contract_of

KEYS = ("awful", "fine", "great")


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
        elif contract.input_kind == "tokens":
            cell = [
                *rng.choice(["film", "the", "plot", "a", "of"], int(rng.integers(1, 6))).tolist(),
                ["awful", "fine", "great"][y],
            ]
        elif contract.input_kind == "vector":
            cell = np.round(np.sin(np.arange(24) * (1 + y) / 2) + 0.1 * rng.normal(size=24), 4)
        elif contract.input_kind == "matrix":
            cell = np.round(np.sin(np.arange(48) * (1 + y) / 4).reshape(2, 24) + 0.1 * rng.normal(size=(2, 24)), 4)
        else:
            x = rng.normal()
            cell = {"x": f"{x + 2 * y:.3f}", "noise": f"{noise:.3f}", "city": "XYZ"[y]}
        own = {} if contract.host_run else {contract.target: _answer(contract, cell, y, 3 * x + 5 * y + 0.1 * noise)}
        beside = _beside(contract, noise) | {
            name: ["N" if word in KEYS else "F" for word in cell]
            for name in contract.optional
            if contract.inputs[name] == "tokens"
        }
        rows.append({"id": f"{seed}-{k}", contract.input: cell, **beside, **_others(contract, own), **own})
    return rows


def _beside(contract, noise: float) -> dict:
    """Further inputs, and a second target beside the first, of the kinds that tasks have there."""
    matrices = {
        name: np.array([[0.25, 0.5, 0.75, noise]]) for name, kind in contract.inputs.items() if kind == "matrix"
    }
    matrices |= {name: np.array([noise, 0.5]) for name, kind in contract.inputs.items() if kind == "vector"}
    numbers = {name: 1.5 for name, kind in list(contract.targets.items())[1:] if kind == "number"}
    return {name: cell for name, cell in (matrices | numbers).items() if name != contract.input}


def _answer(contract, cell, y: int, value: float):
    """What can be read off the input."""
    kind = contract.target_kind
    if kind == "boxes":  # the bright row of the picture
        return [["abc"[y], 1.0, 0.0, float(y), 5.0, y + 1.0]]
    if kind == "label":
        return "abc"[y]
    if kind == "labels":
        return ["a", "b"][:y]
    if kind == "tokens":
        return ["B-" + "abc"[y] if word in KEYS else "O" for word in cell]
    if kind == "text":
        return " ".join(["un", "deux", "trois"][: y + 1])
    if kind == "texts":
        return [cell.split()[-1]]
    if kind == "vector":
        return np.round(np.cos(np.arange(4) * (1 + y)), 4)
    return value


def _others(contract, own: dict) -> dict:
    """Further inputs in which the answer must stand: a text of some sentences that holds it once."""
    return {
        place: f"It was a film. Somebody found the plot {own[role][0]} after all. The rest of it is another thing."
        for role, place in contract.within.items()
    }


def hidden(rows: list[dict], task: str) -> list[dict]:
    """As a model gets held-out rows: what it reads of them, and no other target."""
    contract = contract_of(task)
    gone = {*contract.targets, *contract.hints} - set(contract.reads)
    return [{k: v for k, v in row.items() if k not in gone} for row in rows]
