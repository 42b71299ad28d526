"""The short form of `benchmarks/fuzz_submissions.py`: the same inputs and the same target, without the coverage."""

from __future__ import annotations

import random
import warnings

import pytest

from tests.competition.fuzzing.hosted import host
from tests.competition.fuzzing.mutations import mutate
from tests.competition.fuzzing.target import Target

TASKS = (
    ("text-classification", "accuracy"), ("text-classification", "log_loss"), ("tabular-regression", "rmse"),
    ("detection", "map50"), ("forecasting", "weighted_quantile_loss"), ("speech-synthesis", "mel_distance"),
)  # fmt: skip


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    folder = tmp_path_factory.mktemp("hosted")
    return Target([host(folder / metric, task, metric) for task, metric in TASKS])


def test_whole_submissions_of_every_form_are_scored(target: Target):
    found = [target.run(seed) for seed in target.seeds()]
    assert found == [None] * len(found)
    assert target.counts == {"scores": len(found)}


def test_hostile_files_are_scored_or_refused_in_a_sentence_and_nothing_else(target: Target):
    draws, seeds = random.Random(8), target.seeds()
    before = dict(target.counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of doubled names as we write them
        for _ in range(400):
            data = draws.choice(seeds)
            for _ in range(draws.choice((1, 2, 3))):
                data = mutate(data, draws)
            found = target.run(data)
            assert found is None, (found.text, data[:500])
    assert target.counts["refused"] > before.get("refused", 0) + 100
