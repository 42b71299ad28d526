"""Histograms of gradients, neighbours, and thresholds of floors."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.baselines import run_floors
from deepdojo.baselines.hog import histograms


def bars(n: int, seed: int, side: int = 16) -> list[dict[str, object]]:
    """Pictures of bars, lying or standing, moved about: pixels alone say little, directions all."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(n):
        image = rng.integers(0, 60, (side, side)).astype(np.uint8)
        at = int(rng.integers(2, side - 3))
        image[at : at + 2] = 230
        rows.append({"id": str(k), "image": image.T.copy() if k % 2 else image, "label": "up" if k % 2 else "flat"})
    return rows


def test_an_edge_votes_for_its_own_direction():
    image = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    image[..., 4:] = 255  # one edge that stands: the gradient points right, between the first and the last direction
    found = histograms(image, 4).reshape(4, 9)
    assert found.shape == (4, 9)
    assert found[:, [0, 8]].min() > 0.2
    assert np.abs(found[:, 1:8]).max() < 1e-6
    turned = histograms(image.transpose(0, 1, 3, 2).copy(), 4).reshape(4, 9)
    assert turned.argmax(axis=1).tolist() == [4] * 4


def test_light_and_contrast_change_little_and_colours_count_where_they_are_strongest():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (5, 1, 28, 28), dtype=np.uint8)
    found = histograms(image, 4)
    assert found.shape == (5, 36 * 36)
    assert np.linalg.norm(found.reshape(5, 36, 36), axis=2) == pytest.approx(1.0, abs=1e-3)
    coloured = np.concatenate([np.full_like(image, 90), image, np.full_like(image, 200)], axis=1)
    assert histograms(coloured, 4) == pytest.approx(found, abs=1e-6)


def test_directions_tell_bars_apart_where_pixels_are_worse():
    train, test = bars(80, 0), bars(60, 1)
    hidden = [{"id": row["id"], "image": row["image"]} for row in test]
    found = {
        result.name: np.mean([a["label"] == b["label"] for a, b in zip(result.predictions, test, strict=True)])
        for result in run_floors("image-classification", train, hidden, floors=["hog", "nearest_images", "majority"])
    }
    assert found["hog"] > 0.95
    assert found["nearest_images"] > 0.8
    assert found["majority"] <= 0.5


def test_tiny_pictures_are_left_out_in_a_sentence():
    rows = [{"id": str(k), "image": np.full((3, 3), k, dtype=np.uint8), "label": "ab"[k % 2]} for k in range(10)]
    said: list[str] = []
    assert list(run_floors("image-classification", rows, rows, floors=["hog"], left_out=said.append)) == []
    assert "no gradients" in said[0]


def test_a_floor_chooses_its_threshold_on_validation_rows():
    train, validation, test = bars(60, 0), bars(40, 1), bars(30, 2)
    for row in train[::3]:
        row["label"] = "flat"  # a class too common, so that 0.5 is the wrong place
    hidden = [{"id": row["id"], "image": row["image"]} for row in test]
    for rule in ("balanced_accuracy", 0.05):
        (result,) = run_floors(
            "image-classification", train, hidden, validation_rows=validation, floors=["hog"], positive="up",
            threshold=rule,
        )  # fmt: skip
        assert [row["id"] for row in result.predictions] == [row["id"] for row in test]
        assert "up from a probability of" in result.about
        value = float(result.about.split("probability of ")[1].split(" ")[0])
        for row in result.predictions:
            p = row["probabilities"]["up"]
            if abs(p - value) > 0.01:
                assert (row["label"] == "up") == (p >= value)
