"""A label corrected in a project whose split is drawn: the event's rows stay the event's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo import api
from deepdojo.competition.hosting.new_ids import new_id
from deepdojo.competition.hosting.same_rows import changed_inputs
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.errors import UsageError


@pytest.fixture
def hosted(reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of an event whose split keeps the share of each class, drawn by a hash."""
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))
    api.host(reviews, store=tmp_path / "store", name="winds", ends="2090-01-01T00:00")
    return tmp_path / "store"


def _rescore(store: Path) -> dict[str, object]:
    told: dict[str, object] = api.manage("winds", "rescore", store=store, reason="a label was wrong", preview=True)
    return told


def _source(reviews: Path) -> Path:
    (found,) = [path for path in [reviews.parent / "reviews.csv", *reviews.rglob("*.csv")] if path.is_file()]
    return found


def test_one_corrected_label_of_a_drawn_split_is_scored_anew_on_the_same_rows(reviews: Path, hosted: Path) -> None:
    private = hosted / "events" / "winds" / "private"
    source = _source(reviews)
    first, *lines = source.read_text(encoding="utf-8").splitlines()
    # All of one label become the other: drawn anew, the split would be another one.
    turned = [line.rpartition(",")[0] + ",no" if k % 3 == 0 else line for k, line in enumerate(lines)]
    source.write_text("\n".join([first, *turned]) + "\n", encoding="utf-8")
    told = _rescore(hosted)
    assert told["preview"] == 2
    old, new = (json.loads((private / place / "solution.json").read_text()) for place in ("", "rubrics/2"))
    assert old != new
    import duckdb

    with duckdb.connect() as database:
        ids = [
            database.execute("SELECT id, usage FROM read_parquet(?) ORDER BY id", [str(path)]).fetchall()
            for path in (private / "solution.parquet", private / "rubrics" / "2" / "solution.parquet")
        ]
    assert ids[0] == ids[1]


def test_answers_of_rows_with_other_inputs_are_refused(reviews: Path, hosted: Path) -> None:
    source = _source(reviews)
    text = source.read_text(encoding="utf-8")
    ids = [line.split(",")[0] for line in text.splitlines()[1:]]
    shifted = [text.splitlines()[0]]
    shifted += [f"{one},{line.partition(',')[2]}" for one, line in zip(ids, reversed(text.splitlines()), strict=False)]
    source.write_text("\n".join(shifted) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="have other inputs than those handed out"):
        _rescore(hosted)


def test_the_rows_that_were_handed_out_have_the_same_inputs(hosted: Path) -> None:
    event = hosted / "events" / "winds"
    assert changed_inputs(event / "private", event / "public") == []


def test_another_picture_under_an_old_id_is_refused_and_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))
    api.host(photos, store=tmp_path / "store", name="winds", ends="2090-01-01T00:00")
    private = tmp_path / "store" / "events" / "winds" / "private"
    key = bytes.fromhex((private / "key").read_text().strip())
    asked = read_solution(private).ids
    names = {path.relative_to(tmp_path / "pictures").as_posix(): path for path in tmp_path.glob("pictures/*/*.jpg")}
    raw = next(name for name in sorted(names) if new_id(key, "row", name, len(asked[0]) - 1) in asked)
    Image.open(names[raw]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(names[raw])  # the same name and label
    hidden = new_id(key, "row", raw, len(asked[0]) - 1)
    with pytest.raises(UsageError, match=f"1 of the event's test rows \\('{hidden}' …\\) have other inputs"):
        _rescore(tmp_path / "store")
