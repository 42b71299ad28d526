"""`dojo check` on made data, each with one thing wrong; and silence on data with nothing wrong."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.check import check
from deepdojo.data.files import Media
from deepdojo.errors import DataError
from tests.data.made_dataset import MadeDataset, dataset

TABLE = "tabular-classification"


def record(**cells):
    return {name: None if cell is None else str(cell) for name, cell in cells.items()}


def good_rows(n: int = 200, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        x, y = rng.normal(), rng.normal()
        label = "ab"[int(x + rng.normal() > 0)]
        rows.append({"label": label, "features": record(x=x, y=y, city=rng.choice(["X", "Y", "Z"]))})
    return rows


def found(report, kind: str):
    return [problem for problem in report.problems if problem.kind == kind]


def one(report, kind: str):
    (problem,) = found(report, kind)
    return problem


def test_nothing_wrong_is_nothing_found():
    report = check(dataset(TABLE, good_rows()))
    assert report.problems == []
    assert (report.seen, report.total) == (200, 200)
    assert report.said == "nothing found; all 200 rows seen"
    assert report.facts["rows"] == {"train": 140, "validation": 20, "test": 40}
    assert report.facts["columns"]["city"] == {"kind": "category", "missing": 0, "distinct": 3, "n": 160}


def test_held_out_labels_are_never_asked_for():
    """Rows of the held-out split that have no target, and a truth that raises, change nothing."""
    made = dataset(TABLE, good_rows())
    made.truth = lambda split: pytest.fail("the check read held-out labels")  # type: ignore[attr-defined]
    assert all("label" not in row for row in made.rows("test"))
    assert check(made).errors == []


def test_one_class_stops_the_training():
    report = check(dataset(TABLE, [row | {"label": "a"} for row in good_rows(50)]))
    assert "all 40 labelled rows are of one class, 'a'" in one(report, "classes").what
    with pytest.raises(DataError, match="one class"):
        report.stop_at_error()


@pytest.mark.parametrize(("labels", "todo"), [("word", "id or free text"), ("number", "tabular-regression")])
def test_a_class_for_nearly_every_row_stops_the_training(labels, todo):
    rows = [row | {"label": f"w{k}" if labels == "word" else f"{k}.5"} for k, row in enumerate(good_rows(60))]
    problem = one(check(dataset(TABLE, rows)), "classes")
    assert problem.level == "error"
    assert "48 classes in 48 labelled rows" in problem.what
    assert todo in problem.todo


def test_more_than_ten_thousand_classes_stop_the_training():
    rows = [{"text": f"some text {k}", "label": f"c{k % 10_001}"} for k in range(40_000)]
    problem = one(check(dataset("text-classification", rows)), "classes")
    assert problem.level == "error"
    assert "10,001 classes" in problem.what


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_without_rows_stops_the_training(split):
    rows = good_rows(60)
    parts = {"train": rows[:40], "validation": rows[40:50], "test": rows[50:]} | {split: []}
    for k, row in enumerate(rows):
        row["id"] = str(k)
    problem = one(check(MadeDataset(TABLE, parts)), "rows")
    assert (problem.level, problem.where) == ("error", f"{split} split")
    assert f"fraction.{split}" in problem.todo


def test_one_training_row_is_too_few():
    rows = good_rows(10)
    for k, row in enumerate(rows):
        row["id"] = str(k)
    report = check(MadeDataset(TABLE, {"train": rows[:1], "validation": rows[1:5], "test": rows[5:]}))
    assert one(report, "rows").level == "error"


def test_a_value_that_never_changes_and_values_far_away():
    rows = [{"features": record(x=k), "value": 3.0} for k in range(40)]
    assert one(check(dataset("tabular-regression", rows)), "values").level == "error"
    rng = np.random.default_rng(0)
    rows = [{"features": record(x=rng.normal()), "value": float(rng.normal())} for _ in range(400)]
    rows[17]["value"] = 1e6
    problem = one(check(dataset("tabular-regression", rows)), "values")
    assert (problem.level, problem.where) == ("warning", "rows.csv:19")
    assert "1e+06" in problem.what


def test_rare_and_missing_classes():
    rows = good_rows(200)
    rows[0]["label"] = rows[1]["label"] = "rare"
    rows[150]["label"] = "new"
    report = check(dataset(TABLE, rows))
    assert "'new (1)', 'rare (2)'" in one(report, "rare classes").what
    whats = [p.what for p in found(report, "classes")]
    assert any("not in the training rows: 'new'" in what for what in whats)
    assert any("no validation row" in what and "'rare'" in what for what in whats)
    assert report.facts["classes"]["rare"] == {"train": 2, "validation": 0}


def test_a_lopsided_target_is_named():
    rows = [row | {"label": "no" if k % 40 else "yes"} for k, row in enumerate(good_rows(600))]
    assert "accuracy says little" in one(check(dataset(TABLE, rows)), "classes").what


def test_a_column_that_predicts_alone():
    rows = good_rows(300)
    for k, row in enumerate(rows):
        row["features"] |= record(
            outcome={"a": "died", "b": "lived"}[row["label"]], code=(k % 7) + 100 * (row["label"] == "a")
        )
        row["features"]["boat"] = None if row["label"] == "a" else str(k % 9)
    leaks = found(check(dataset(TABLE, rows)), "leak")
    assert {p.where for p in leaks} == {"column 'outcome'", "column 'code'", "column 'boat'"}
    assert all("100.0% of the majority's errors" in p.what for p in leaks)


def test_a_good_column_is_no_leak():
    """98 % right on two equal classes is a good measurement, and 96 % of the errors removed."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(2000):
        label = "ab"[k % 2]
        noisy = label if rng.random() > 0.02 else "ab"[1 - k % 2]
        rows.append({"label": label, "features": record(test=noisy, z=rng.normal())})
    assert found(check(dataset(TABLE, rows)), "leak") == []


