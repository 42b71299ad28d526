"""Average precision of boxes: equal to COCO's evaluation on random and degenerate tables, and its own influence."""

from __future__ import annotations

import numpy as np
import pytest

from deepdojo.errors import ScoreError
from deepdojo.scoring.detections import IOU_STEPS, lines_of, matched
from deepdojo.scoring.metrics import METRICS

from .made import made_boxes

A, B = ["a", 1.0, 0.0, 0.0, 10.0, 10.0], ["b", 1.0, 20.0, 20.0, 30.0, 34.0]


def said(box, score, *, move=0.0):
    return [box[0], score, *(value + move for value in box[2:])]


def coco(truth, predicted) -> tuple[float, float]:
    """(AP, AP50) of faster-coco-eval; -1 where nothing is there to be found."""
    from faster_coco_eval import COCO, COCOeval_faster

    labels = sorted({box[0] for row in (*truth, *predicted) for box in row}) or ["a"]

    def entry(row, box):
        return {
            "image_id": row + 1, "category_id": labels.index(box[0]) + 1,
            "bbox": [box[2], box[3], box[4] - box[2], box[5] - box[3]],
        }  # fmt: skip

    boxes = [
        {**entry(i, box), "id": k, "area": (box[4] - box[2]) * (box[5] - box[3]), "iscrowd": 0}
        for k, (i, box) in enumerate(((i, box) for i, row in enumerate(truth) for box in row), 1)
    ]
    known = COCO({
        "images": [{"id": i + 1, "width": 500, "height": 500} for i in range(len(truth))],
        "categories": [{"id": k + 1, "name": label} for k, label in enumerate(labels)], "annotations": boxes,
    })  # fmt: skip
    found = [{**entry(i, box), "score": box[1]} for i, row in enumerate(predicted) for box in row]
    if not found:
        return (0.0, 0.0) if boxes else (-1.0, -1.0)
    judge = COCOeval_faster(known, known.loadRes(found), iouType="bbox", print_function=lambda *_: None)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return float(judge.stats[0]), float(judge.stats[1])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_random_tables_equal_coco(seed, ties):
    truth, predicted = made_boxes(np.random.default_rng(seed), 25, 1 + seed % 4, ties=ties)
    whole, half = coco(truth, predicted)
    assert METRICS["map50_95"](truth, predicted).value() == pytest.approx(whole, abs=1e-12)
    assert METRICS["map50"](truth, predicted).value() == pytest.approx(half, abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        ([[A], [B]], [[], []]),  # nothing predicted
        ([[A], []], [[said(A, 0.9)], []]),  # a picture without objects
        ([[A], []], [[], [said(A, 0.9)]]),  # a box where nothing is, none where something is
        ([[A]], [[said(A, 0.9), said(A, 0.9)]]),  # twice the same box
        ([[A, A]], [[said(A, 0.9), said(A, 0.8)]]),  # two objects at one place
        ([[A, B]], [[said(A, 0.9), said(["c", 1.0, *B[2:]], 0.8)]]),  # a class that the truth does not have
        ([[A, B]], [[["b", 0.9, *A[2:]], ["a", 0.9, *B[2:]]]]),  # the classes exchanged
        ([[A]], [[said(A, 0.5, move=100.0)]]),  # no overlap
        ([[A]], [[["a", 0.5, 0.0, 0.0, 10.0, 5.0]]]),  # an overlap of exactly a half
        ([[A], [A]], [[said(A, 0.2)], [said(A, 0.9, move=1.0)]]),
    ],
)
def test_degenerate_tables_equal_coco(truth, predicted):
    whole, half = coco(truth, predicted)
    assert METRICS["map50_95"](truth, predicted).value() == pytest.approx(whole, abs=1e-12)
    assert METRICS["map50"](truth, predicted).value() == pytest.approx(half, abs=1e-12)


def test_of_a_class_the_hundred_best_boxes_of_a_picture_count():
    predicted = [[said(A, 0.9 - i / 1000, move=200.0) for i in range(100)] + [said(A, 0.1)]]
    assert METRICS["map50"]([[A]], predicted).value() == coco([[A]], predicted)[1] == 0.0


@pytest.mark.parametrize("name", ["map50", "map50_95"])
def test_tables_without_any_true_box_have_no_value(name):
    assert coco([[], []], [[said(A, 0.5)], []]) == (-1.0, -1.0)
    with pytest.raises(ScoreError, match="no row has a true box"):
        METRICS[name]([[], []], [[said(A, 0.5)], []])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", range(1, 6))
def test_a_number_that_is_not_finite_is_refused(bad, place):
    box = said(A, 0.5)
    box[place] = bad
    with pytest.raises(ScoreError, match="not finite"):
        METRICS["map50"]([[A]], [[box]])


def test_a_draw_without_a_class_is_the_mean_of_the_others():
    measured = METRICS["map50"]([[A], [B]], [[said(A, 0.9)], []])
    assert measured.value_at(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])) == pytest.approx([0.5, 1.0, 0.0])
    assert np.isnan(METRICS["map50"]([[A], []], [[], []]).value_at(np.array([[0.0, 1.0]]))[0])


@pytest.mark.parametrize("name", ["map50", "map50_95"])
def test_the_influence_is_the_slope_of_the_area_under_the_same_envelope(name):
    truth, predicted = made_boxes(np.random.default_rng(2), 30, 2)
    steps = IOU_STEPS if name == "map50_95" else IOU_STEPS[:1]
    lines = lines_of(truth, predicted, steps).values()

    def area(weights):
        return np.mean([_area(line, hits, weights) for line in lines for hits in line.hits])

    def slope(i, step=1e-6):
        up, down = (np.ones(30) + sign * step * (np.arange(30) == i) for sign in (1, -1))
        return 30 * (area(up) - area(down)) / (2 * step)

    slopes = np.array([slope(i) for i in range(30)])
    assert METRICS[name](truth, predicted).influence() == pytest.approx(slopes - slopes.mean(), abs=1e-4)
    assert area(np.ones(30)) == pytest.approx(METRICS[name](truth, predicted).value(), abs=0.02)


def _area(line, hits, weights):
    """Σ (R_j - R_j-1) · max of the precisions from j on, in plain loops."""
    right = said = 0.0
    places = []
    for row, hit in zip(line.rows, hits, strict=True):
        said += weights[row]
        right += weights[row] * hit
        places.append((right / (weights @ line.true), right / said))
    total, before = 0.0, 0.0
    for i, (recall, _) in enumerate(places):
        total += (recall - before) * max(p for _, p in places[i:])
        before = recall
    return total


def test_the_spread_of_draws_is_that_of_the_influence():
    measured = METRICS["map50"](*made_boxes(np.random.default_rng(0), 120))
    assert measured.draw(1000).std() == pytest.approx(measured.influence().std() / np.sqrt(120), rel=0.15)


def test_each_true_box_is_taken_once_and_by_the_surest():
    near = said(A, 0.9, move=1.0)
    assert matched([A], [said(A, 0.5), near]) == [-1, 0]
    assert matched([A, B], [said(B, 0.4), said(A, 0.3), ["a", 0.2, *B[2:]]]) == [1, 0, -1]
    assert matched([], [near]) == [-1]
    assert matched([A], []) == []
