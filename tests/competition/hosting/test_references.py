"""Reference submissions run at hosting time; one that is judged otherwise stops the hosting."""

from __future__ import annotations

import zipfile

import pytest

from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import open_project
from deepdojo.errors import ProjectError
from deepdojo.tables import Table, write_table


@pytest.fixture
def with_references(reviews):
    """perfect in four formats, twice.csv with a doubled id, odd.bin that is no table."""
    truth = list(load_dataset(open_project(reviews)).truth("test"))
    folder = reviews / "submissions"
    folder.mkdir()
    table = Table({"id": [row["id"] for row in truth], "label": [row["label"] for row in truth]})
    for ending in ("csv", "tsv", "jsonl", "parquet"):
        write_table(folder / f"perfect.{ending}", table, {"label": "label"})
    with zipfile.ZipFile(folder / "perfect.zip", "w") as archive:
        archive.write(folder / "perfect.csv", "predictions.csv")
    (folder / "twice.csv").write_text((folder / "perfect.csv").read_text() + f"{truth[0]['id']},yes\n")
    (folder / "foreign.csv").write_text((folder / "perfect.csv").read_text() + "nobody,yes\n")
    (folder / "broken.csv").write_text('id,label\n"open,yes\n')
    page = "".join(f'["perfect.{e}"]\nlow = 1.0\n' for e in ("csv", "tsv", "jsonl", "parquet", "zip"))
    page += '["twice.csv"]\nerror = "doubled"\n["foreign.csv"]\nerror = "is not asked for"\n'
    page += '["broken.csv"]\nerror = "is not a table"\n'
    (folder / "expected.toml").write_text(page)
    return reviews


def test_all_are_judged_as_expected_and_kept_under_new_ids(with_references, tmp_path):
    made = publish(with_references, tmp_path / "event")
    assert {name: found["score"] for name, found in made.references.items() if name.startswith("perfect")} == {
        f"perfect.{ending}": 1.0 for ending in ("csv", "tsv", "jsonl", "parquet", "zip")
    }
    kept = made.private / "references"
    solution = read_solution(made.private)
    assert solution.score(solution.read(kept / "perfect.csv")).value == 1.0
    assert b"raw-" not in b"".join(path.read_bytes() for path in kept.glob("*.csv"))
    assert (kept / "references.toml").is_file()
    assert not (made.public / "submissions").exists()


def test_one_that_is_judged_otherwise_stops_the_hosting(with_references, tmp_path):
    page = with_references / "submissions" / "expected.toml"
    page.write_text(page.read_text().replace('["twice.csv"]\nerror = "doubled"', '["twice.csv"]\nlow = 0.5'))
    with pytest.raises(
        ProjectError, match=r"twice.csv: the reference submission is refused: .*; expected is a score of"
    ):
        publish(with_references, tmp_path / "event")
    assert not (tmp_path / "event").exists()


def test_one_that_is_not_there_stops_the_hosting(with_references, tmp_path):
    (with_references / "submissions" / "perfect.csv").unlink()
    with pytest.raises(ProjectError, match="cannot be read"):
        publish(with_references, tmp_path / "event")