def test_a_rare_class_does_not_make_every_column_a_leak():
    rng = np.random.default_rng(0)
    rows = [{"label": "yes" if k % 100 == 0 else "no", "features": record(x=rng.normal())} for k in range(3000)]
    assert found(check(dataset(TABLE, rows)), "leak") == []


def test_a_leak_of_a_number_with_a_long_tail():
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(500):
        value = float(np.exp(3 * rng.normal()))
        rows.append(
            {"value": value, "features": record(price_with_tax=1.19 * value, size=np.log(value) + rng.normal())}
        )
    leaks = found(check(dataset("tabular-regression", rows)), "leak")
    assert [p.where for p in leaks] == ["column 'price_with_tax'"]


def test_columns_that_say_nothing_or_too_much():
    rows = good_rows(100)
    for k, row in enumerate(rows):
        row["features"] |= record(same="7", empty=None, name=f"n{k}", PassengerId=k, holes="1" if k % 3 == 0 else None)
    report = check(dataset(TABLE, rows))
    assert "'same'" in one(report, "constant columns").what
    assert "'empty'" in one(report, "empty columns").what
    assert "'name', 'PassengerId'" in one(report, "id-like columns").what
    assert "'holes' 66.2%" in one(report, "gaps").what


def test_numbers_as_text_and_infinities_name_the_line():
    rows = good_rows(100)
    rows[5]["features"]["x"] = "12 kg"
    rows[9]["features"]["y"] = "-inf"
    report = check(dataset(TABLE, rows))
    assert (one(report, "numbers as text").where, "'12 kg'" in one(report, "numbers as text").what) == (
        "rows.csv:7",
        True,
    )
    assert one(report, "infinities").where == "rows.csv:11"


