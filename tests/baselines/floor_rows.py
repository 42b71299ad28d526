"""Rows from which every floor can learn, for the tests."""

from __future__ import annotations

import numpy as np

from deepdojo.contracts import contract_of
from deepdojo.data.files import Media
from deepdojo.data.gallery import Gallery
from deepdojo.data.sounds import encode_sound

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
            cell = _picture(y, rng)
            if contract.target_kind == "boxes":  # objects have a colour
                cell = np.stack([cell, cell // 2, cell // 3], axis=2)
        elif contract.input_kind == "video":  # a bright bar that crosses the picture as fast as its class
            cell = rng.integers(0, 40, (12, 16, 16)).astype(np.uint8)
            for step, frame in enumerate(cell):
                frame[:, (3 + y * 3 * step) % 12 :][:, :4] += 180
        elif contract.input_kind == "audio":
            cell = made_sound(y, rng)
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
        elif contract.input_kind == "skeleton":  # a hand that waves as fast as its class, in a body that stands
            steps = int(rng.integers(9, 30))
            cell = np.zeros((steps, 5, 3))
            cell[:, :, 1], cell[:, :4, 0] = [0.0, 0.5, 1.0, 1.5, 1.2], [0.0, 0.1, 0.0, 0.1]
            cell[:, 4, 0] = np.sin(np.linspace(0, 2 * np.pi * (1 + y), steps))
            cell = (cell + 0.02 * rng.normal(size=cell.shape)).round(4).astype(np.float32)
        else:
            x = rng.normal()
            cell = {"x": f"{x + 2 * y:.3f}", "noise": f"{noise:.3f}", "city": "XYZ"[y]}
        own = {} if contract.host_run else {contract.target: _answer(contract, cell, y, 3 * x + 5 * y + 0.1 * noise)}
        beside = _beside(contract, noise) | {
            name: ["N" if word in KEYS else "F" for word in cell]
            for name in contract.optional
            if contract.inputs[name] == "tokens"
        }
        beside |= _compared(contract, y, rng)
        if contract.compared and contract.answer_kind == "number":
            own = {contract.target: "same" if beside.pop("of") == y else "different"}
        rows.append({"id": f"{seed}-{k}", contract.input: cell, **beside, **_others(contract, own), **own})
    return rows


def made_sound(y: int, rng) -> Media:
    """A tone of one of three pitches with noise, 0.3 s at 8 kHz, as a WAV file."""
    times = np.arange(2400) / 8000
    content = encode_sound(0.3 * np.sin(2 * np.pi * 400 * 2.0**y * times) + 0.01 * rng.normal(size=2400), 8000)
    return Media(f"tone{y}.wav", lambda: content, inline=True)


def rows_to_learn(task: str, n: int, seed: int = 0) -> list[dict]:
    """As `made_rows`; of a task that compares pictures, pictures with names and nothing to compare with."""
    contract = contract_of(task)
    if not contract.compared:
        return made_rows(task, n, seed)
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        y = k % 3
        nothing = dict.fromkeys(contract.compared)
        rows.append({"id": f"{seed}-{k}", contract.input: _picture(y, rng), **nothing, contract.target: "abc"[y]})
    return rows


def _picture(y: int, rng) -> np.ndarray:
    cell = rng.integers(0, 60, (7, 5)).astype(np.uint8)
    cell[y] += 150
    return cell


def _compared(contract, y: int, rng) -> dict:
    """The other picture of a pair, of class `of`; or a gallery of all classes, in a random order."""
    if not contract.compared:
        return {}
    if contract.inputs[contract.compared[0]] == "image":
        of = y if rng.random() < 0.5 else int(rng.integers(3))
        return {contract.compared[0]: _picture(of, rng), "of": of}
    return {contract.compared[0]: Gallery(("abc"[c], _picture(c, rng)) for c in rng.permutation(3))}


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
    if kind == "text" and contract.input_kind in ("audio", "matrix"):
        return " ".join("abc"[: y + 1])  # frames are few: so must the signs be
    if kind == "text":
        return " ".join(["un", "deux", "trois"][: y + 1])
    if kind == "texts" and contract.input_kind == "image":
        where = ["above", "in the middle", "below"][y]
        return [f"a bright line is {where} .", f"the line is {where}"]
    if kind == "texts":
        return [cell.split()[-1]]
    if kind == "audio":
        return _tones(cell)
    if kind == "vector":
        return np.round(np.cos(np.arange(4) * (1 + y)), 4)
    return value


def _tones(text: str) -> bytes:
    """A tone for each word, as long as the word is, in a WAV file."""
    from deepdojo.data.sounds import encode_sound

    pitch = {word: 300 + 250 * i for i, word in enumerate(["film", "the", "plot", "a", "of", *KEYS])}
    parts = [np.sin(2 * np.pi * pitch[word] * np.arange(512 * len(word)) / 8000) for word in text.split()]
    return encode_sound(0.3 * np.concatenate(parts), 8000)


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
