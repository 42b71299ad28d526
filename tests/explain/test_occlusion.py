"""Occlusion against a closed form and against captum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepdojo.explain.occlusion import occlusion
from deepdojo.models import create_model

from .made import learned, made_rows, made_task, probe_of


def test_a_column_of_a_linear_regression_scores_its_squared_contribution():
    rows = made_rows("tabular-regression", 60)
    task = made_task("tabular-regression", rows)
    model = learned(task, rows, "linear")
    probe = probe_of(task, model, rows[3])
    scores, passes = occlusion(probe)
    a, b, gap = probe.batch["numbers"][0]
    w = model.head.weight[0].detach()
    colours = model.embeddings[0].weight[:, 0].detach()
    colour = colours[int(probe.batch["categories"])] - colours[0]
    expected = torch.stack([w[0] * a, w[1] * b + w[2] * gap, colour]).square()
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
    assert passes == 4


@pytest.mark.filterwarnings("ignore")
def test_patches_equal_captum():
    attr = pytest.importorskip("captum.attr", reason="captum is in the dev extra")
    rows = made_rows("image-classification", 60)
    task = made_task("image-classification", rows)
    model = learned(task, rows, "cnn", steps=10)
    for row in rows[:3]:
        probe = probe_of(task, model, row)
        scores, _ = occlusion(probe)
        image = probe.batch["image"]
        found = attr.FeatureAblation(lambda x, p=probe: p.evidence_of({**p.repeated(len(x)), "image": x})).attribute(
            image, baselines=0.0, feature_mask=probe.owner["image"].view(image.shape)
        )
        for score, (y0, x0, y1, x1) in zip(scores, probe.labels, strict=True):
            assert float(found[0, 0, y0, x0]) == pytest.approx(score, abs=1e-5)
            assert bool((found[0, 0, y0:y1, x0:x1] == found[0, 0, y0, x0]).all())


def test_the_words_of_a_span_share_its_score():
    row = {"id": "0", "text": " ".join(["fine", "plot"] * 50), "label": "good"}
    task = made_task("text-classification", [row, {"id": "1", "text": "dull dull", "label": "bad"}])
    probe = probe_of(task, create_model("text_cnn", task.dims()), row)
    scores, passes = occlusion(probe)
    assert len(scores) == 100
    assert passes == probe.units + 1
    spans = scores.reshape(25, 4)
    np.testing.assert_array_equal(spans, np.repeat(spans[:, :1], 4, axis=1))
    whole, without = probe.after(np.stack([np.zeros(25, dtype=bool), np.arange(25) == 7]))
    assert probe.sums(scores)[7] == pytest.approx(whole - without, abs=1e-9)
