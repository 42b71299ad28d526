"""Projects made for the hosting tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.new import create


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """400 short texts of two labels, with an id column, made with `dojo new`."""
    draws = np.random.default_rng(3)
    good, bad = ["fine", "warm", "clever", "bright"], ["dull", "cold", "clumsy", "grey"]
    rest = ["film", "plot", "actor", "scene", "music", "light", "end", "hour", "street", "story"]
    lines = ["key,review,verdict"]
    for k in range(400):
        label = "yes" if draws.random() < 0.5 else "no"
        words = [*draws.choice(good if label == "yes" else bad, 2), *draws.choice(rest, 6)]
        lines.append(f"raw-{k:04d},{' '.join(draws.permutation(words))} {k},{label}")
    (tmp_path / "reviews.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder = tmp_path / "reviews"
    create(folder, tmp_path / "reviews.csv", target="verdict", id="key")
    return folder


def jpeg(pixels: np.ndarray, *, orientation: int = 1, comment: bytes = b"", quality: int = 90) -> bytes:
    """With what cameras write: maker, place, turn, comment."""
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9286] = orientation, "Canary Camera", "canary-zq7"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=comment, quality=quality)
    return out.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """60 JPEGs in two folders, with EXIF."""
    draws = np.random.default_rng(5)
    for k in range(60):
        label = ("cat", "dog")[k % 2]
        pixels = draws.integers(0, 256, (24, 31, 3), dtype=np.uint8)
        pixels[:, :, k % 2] //= 3
        place = tmp_path / "pictures" / label
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{label}{k}.jpg").write_bytes(jpeg(pixels, orientation=1 + k % 8, comment=b"canary-zq7"))
    folder = tmp_path / "photos"
    create(folder, tmp_path / "pictures")
    return folder
