"""New files for `dojo predict`: they seldom look exactly like the project's own."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Media
from deepdojo.data.new_rows import load_rows
from deepdojo.data.project import find_project, save_project
from deepdojo.errors import DataError, DojoError, SourceError, UnknownNameError

SPLITS = ("train", "validation", "test")


def table_project(folder, **data):
    folder.mkdir()
    spec = {
        "task": "tabular-classification",
        "data": {"file": "t.csv", **data},
        "columns": {"label": "y", "features": ["a", "b"]},
    }
    return save_project(folder, spec)


def png():
    out = io.BytesIO()
    Image.new("L", (8, 8), 7).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "a;b\n1,5;x\n2,5;y z\n",  # as the project's own
        "a,b\n1.5,x\n2.5,y z\n",  # another delimiter and decimal sign
        "y;b;a\nyes;x;1,5\n;y z;2,5\n",  # with targets, one of them empty, in another order
        "a\tb\n1.5\tx\n2.5\ty z\n",
    ],
)
def test_tables(tmp_path, text):
    project = table_project(tmp_path / "p", delimiter=";", decimal=",")
    (tmp_path / "new.csv").write_text(text)
    rows, rejected = load_rows(project, tmp_path / "new.csv")
    assert rejected == []
    assert rows == [
        {"id": "1", "features": {"a": "1.5", "b": "x"}},
        {"id": "2", "features": {"a": "2.5", "b": "y z"}},
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_new_file_may_have_another_encoding_than_the_project_says(tmp_path, encoding):
    project = table_project(tmp_path / "p", delimiter=",", encoding="cp1252")
    (tmp_path / "new.csv").write_bytes("a,b\n1,né\n".encode(encoding))
    assert load_rows(project, tmp_path / "new.csv")[0][0]["features"] == {"a": "1", "b": "né"}


def test_jsonl_and_ids(tmp_path):
    project = table_project(tmp_path / "p", id="key")
    (tmp_path / "new.jsonl").write_text("\n".join(json.dumps({"a": i, "b": "x", "key": f"k{i}"}) for i in range(3)))
    rows, _ = load_rows(project, tmp_path / "new.jsonl")
    assert [row["id"] for row in rows] == ["k0", "k1", "k2"]
    assert rows[2]["features"] == {"a": 2.0, "b": "x"}
    (tmp_path / "new.csv").write_text("a,b\n1,x\n")  # no ids: numbered
    assert [row["id"] for row in load_rows(project, tmp_path / "new.csv")[0]] == ["1"]


def test_bad_lines_are_listed_and_bad_files_are_one_sentence(tmp_path):
    project = table_project(tmp_path / "p", delimiter=",")
    (tmp_path / "new.csv").write_text("a,b\n1,x\n2\n3,z\n")
    rows, rejected = load_rows(project, tmp_path / "new.csv")
    assert [row["id"] for row in rows] == ["1", "3"]
    assert [(r.file, r.line) for r in rejected] == [("new.csv", 3)]
    (tmp_path / "new.csv").write_text("a,bb\n1,x\n")
    with pytest.raises(UnknownNameError, match=r"no column is named 'b'.*"):
        load_rows(project, tmp_path / "new.csv")
    (tmp_path / "new.csv").write_text("")
    with pytest.raises(DataError, match="the file is empty"):
        load_rows(project, tmp_path / "new.csv")
    with pytest.raises(SourceError, match="no such file or folder"):
        load_rows(project, tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder, a picture, a video or a sound"):
        load_rows(project, tmp_path)


def test_texts_as_a_table_or_as_lines(tmp_path):
    project = find_project("movie-reviews")
    (tmp_path / "new.csv").write_text("text\na fine, warm film\ndull\n")
    assert [row["text"] for row in load_rows(project, tmp_path / "new.csv")[0]] == ["a fine, warm film", "dull"]
    (tmp_path / "new.txt").write_text("a fine, warm film\n\n3 hours too long\n")
    assert [row["text"] for row in load_rows(project, tmp_path / "new.txt")[0]] == [
        "a fine, warm film",
        "3 hours too long",
    ]
    (tmp_path / "new.all").write_text("1 a fine film\n0 dull\n")
    assert [row["text"] for row in load_rows(project, tmp_path / "new.all")[0]] == ["a fine film", "dull"]


def by_id(project):
    data = load_dataset(project, offline=True)
    return {row["id"]: row for split in SPLITS for row in data.rows(split)}


def test_a_table_for_a_project_whose_own_file_has_no_header(tmp_path):
    project = find_project("breast-cancer")
    own = by_id(project)
    records = [own[str(i)]["features"] for i in range(1, 6)]
    names, cells = list(records[0]), [",".join(r.values()) for r in records]
    texts = {
        "with a header": "\n".join([",".join(names), *cells]),
        "without header and target": "\n".join(cells),
        "without header, with target": "\n".join(c + ",0" for c in cells),
        "as the package has it": "\n".join(["5,30,malignant,benign", *[c + ",0" for c in cells]]),
        "with semicolons": "\n".join([";".join(names), *cells]).replace(",", ";"),
    }
    for kind, text in texts.items():
        (tmp_path / "new.csv").write_text(text + "\n")
        rows, rejected = load_rows(project, tmp_path / "new.csv")
        assert [row["features"] for row in rows] == records, kind
        assert rejected == [], kind


def test_files_side_by_side_need_not_be_two_for_new_rows(tmp_path):
    project = find_project("diabetes-progression")
    own = by_id(project)
    records = [own[str(i)]["features"] for i in range(1, 4)]
    for sign in (" ", ","):
        (tmp_path / "new.csv").write_text("\n".join(sign.join(r.values()) for r in records) + "\n")
        assert [row["features"] for row in load_rows(project, tmp_path / "new.csv")[0]] == records


def test_pictures_for_a_project_of_pixels_in_columns(tmp_path):
    project = find_project("digits")
    own = by_id(project)
    pixels = own["1"]["image"]
    cells = ",".join(map(str, (pixels // 15).ravel()))
    for text in (cells, cells + ",0"):
        (tmp_path / "new.csv").write_text(text + "\n")
        rows, _ = load_rows(project, tmp_path / "new.csv")
        assert np.array_equal(rows[0]["image"], pixels)
    folder = tmp_path / "新 pictures"
    (folder / "deep").mkdir(parents=True)
    for name in ("a b.png", "deep/c.PNG", ".DS_Store"):
        (folder / name).write_bytes(png())
    rows, _ = load_rows(project, folder)
    assert [row["id"] for row in rows] == ["a b.png", "deep/c.PNG"]
    assert isinstance(rows[0]["image"], Media)
    assert rows[0]["image"].read() == png()
    assert [row["id"] for row in load_rows(project, folder / "a b.png")[0]] == ["a b.png"]
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("x/1.png", png())
        archive.writestr("__MACOSX/x/._1.png", b"")
    assert [row["id"] for row in load_rows(project, tmp_path / "p.zip")[0]] == ["p.zip!x/1.png"]


def test_a_table_that_names_pictures_takes_them_from_beside_it(tmp_path):
    (tmp_path / "p").mkdir()
    columns = {"image": {"column": "name", "file": "images/{}.png"}, "label": "y"}
    project = save_project(
        tmp_path / "p", {"task": "image-classification", "data": {"file": "t.csv"}, "columns": columns}
    )
    (tmp_path / "new" / "images").mkdir(parents=True)
    (tmp_path / "new" / "images" / "7.png").write_bytes(png())
    (tmp_path / "new" / "t.csv").write_text("name\n7\n8\n")
    rows, rejected = load_rows(project, tmp_path / "new" / "t.csv")
    assert [row["image"].name for row in rows] == ["images/7.png"]
    assert [r.reason for r in rejected] == ["the picture images/8.png is not there"]


def test_pictures_without_pairs_are_refused_with_the_table_that_verification_takes(tmp_path):
    for person in ("ann", "bob", "eve"):
        (tmp_path / "faces" / person).mkdir(parents=True)
        for k in range(3):
            (tmp_path / "faces" / person / f"{k}.png").write_bytes(png())
    split = {"train": {"stop": 0.4}, "validation": {"reader": "pairs"}, "test": {"reader": "pairs", "start": 0.4}}
    data = {"reader": "files", "glob": "*/*.png", "pattern": "(?P<label>[^/]+)/", "split": split}
    spec = {"task": "verification", "source": {"path": "faces"}, "data": data, "columns": {"image": "file"}}
    project = save_project(tmp_path, spec)
    for path in (tmp_path / "faces" / "ann", tmp_path / "faces" / "ann" / "0.png"):
        with pytest.raises(DataError, match=r"two pictures are compared, and .* does not say which.* file,other"):
            load_rows(project, path)
    (tmp_path / "faces" / "pairs.csv").write_text("file,other\nann/0.png,bob/1.png\nann/0.png,gone.png\n")
    rows, rejected = load_rows(project, tmp_path / "faces" / "pairs.csv")
    assert [row["other"].name for row in rows] == ["bob/1.png"]
    assert len(rejected) == 1


def test_parquet(tmp_path):
    from deepdojo.data.new_files import new_files

    project = table_project(tmp_path / "p")
    (tmp_path / "new.parquet").write_bytes(b"PAR1")
    with pytest.raises(DojoError, match="cannot be read as Parquet"):
        load_rows(project, tmp_path / "new.parquet")
    ((files, _, ragged),) = new_files(project, tmp_path / "new.parquet", trusted=False)
    assert files.has("new.parquet")
    assert not ragged
