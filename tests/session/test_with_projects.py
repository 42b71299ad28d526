"""Whole short trainings of catalogue projects with a lesson's own solution, beside the built-in ones of the same seed.

    pytest -m slow -s tests/session/test_with_projects.py

prints the largest difference of each; `docs/with.md` states them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepdojo as dd
from deepdojo.errors import DataError
from deepdojo.grader.lessons import find_lesson
from deepdojo.runs import Run
from tests.session.test_again import QUICK

PLAIN = {"model.dropout": 0}
RELU = {**PLAIN, "model.activation": "relu"}
NARROW = {"model.width": 64, "model.num_heads": 4}
FEW: dict[str, Any] = {"train.steps": 20}
PAIRS = {**FEW, "task.vocab_size": 1000, "task.max_length": 8, "train.batch_tokens": 500}
TINY = {"train.steps": 6, "task.vocab_size": 300, "model.width": 32, "model.num_heads": 2, "train.batch_tokens": 300}
PROJECTS: dict[str, tuple[str, str, str, dict[str, Any], float]] = {
    # idea -> (lesson, project, recipe, settings, share of the training rows)
    "encoder_layer": ("f5-encoder-layer", "movie-reviews", "transformer", {**RELU, "train.epochs": 2}, 0.1),
    "decoder_layer": ("f6-decoder-layer", "multi30k-de-en", "transformer",
                      {**PLAIN, **PAIRS, **NARROW, "task.beams": 1}, 0.01),
    "crf": ("d6-bilstm-crf", "wnut17", "bilstm_crf", FEW, 0.2),
    "ctc_loss": ("i3-ctc", "spoken-digit-strings", "ctc", FEW, 0.2),
    "additive_attention": ("e1-additive", "multi30k-de-en", "lstm_attention",
                           {**PAIRS, "model.hidden_size": 64, "task.beams": 1}, 0.01),
    "sampler": ("g4-sampling", "shakespeare", "decoder", {**NARROW, **FEW, "model.num_layers": 2}, 1.0),
    "kv_cache": ("g5-kv-cache", "shakespeare", "decoder",
                 {"train.steps": 8, "model.width": 16, "model.num_layers": 2, "model.num_heads": 2, "task.context": 32,
                  "train.batch_size": 4, "model.positions": "learned"}, 1.0),
    "residual_block": ("c5-resnet-block", "cifar10", "resnet_small", {"train.epochs": 1}, 0.03),
    "nms": ("h3-nms", "raccoon", "default", {"train.steps": 6, "task.size": 64}, 0.3),
    "box_iou": ("h2-iou", "raccoon", "default", {"train.steps": 6, "task.size": 64}, 0.3),
    "mel_filters": ("i2-mel", "spoken-digits", "default", {"train.steps": 6}, 0.1),
    "tokenizer": ("g1-bpe", "multi30k-de-en", "transformer", {**TINY, "task.max_length": 2, "task.beams": 1}, 0.005),
    "beam_search": ("g6-beam", "multi30k-de-en", "transformer", {**TINY, "task.max_length": 3, "task.beams": 2}, 0.005),
}  # fmt: skip
HELD_OUT = (
    "encoder_layer",
    "crf",
    "ctc_loss",
    "sampler",
    "residual_block",
    "nms",
    "box_iou",
    "mel_filters",
)
"""Whose held-out rows are predicted, too; translations of a thousand sentences take minutes."""


def steps(run: Any) -> np.ndarray:
    return np.array([line["loss"] for line in Run(run.folder).metrics() if line["kind"] == "step"])


def samples(run: Any) -> list[str]:
    path = "samples.json"
    return [each["text"] for each in run.run.read_json(path)] if (run.folder / path).is_file() else []


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("idea", PROJECTS)
def test_a_lessons_solution_trains_a_real_project_as_the_built_in_does(idea: str, tmp_path: Path) -> None:
    lesson, project, recipe, settings, share = PROJECTS[idea]
    (tmp_path / "mine.py").write_text(find_lesson(lesson).solution, encoding="utf-8")
    given: dict[str, Any] = {"set": settings, "share": share, "runs": tmp_path / "runs", **QUICK}
    given["validation_only"] = idea not in HELD_OUT
    began = time.monotonic()
    try:
        own = dd.train(project, recipe, with_=[tmp_path / "mine.py"], **given)
    except DataError as error:
        pytest.skip(f"the data are not here: {error}")
    plain = dd.train(project, recipe, **given)
    assert any(one["name"] == idea and one["count"] for one in own.run.info["with"])
    ours, theirs = steps(plain), steps(own)
    apart = np.abs(ours - theirs) / np.abs(ours)
    print(
        f"\n{idea}: dojo train {project} -r {recipe} --with {lesson}: {len(ours)} steps, largest difference "
        f"{apart.max():.1e} of the loss ({apart[:5].max():.1e} in the first five); "
        f"{time.monotonic() - began:.0f} s for both"
    )
    if idea in HELD_OUT:
        same = [a == b for a, b in zip(own.run.predictions().rows(), plain.run.predictions().rows(), strict=True)]
        print(f"{sum(same):,} of {len(same):,} held-out rows are predicted alike to the last digit")
    assert len(ours) > 5
    assert apart[:5].max() < 1e-4  # later, rounding grows with every step of an optimizer that divides by it
    assert apart.max() < 2e-2
    assert samples(own) == samples(plain)
