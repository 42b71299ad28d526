"""The projects of the catalogue whose data lie in a mirror folder: counts, classes, what is left out, and no leak."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

import pytest

from deepdojo.baselines import run_floors
from deepdojo.chunks import chunks_of, scheme_of
from deepdojo.data.dataset import Dataset, load_dataset
from deepdojo.data.project import find_project
from deepdojo.places import mirror_folder
from deepdojo.scoring.metrics import METRICS

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
        ("bike-forecast", (13_680, 61, 92), 0),
        ("exchange-rate", (35_464, 504, 504), 0),
        ("heart-beats", (43_984, 7_007, 49_684), 15),
        ("msr-action3d", (264, 20, 273), 10),  # 284 train in the papers: 20 of them validate
        ("msr-action3d-as1", (106, 8, 105), 7),
        ("msr-action3d-as2", (108, 8, 112), 3),
        ("msr-action3d-as3", (103, 8, 111), 4),
        ("surveillance-fights", (173, 36, 91), 0),
        ("pneumonia", (4_698, 524, 624), 10),  # 8 validation pictures stand among the training ones, some twice
        ("spoken-digits", (1_932, 68, 500), 0),
        ("spoken-digits-speaker", (1_904, 96, 500), 0),
        ("speech-commands", (602, 98, 300), 0),
        ("spoken-digit-strings", (933, 66, 219), 0),
        ("spoken-digit-strings-unseen", (847, 44, 224), 0),
        ("an4", (870, 78, 130), 0),
        pytest.param("cifar10", (47_500, 2_500, 10_000), 0, marks=pytest.mark.slow),
        ("blood-cells", (260, 32, 72), 2),  # two boxes without area
        ("raccoon", (134, 24, 40), 2),  # two pictures that validate stand twice
        ("flickr8k-small", (700, 100, 100), 0),
        ("extended-yale-b", (833, 76, 1_505), 0),
        ("omniglot-5way", (18_660, 250, 5_000), 0),
        pytest.param("omniglot-20way", (18_660, 1_000, 20_000), 0, marks=pytest.mark.slow),
        ("omniglot-runs", (18_660, 1_000, 400), 0),
        ("orl-faces", (140, 35, 175), 0),
        ("orl-faces-first-five", (140, 35, 175), 0),
        ("orl-faces-strangers", (200, 1_225, 4_500), 0),
        ("imdb-stars", (4_496, 500, 2_500), 4),
        ("conll2000", (8_748, 188, 2_012), 0),
        ("conll2003", (14_041, 3_250, 3_453), 0),
        ("resume-zh", (3_821, 463, 477), 0),
        ("wnut17", (3_394, 1_009, 1_287), 0),
        ("kathleen", (221, 31, 48), 0),
        ("squad", (11_312, 565, 4_961), 0),
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
@pytest.mark.parametrize("name", ["bike-forecast", "exchange-rate"])
def test_no_window_of_training_reaches_into_what_is_forecast_later(name: str) -> None:
    """The future of the last training window ends before the first of validation begins, and so on to the test."""
    data, steps = load(name), 24

    def place(key: str) -> float:
        said = key.split(" ", 1)[1].replace("Zealand ", "")
        return datetime.fromisoformat(said).timestamp() / 3600 if "-" in said else float(said)

    places = {split: [place(row["id"]) for row in data.rows(split)] for split in SPLITS}
    assert {len(row["past"]) for split in SPLITS for row in data.rows(split)} == {
        168 if name == "bike-forecast" else 96
    }
    assert max(places["train"]) + steps <= min(places["validation"])
    assert max(places["validation"]) + steps <= min(places["test"])


@pytest.mark.slow
@pytest.mark.data
def test_heart_beats_are_cut_by_patient_and_the_other_project_is_not() -> None:
    data = load("heart-beats")
    patients = {split: {row["id"].split("-")[0] for row in data.rows(split)} for split in SPLITS}
    assert [len(patients[split]) for split in SPLITS] == [19, 3, 22]
    assert not patients["test"] & (patients["train"] | patients["validation"])
    assert {row["label"] for row in data.truth("test")} == {"N", "S", "V", "F"}
    assert {len(set(data.groups(split))) for split in ("test",)} == {22}
    first = data.rows("test")[0]
    assert first["signal"].shape == (2, 100)
    assert first["numbers"].shape == (6,)
    mixed = load("heart-beats-random")
    seen = {split: {row["id"].split("-")[0] for row in mixed.rows(split)} for split in SPLITS}
    assert len(seen["train"] & seen["test"]) == 44


@pytest.mark.data
def test_flights_know_nothing_that_is_known_after_departure() -> None:
    data = load("flight-delays")
    assert not {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"} & set(data.rows("train")[0]["features"])
    late = [row["label"] for row in data.truth("test")].count("late")
    assert late == 3_217  # as the data's own page counts them
    noon = next(row for row in data.rows("train") if row["features"]["origin"] == "EWR")["features"]
    assert set(noon) == set(data.project.spec.columns["features"])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "scheme", "chunks", "groups"),
    [
        ("conll2000", "iob2", 23_852, None),  # as conlleval counts them
        ("conll2003", "iob1", 5_648, 231),
        ("resume-zh", "bmes", 1_630, None),
        ("wnut17", "iob2", 1_079, None),
    ],
)
def test_tags_have_their_scheme_and_as_many_chunks_as_published(name, scheme, chunks, groups) -> None:
    data = load(name)
    assert scheme_of([row["tags"] for row in data.rows("train")]) == scheme
    assert sum(len(chunks_of(row["tags"])) for row in data.truth("test")) == chunks
    found = data.groups("test")
    assert (None if found is None else len(set(found.tolist()))) == groups


@pytest.mark.slow
@pytest.mark.data
def test_the_floor_of_the_shared_task_of_2000_is_the_published_one() -> None:
    data = load("conll2000")
    truth = [row["tags"] for row in data.truth("test")]
    value = {
        result.name: METRICS["chunk_f1"](truth, [row["tags"] for row in result.predictions]).value()
        for result in run_floors("tagging", data.rows("train"), data.rows("test"))
    }
    assert round(value["tag_of_pos"], 4) == 0.7707
    assert value["tag_of_word"] > 0.72
    assert value["perceptron"] > 0.925


def test_every_answer_of_squad_stands_where_its_start_says_and_no_article_is_in_two_parts() -> None:
    data = load("squad")
    for split in ("train", "validation"):
        for row in data.rows(split):
            for answer, start in zip(row["answers"], row["starts"], strict=True):
                assert row["context"].startswith(answer, int(start))
    groups = [set(data.groups(split).tolist()) for split in SPLITS]
    assert [len(g) for g in groups] == [42, 2, 24]
    assert not groups[0] & groups[1] | groups[1] & groups[2] | groups[0] & groups[2]


def test_code_that_comes_with_the_package_asks_for_no_consent() -> None:
    from deepdojo.session.start import code_trusted

    assert find_project("flight-delays").reader == "python:flights.py"
    assert code_trusted(find_project("flight-delays"), trust=False)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("multi30k-de-en", ("Zwei junge weiße Männer sind", "Two young, White males are")),
        ("multi30k-en-de", ("Two young, White males are", "Zwei junge weiße Männer sind")),
        ("multi30k-fr-en", ("Deux jeunes hommes blancs sont", "Two young, White males are")),
    ],
)
def test_sentences_stand_beside_their_translations_and_none_is_in_two_parts(name: str, first: tuple[str, str]) -> None:
    data = load(name)
    sizes = [len(data.rows(split)) for split in SPLITS]
    assert sizes[1:] == [1_014, 1_000]
    assert sizes[0] + len(data.rejected) == 29_000
    assert {one.reason for one in data.rejected} == {"the same input is validated or tested on"}
    row = data.rows("train")[0]
    assert (row["source"].startswith(first[0]), row["target"].startswith(first[1])) == (True, True)
    assert {row["source"] for row in data.rows("train")}.isdisjoint(row["source"] for row in data.rows("test"))
