"""Floors of boxes: usual places, and patches of colour, on made pictures and through a job that shrinks them."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.baselines import floors_for, read_results, run_job, write_job
from deepdojo.baselines.boxes import colour_patches, usual_places
from deepdojo.baselines.problem import Problem, Unfit
from deepdojo.scoring.metrics import METRICS


def rows(n: int, seed: int, *, size=(300, 400)) -> list[dict]:
    """A red thing on pale ground anywhere, and a blue one always in the same corner."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n):
        image = np.full((*size, 3), 230, dtype=np.uint8)
        image += rng.integers(0, 8, image.shape).astype(np.uint8)
        x, y = int(rng.integers(10, 250)), int(rng.integers(10, 200))
        image[y : y + 60, x : x + 80] = (200, 30, 40)
        image[240:290, 300:390] = (20, 40, 210)
        boxes = [["red", 1.0, x, y, x + 80, y + 60], ["blue", 1.0, 300, 240, 390, 290]]
        found.append({"id": f"{seed}-{k}", "image": image, "boxes": [[b[0], *map(float, b[1:])] for b in boxes]})
    return found


def without(some: list[dict]) -> list[dict]:
    return [{"id": row["id"], "image": row["image"]} for row in some]


TRAIN, TEST = rows(24, 0), rows(9, 1)
TRUTH = [row["boxes"] for row in TEST]


def test_usual_places_find_what_is_always_there_and_colours_find_both():
    problem = Problem("detection", TRAIN, without(TEST))
    places = usual_places(problem)[0]["boxes"]
    assert all(cell == places[0] for cell in places)
    best = next(box for box in places[0] if box[0] == "blue")
    assert best == ["blue", 1.0, 300.0, 240.0, 390.0, 290.0]
    patches, about = colour_patches(problem)
    assert METRICS["map50"](TRUTH, patches["boxes"]).value() > 0.99
    assert "thresholds" in about


def test_a_job_makes_pictures_smaller_and_gives_boxes_of_the_original(tmp_path):
    write_job(tmp_path, task="detection", train=TRAIN, test=without(TEST))
    run_job(tmp_path)
    found = {result.name: [row["boxes"] for row in result.predictions] for result in read_results(tmp_path)}
    assert set(found) == set(floors_for("detection")) == {"usual_places", "colour_patches"}
    assert METRICS["map50"](TRUTH, found["colour_patches"]).value() > 0.99
    assert np.load(tmp_path / "test.images.npy").shape == (9, 3, 192, 256)


def test_grey_pictures_and_rows_without_boxes_are_said():
    grey = [{**row, "image": row["image"][..., 0]} for row in TRAIN]
    with pytest.raises(Unfit, match="grey"):
        colour_patches(Problem("detection", grey, without(TEST)))
    with pytest.raises(Unfit, match="no training row has a box"):
        usual_places(Problem("detection", [{**row, "boxes": []} for row in TRAIN], without(TEST)))