def test_duplicates_within_and_across_splits():
    rows = [{"text": f"a sentence with number {k}", "label": "ab"[k % 2]} for k in range(100)]
    rows[1]["text"], rows[3]["text"] = rows[0]["text"], rows[99]["text"]
    rows[1]["label"] = rows[0]["label"]
    report = check(dataset("text-classification", rows))
    across = one(report, "duplicates across splits")
    assert across.where == "rows.csv:101"
    assert "1 held-out row of 20 (5.0%) has the same input" in across.what
    assert "rows.csv:5" in across.what
    assert "1 row repeats the input" in one(report, "duplicates").what
    assert found(report, "two labels") == []
    assert report.facts["duplicates"] == {"within": 1, "across": 2}


def test_one_input_under_two_labels():
    rows = [{"text": f"a sentence with number {k}", "label": "ab"[k % 2]} for k in range(100)]
    rows[1]["text"] = rows[0]["text"]
    rows[2]["text"] = rows[99]["text"]  # the other one is held out: its label is not read
    problem = one(check(dataset("text-classification", rows)), "two labels")
    assert "1 input occurs under more than one label (2 rows)" in problem.what
    assert {problem.where, *problem.what.split("; ")[1].split(" ")} >= {"rows.csv:2", "rows.csv:3"}


def test_equal_images_are_found_and_sizes_named():
    rng = np.random.default_rng(0)
    rows = [{"image": rng.integers(0, 256, (8, 8)).astype(np.uint8), "label": "ab"[k % 2]} for k in range(60)]
    rows[59]["image"] = rows[0]["image"].copy()
    rows[7]["image"] = rng.integers(0, 256, (32, 16, 3)).astype(np.uint8)
    report = check(dataset("image-classification", rows))
    assert "1 held-out row of 12" in one(report, "duplicates across splits").what
    sizes = one(report, "image sizes")
    assert "8 × 8" in sizes.what
    assert "16 × 32 (rows.csv:9)" in sizes.what
    assert "59 are grey and 1 coloured" in one(report, "image colours").what


def test_files_of_equal_bytes_are_equal_images():
    def picture(k: int) -> Media:
        out = io.BytesIO()
        Image.new("L", (4, 4), k).save(out, "PNG")
        return Media(f"{k}.png", out.getvalue)

    rows = [{"image": picture(k), "label": "ab"[k % 2]} for k in range(40)]
    rows[39]["image"] = picture(0)
    assert "1 held-out row" in one(check(dataset("image-classification", rows)), "duplicates across splits").what


def test_images_that_cannot_be_decoded_are_counted():
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    whole, cut = out.getvalue(), out.getvalue()[:-40]
    rows = [{"image": Media(f"{k}.png", lambda k=k: cut if k < 3 else whole), "label": "ab"[k % 2]} for k in range(40)]
    found = one(check(dataset("image-classification", rows)), "broken images")
    assert found.what.startswith("3 of 40 images looked at cannot be used; the first: the picture is broken")


def test_empty_short_and_endless_texts():
    rows = [{"text": f"a sentence with number {k}", "label": "ab"[k % 2]} for k in range(100)]
    rows[4]["text"], rows[6]["text"], rows[8]["text"] = "  ", "ok", "endless " * 1000
    report = check(dataset("text-classification", rows))
    short = found(report, "short texts")
    assert [(p.where, p.level) for p in short] == [("rows.csv:6", "warning"), ("rows.csv:8", "note")]
    assert one(report, "long texts").where == "rows.csv:10"


def grouped_rows(kind: str) -> list[dict]:
    rng = np.random.default_rng(0)
    rows = []
    for person in range(60):
        sick = rng.random() < 0.5
        own = rng.normal(size=4).round(3)
        for _ in range(5):
            cells = own if kind == "alike" else rng.normal(size=4).round(3)
            label = sick if kind == "label" else rng.random() < 0.5
            cells_by_name = {f"x{k}": cells[k] for k in range(4)} | {"z": round(float(rng.normal()), 3)}
            rows.append({"label": "ab"[int(label)], "features": record(pid=f"p{person}", **cells_by_name)})
    return [rows[k] for k in rng.permutation(len(rows))]


