"""The reader of files that go side by side: pairs by line, unpaired lines, empty ones, odd signs, no targets."""

from __future__ import annotations

import gzip

import pytest

from deepdojo.data.dataset import load_dataset
from deepdojo.data.new_rows import load_rows
from deepdojo.data.project import find_project
from deepdojo.errors import DojoError

SOURCE = "".join(f"satz nummer {i}\n" for i in range(30))
TARGET = "".join(f"sentence number {i}\n" for i in range(30))


def project(folder, source=SOURCE, target=TARGET, *, sides='{ source = "a.de", target = "a.en" }', more=""):
    folder.mkdir(exist_ok=True)
    (folder / "a.de").write_bytes(source.encode() if isinstance(source, str) else source)
    (folder / "a.en").write_text(target, encoding="utf-8")
    (folder / "project.toml").write_text(f'name = "made"\ntask = "translation"\n[data]\nsides = {sides}\n{more}')
    return find_project(str(folder))


def rows_of(found):
    data = load_dataset(found)
    return {
        row["id"]: (row["source"], row["target"]) for part in ("train", "validation") for row in data.rows(part)
    } | {
        row["id"]: (row["source"], row["target"])
        for row in ({**r, "target": t["target"]} for r, t in zip(data.rows("test"), data.truth("test"), strict=True))
    }, data


def test_line_beside_line(tmp_path):
    rows, data = rows_of(project(tmp_path / "p"))
    assert rows["7"] == ("satz nummer 6", "sentence number 6")
    assert len(rows) == 30
    assert not data.rejected


def test_compressed_files_and_signs_that_are_no_line_ends(tmp_path):
    source = SOURCE.replace("nummer 3\n", "nummer\x853\u2028🐕 \u202bעברית\u202c\r\n")
    found = project(tmp_path / "p", gzip.compress(source.encode()), sides='{ source = "a.de.gz", target = "a.en" }')
    (tmp_path / "p" / "a.de").rename(tmp_path / "p" / "a.de.gz")
    rows, _ = rows_of(found)
    assert rows["4"] == ("satz nummer\x853\u2028🐕 \u202bעברית\u202c", "sentence number 3")


def test_an_empty_line_keeps_its_place_and_is_listed(tmp_path):
    rows, data = rows_of(project(tmp_path / "p", target=TARGET.replace("sentence number 4\n", "  \n")))
    assert "5" not in rows
    assert rows["6"] == ("satz nummer 5", "sentence number 5")
    assert [(r.file, r.line, r.reason) for r in data.rejected] == [("a.de", 5, "the target is empty")]


@pytest.mark.parametrize("extra", ["one more\n", "one\ntwo\n"])
def test_unpaired_lines_are_one_sentence_with_both_counts(tmp_path, extra):
    n = 30 + extra.count("\n")
    with pytest.raises(DojoError, match=f"a.de has 30 lines and a.en has {n} lines: they are not parallel"):
        load_dataset(project(tmp_path / "p", target=TARGET + extra))


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [
        ('{ source = "a.de", target = "b.en" }', "b.en"),
        ("{ }", "no file for each column"),
        ('{ source = "a.de", goal = "a.en" }', "column.*target"),
    ],
)
def test_wrong_sides_are_one_sentence(tmp_path, sides, sentence):
    with pytest.raises(DojoError, match=sentence):
        load_dataset(project(tmp_path / "p", sides=sides))


def test_an_empty_file_is_one_sentence(tmp_path):
    with pytest.raises(DojoError, match="the file is empty"):
        load_dataset(project(tmp_path / "p", target=""))


def test_a_test_part_without_targets_is_one_sentence(tmp_path):
    more = '[data.split]\ntrain = {}\ntest = { sides = { source = "a.de" } }\n'
    with pytest.raises(DojoError, match=r"column.*target"):
        load_dataset(project(tmp_path / "p", more=more))


def test_new_lines_are_read_from_a_plain_file_or_a_table(tmp_path):
    found = project(tmp_path / "p")
    (tmp_path / "new.txt").write_text("ein satz, mit komma\n\nnoch einer\n", encoding="utf-8")
    rows, rejected = load_rows(found, tmp_path / "new.txt")
    assert [row["source"] for row in rows] == ["ein satz, mit komma", "noch einer"]
    assert [r.reason for r in rejected] == ["the source is empty"]
    (tmp_path / "new.csv").write_text("id,source\nx,ein satz\n", encoding="utf-8")
    assert [row["source"] for row in load_rows(found, tmp_path / "new.csv")[0]] == ["ein satz"]
