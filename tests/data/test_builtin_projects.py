"""The projects of the catalogue whose data lie in a mirror folder: counts, classes, what is left out, and no leak."""

from __future__ import annotations

import pytest

from deepdojo.data.dataset import Dataset, load_dataset
from deepdojo.data.project import find_project
from deepdojo.places import mirror_folder

SPLITS = ("train", "validation", "test")


def load(name: str) -> Dataset:
    mirror, project = mirror_folder(), find_project(name)
    if mirror is None or not (mirror / str(project.spec.source.mirror)).is_dir():
        pytest.skip("DEEPDOJO_DATA names no mirror folder that holds it")
    return load_dataset(project, offline=True)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "counts", "left_out"),
    [
        ("fashion-mnist", (57_000, 3_000, 10_000), 0),
        ("movie-reviews", (8_635, 960, 1_067), 0),  # 10,685 rows where lines are cut at \x85
        ("titanic", (579, 89, 223), 0),
        ("trec", (4_907, 545, 500), 0),
        ("sst2", (6_920, 872, 1_821), 0),
        ("customer-reviews", (3_054, 339, 378), 4),
        ("opinion-polarity", (8_526, 954, 1_123), 3),
        ("credit-default", (20_995, 3_004, 6_001), 0),
    ],
)
def test_counts(name: str, counts: tuple[int, int, int], left_out: int) -> None:
    data = load(name)
    assert tuple(len(data.rows(split)) for split in SPLITS) == counts
    assert len(data.rejected) == left_out
    assert data.n == data.project.spec.rows
    named = data.project.spec.labels.names
    if named:
        found = {row["label"] for split in SPLITS for row in data.truth(split)}
        assert found == set(named.values() if isinstance(named, dict) else named)
