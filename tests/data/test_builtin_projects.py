"""The projects of the catalogue whose data lie in a mirror folder: counts, classes, what is left out, and no leak."""

from __future__ import annotations

from functools import lru_cache

import pytest

from deepdojo.data.dataset import Dataset, load_dataset
from deepdojo.data.project import find_project
from deepdojo.places import mirror_folder

SPLITS = ("train", "validation", "test")


@lru_cache(maxsize=3)
def load(name: str) -> Dataset:
    mirror, project = mirror_folder(), find_project(name)
    if mirror is None or not (mirror / str(project.spec.source.mirror)).is_dir():
        pytest.skip("DEEPDOJO_DATA names no mirror folder that holds it")
    return load_dataset(project, offline=True, trusted=True)  # our own reader


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "counts", "left_out"),
    [
        ("fashion-mnist", (57_000, 3_000, 10_000), 0),
        ("movie-reviews", (8_635, 960, 1_067), 0),  # 10,685 rows where lines are cut at \x85
        ("titanic", (579, 89, 223), 0),
        ("trec", (4_907, 545, 500), 0),
        ("thucnews-zh", (33_494, 9_991, 10_000), 105),  # 96 training and 9 validation titles stand in a later part
        ("ag-news", (16_512, 1_832, 7_600), 2),
        ("ag-news-noisy", (8_999, 1_000, 7_600), 1),
        ("imdb", (4_496, 500, 2_500), 4),
        ("long-movie-reviews", (1_620, 180, 200), 0),
        ("sst2", (6_920, 872, 1_821), 0),
        ("customer-reviews", (3_054, 339, 378), 4),
        ("opinion-polarity", (8_526, 954, 1_123), 3),
        ("credit-default", (20_995, 3_004, 6_001), 0),
        ("bike-demand", (13_747, 1_464, 2_168), 0),
        ("flight-delays", (39_224, 4_359, 14_727), 0),
        ("cifar10", (47_500, 2_500, 10_000), 0),
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


@pytest.mark.data
def test_sentences_have_the_kinds_of_their_tags_and_titles_of_articles_are_none() -> None:
    data = load("entity-kinds")
    assert tuple(len(data.rows(split)) for split in SPLITS) == (13_492, 3_187, 3_453)
    assert data.n == data.project.spec.rows
    first = data.rows("train")[0]
    assert (first["text"], first["labels"]) == (
        "EU rejects German call to boycott British lamb .", ["organisation", "other name"],
    )  # fmt: skip
    assert data.where(first["id"]) == ("eng.train", 3)
    kinds = {kind for split in SPLITS for row in data.truth(split) for kind in row["labels"]}
    assert kinds == {"person", "place", "organisation", "other name"}
    assert not any("DOCSTART" in row["text"] for split in SPLITS for row in data.rows(split))


@pytest.mark.data
def test_news_joins_two_files_without_repeats_and_a_crowd_never_sees_the_authors_classes() -> None:
    joined, noisy = load("ag-news"), load("ag-news-noisy")
    places = [joined.where(row["id"])[0] for part in ("train", "validation") for row in joined.rows(part)]
    assert places.count("train_first10429.csv.gz") == 10_429 - 2  # test items, too
    assert places.count("train_crowd10000.csv.gz") == 10_000 - 2_083
    right = {row["text"]: row["label"] for part in ("train", "validation") for row in joined.rows(part)}
    crowd = [row for part in ("train", "validation") for row in noisy.rows(part) if row["text"] in right]
    wrong = sum(right[row["text"]] != row["label"] for row in crowd)
    assert 0.19 < wrong / len(crowd) < 0.21
    assert all(set(row) == {"id", "text", "label"} for row in crowd)


@pytest.mark.data
def test_reviews_hold_no_tags_and_no_rating() -> None:
    data = load("imdb")
    assert not any("<br" in row["text"] for split in SPLITS for row in data.rows(split))
    assert all(row["id"].lstrip("abcdefghijklmnopqrstuvwxyz:-").isdigit() for row in data.rows("train"))


@pytest.mark.data
def test_bicycles_are_cut_by_time_and_hold_no_part_of_the_answer() -> None:
    data = load("bike-demand")
    assert not {"casual", "registered", "instant", "dteday", "cnt"} & set(data.rows("train")[0]["features"])
    line = {split: [int(row["id"]) for row in data.rows(split)] for split in SPLITS}
    assert max(line["train"]) < min(line["validation"])
    assert max(line["validation"]) < min(line["test"])
    first = data.rows("test")[0]["features"]
    assert (first["yr"], first["mnth"], first["hr"]) == ("1", "10", "0")  # 1 October 2012, midnight


@pytest.mark.data
def test_flights_know_nothing_that_is_known_after_departure() -> None:
    data = load("flight-delays")
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} & set(data.rows("train")[0]["features"])
    late = [row["label"] for row in data.truth("test")].count("late")
    assert late == 3_217  # as the data's own page counts them
    noon = next(row for row in data.rows("train") if row["features"]["origin"] == "EWR")["features"]
    assert set(noon) == set(data.project.spec.columns["features"])


def test_code_that_comes_with_the_package_asks_for_no_consent() -> None:
    from deepdojo.session.start import code_trusted

    assert find_project("flight-delays").reader == "python:flights.py"
    assert code_trusted(find_project("flight-delays"), trust=False)