@pytest.mark.parametrize(("kind", "words"), [("label", "share the label"), ("alike", "nearly equal")])
def test_groups_that_a_random_split_would_tear_apart(kind, words):
    problem = next(p for p in found(check(dataset(TABLE, grouped_rows(kind))), "groups") if p.where == "column 'pid'")
    assert words in problem.what
    assert "--group pid" in problem.todo


def test_a_group_by_its_name_alone_and_silence_without_reason():
    rows = grouped_rows("neither")
    assert found(check(dataset(TABLE, rows)), "groups") == []
    for row in rows:
        row["features"]["patient_id"] = row["features"].pop("pid")
    assert "is named like one" in one(check(dataset(TABLE, rows)), "groups").what
    assert found(check(dataset(TABLE, rows, test_groups=np.zeros(60, dtype=int))), "groups") == []


def test_reasons_that_differ_in_numbers_alone_are_one_finding_and_names_are_not_numbers():
    reasons = [f"{k} of 192 values are missing, the first at 2024-03-24 0{k}:00" for k in range(1, 8)]
    reasons += ["the column x1 is empty", "the column x2 is empty"]
    rejected = [SimpleNamespace(file="rows.csv", line=k, id="", reason=said) for k, said in enumerate(reasons, 1)]
    problems = found(check(dataset(TABLE, good_rows(), rejected=rejected)), "left out")
    assert [p.what.split(" (")[0] for p in problems] == ["7 rows are left out", *["1 row is left out"] * 2]
    assert problems[0].what.endswith("the first because 1 of 192 values are missing, the first at 2024-03-24 01:00")


def test_what_was_left_out_is_counted_by_reason():
    rejected = [SimpleNamespace(file="rows.csv", line=k, id=None, reason="the label is missing") for k in (7, 9)]
    rejected.append(SimpleNamespace(file="a.png", line=None, id="a.png", reason="the image is truncated"))
    problems = found(check(dataset(TABLE, good_rows(), rejected=rejected)), "left out")
    assert [(p.where, p.what.split(" (")[0]) for p in problems] == [
        ("rows.csv:7", "2 rows are left out"),
        ("a.png", "1 row is left out"),
    ]


def test_the_time_is_kept_and_what_was_seen_is_said():
    rows = [{"text": f"a sentence with number {k}", "label": "ab"[k % 2]} for k in range(100_000)]
    made = dataset("text-classification", rows)
    began = time.process_time()
    report = check(made, budget_s=0.05)
    assert time.process_time() - began < 2
    assert 0 < report.seen < report.total
    assert f"{report.seen:,} of 100,000 rows seen" in report.said


def test_the_same_seed_finds_the_same():
    made = dataset(TABLE, grouped_rows("label"))
    first, second = check(made, seed=3), check(made, seed=3)
    assert first.problems == second.problems


def test_errors_stand_first_and_json_is_plain():
    import json

    rows = [row | {"label": "a"} for row in good_rows(50)]
    for k, row in enumerate(rows):
        row["features"] |= record(name=f"n{k}", same=1)
    report = check(dataset(TABLE, rows))
    levels = [p.level for p in report.problems]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert json.loads(json.dumps(report.as_json()))["problems"][0]["level"] == "error"


def test_ten_rows_and_no_columns_are_no_trouble():
    assert check(dataset(TABLE, good_rows(10))).errors == []
    rows = [{"label": "ab"[k % 2], "features": {}} for k in range(30)]
    assert check(dataset(TABLE, rows)).errors == []


def test_the_check_is_light():
    heavy = ("torch", "sklearn", "scipy", "duckdb", "PIL")
    code = f"import sys, deepdojo.data.check; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
