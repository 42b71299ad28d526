"""A big board as bytes and back: npz without pickle behind a SHA-256, so that a worker goes on where another stopped.

What is stored: the seed and the rules, each entry's name, value, interval and blocks, and the largest |T| of each flip
with the pair that has it, which alone would take long to find again. The rest is recomputed (some 0.1 s for 1,000
entries), and every stored largest |T| is checked against its pair.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np

from deepdojo.errors import ScoreError
from deepdojo.scoring.standings import Standings

__all__ = ["dump", "load"]

_MAGIC = b"deepdojo standings 1\n"
_ARRAYS = ("values", "terms", "peaks", "pairs", "stale")


def dump(board: Standings) -> bytes:
    """Everything that `load` needs; the same entries may give other bytes, since the order of joining is kept."""
    state = board.state()
    seed = board.seed
    head = {
        "n": board.n, "higher_is_better": board.higher_is_better, "level": board.level, "draws": board.draws,
        "seed": {"hex": seed.hex()} if isinstance(seed, bytes) else int(seed), "names": state["names"],
    }  # fmt: skip
    file = io.BytesIO()
    text = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    groups = np.zeros(0, dtype=np.int64) if board.index is None else board.index
    np.savez(file, head=text, groups=groups, **{name: state[name] for name in _ARRAYS})
    body = file.getvalue()
    return _MAGIC + hashlib.sha256(body).digest() + body


def load(data: bytes) -> Standings:
    """The board that `dump` wrote; its ranks are the same.

    Raises:
        ScoreError: the bytes are cut, changed or of something else.
    """
    body = data[len(_MAGIC) + 32 :]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != data[len(_MAGIC) : len(_MAGIC) + 32]:
        raise _broken("its SHA-256 does not fit")
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            head: dict[str, Any] = json.loads(file["head"].tobytes())
            state: dict[str, Any] = {name: file[name] for name in _ARRAYS} | {"names": head["names"]}
            groups = file["groups"]
        seed = bytes.fromhex(head["seed"]["hex"]) if isinstance(head["seed"], dict) else int(head["seed"])
        board = Standings(
            int(head["n"]),
            higher_is_better=bool(head["higher_is_better"]),
            groups=groups if len(groups) else None,
            seed=seed,
            level=float(head["level"]),
            draws=int(head["draws"]),
        )
        fits = board.restore(state)
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
        EOFError,
        OSError,
        zipfile.BadZipFile,
    ) as error:
        raise _broken(str(error) or type(error).__name__) from None
    if not fits:
        raise _broken("a largest statistic is not its pair's")
    return board


def _broken(why: str) -> ScoreError:
    return ScoreError(f"the stored board cannot be used ({why})", todo="put its entries on a new one")
