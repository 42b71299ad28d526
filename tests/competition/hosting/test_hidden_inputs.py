"""Of a code competition the test rows stay with the host, and what is handed out has their form and none of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.hidden_inputs import EXAMPLES
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.data.check import check
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project
from deepdojo.tables import read_table


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def columns(path: Path) -> dict[str, list]:
    import duckdb

    found = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    return dict(zip(found.columns, map(list, zip(*found.fetchall(), strict=True)), strict=True))


def test_no_test_row_and_no_id_of_one_is_handed_out(reviews, tmp_path):
    made = publish(reviews, tmp_path / "events" / "reviews", code=True)
    hidden = columns(made.private / INPUTS / "test.parquet")
    solution = read_solution(made.private)
    assert set(hidden["id"]) == set(solution.ids)
    assert set(hidden) == {"id", "review"}  # inputs and nothing else
    for part in ("train", "validation", "test"):
        shown = columns(made.public / f"{part}.parquet")
        assert not set(shown["id"]) & set(hidden["id"])
        assert not set(shown["review"]) & set(hidden["review"])
    told = b"".join(
        (made.public / name).read_bytes() for name in ("README.md", "project.toml", "sample_submission.csv")
    )
    assert not any(row.encode() in told for row in solution.ids)


def test_the_examples_are_held_back_training_rows_in_the_form_of_the_hidden_ones(reviews, tmp_path):
    made = publish(reviews, tmp_path / "events" / "reviews", code=True)
    plain = publish(
        reviews, tmp_path / "events" / "plain", key=bytes.fromhex((made.private / "key").read_text().strip())
    )
    train, examples = columns(made.public / "train.parquet"), columns(made.public / "test.parquet")
    hidden, whole = columns(made.private / INPUTS / "test.parquet"), columns(plain.public / "train.parquet")
    assert list(examples) == list(hidden)
    assert 0 < len(examples["id"]) <= EXAMPLES
    assert len(examples["id"]) <= len(whole["id"]) // 20
    assert set(train["review"]) | set(examples["review"]) == set(whole["review"])
    assert not set(train["review"]) & set(examples["review"])
    assert not set(examples["id"]) & set(whole["id"])
    assert hidden["id"] == columns(plain.public / "test.parquet")["id"]  # scoring anew finds the same rows
    sample = read_table(made.public / "sample_submission.csv", solution_kinds(made.private))
    assert sorted(sample.columns["id"]) == sorted(examples["id"])


def solution_kinds(private: Path):
    return read_solution(private).contract.predictions


def test_the_public_folder_is_a_project_without_a_fault(reviews, tmp_path):
    made = publish(reviews, tmp_path / "events" / "reviews", code=True)
    data = load_dataset(find_project(made.public))
    assert len(data.rows("test")) == len(columns(made.public / "test.parquet")["id"])
    assert [p for p in check(data).problems if p.level != "note"] == []
    text = (made.public / "README.md").read_text()
    assert "numpy, duckdb (which reads Parquet), torch" in text
    assert "python predict.py INPUT OUTPUT" in text
    assert "dojo submit mine.csv" not in text


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_inputs_are_closed_by_the_private_folder_and_readable_inside_it(photos, tmp_path):
    before = os.umask(0o077)
    try:
        made = publish(photos, tmp_path / "events" / "photos", code=True)
    finally:
        os.umask(before)
    assert made.private.stat().st_mode & 0o777 == 0o700
    inputs = made.private / INPUTS
    assert {path.stat().st_mode & 0o777 for path in [inputs, *inputs.rglob("*")] if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in inputs.rglob("*") if path.is_file()} == {0o644}
    assert (made.private / "solution.parquet").stat().st_mode & 0o777 == 0o600


def test_pictures_of_test_rows_stay_and_those_of_examples_go_along(photos, tmp_path):
    made = publish(photos, tmp_path / "events" / "photos", code=True)
    inputs = made.private / INPUTS
    hidden = columns(inputs / "test.parquet")
    names = next(cells for name, cells in hidden.items() if name != "id")
    assert all((inputs / name).is_file() for name in names)
    kept = {(inputs / name).read_bytes() for name in names}
    shown = {path.read_bytes() for path in (made.public / "files").iterdir()}
    assert not kept & shown
    assert b"canary" not in all_bytes(inputs) + all_bytes(made.public)
    examples = columns(made.public / "test.parquet")
    assert all((made.public / name).is_file() for name in next(c for n, c in examples.items() if n != "id"))
    assert {path.stat().st_mtime for path in inputs.rglob("*")} == {946_684_800}


def test_the_last_row_of_a_label_stays_in_the_training_table(tmp_path):
    from deepdojo.data.new import create

    lines = ["key,x,label", *(f"k{i},{i}.5,{'rare' if i == 7 else 'common'}" for i in range(60))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    tests = ["key,x,label", *(f"t{i},{i}.25,{'rare' if i < 5 else 'common'}" for i in range(10))]
    (tmp_path / "held.csv").write_text("\n".join(tests) + "\n")
    create(tmp_path / "made", tmp_path / "rows.csv", test=tmp_path / "held.csv", target="label", id="key")
    labels = set()
    for number in range(12):
        made = publish(tmp_path / "made", tmp_path / "events" / f"e{number}", code=True, key=bytes([number]) * 32)
        shown = columns(made.public / "train.parquet")["label"] + columns(made.public / "validation.parquet")["label"]
        labels.add("rare" in shown)
    assert labels == {True}
