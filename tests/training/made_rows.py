"""Small made problems that a network can learn in a second."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = {"good": ["fine", "great", "warm", "bright"], "bad": ["poor", "cold", "grim", "dull"]}


def table_rows(n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Two numbers and a colour; the class is the sign of their sum, moved by the colour."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        a, b = draw.normal(size=2)
        colour = str(draw.choice(["red", "green"]))
        label = "up" if a + b + (0.8 if colour == "red" else -0.8) > 0 else "down"
        rows.append({"id": str(i), "features": {"a": f"{a:.6f}", "b": f"{b:.6f}", "colour": colour}, "label": label})
    return rows


def text_rows(n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Sentences of two to thirteen words, one of which tells the class."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        label = str(draw.choice(list(WORDS)))
        words = [str(draw.choice(["the", "a", "film", "plot", "of", "and"])) for _ in range(int(draw.integers(1, 13)))]
        words.insert(int(draw.integers(0, len(words) + 1)), str(draw.choice(WORDS[label])))
        rows.append({"id": str(i), "text": " ".join(words), "label": label})
    return rows


def image_rows(n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Grey 8 x 8 images with a bright bar that stands or lies."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        image = draw.integers(0, 90, size=(8, 8), dtype=np.uint8)
        stands = bool(draw.integers(0, 2))
        at = int(draw.integers(1, 7))
        image[(slice(None), at) if stands else (at, slice(None))] = 240
        rows.append({"id": str(i), "image": image, "label": "stands" if stands else "lies"})
    return rows
