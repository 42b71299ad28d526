"""Pictures with captions: the three forms of files, what is left out and why, `dojo new` of a folder."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.new import create
from deepdojo.data.project import find_project
from deepdojo.data.readers import read
from deepdojo.errors import DataError, DojoError, UsageError

NAMES = [f"p{i:02d}.jpg" for i in range(24)]
HEAD = "image,caption\n"


def lines(names=NAMES):
    return "".join(f'{name},"A dog, number {k} of {i} ."\n' for i, name in enumerate(names) for k in range(3))


ALL = HEAD + lines()


def folder(path, table=ALL, name="captions.csv", images="images"):
    (path / images).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for each in NAMES:
        Image.fromarray(rng.integers(0, 255, (64, 72, 3), dtype=np.uint8)).save(path / images / each)
    (path / name).write_text(table, encoding="utf-8")
    return path


def raw(path, name, **options):
    return list(read("captions", Files([path]), file=name, **options))


def test_three_forms_of_one_file_give_the_same_rows(tmp_path):
    (tmp_path / "a.csv").write_text("caption,n,image\nOne .,0,x.jpg\nTwo .,1,x.jpg\nThree .,0,y.jpg\n")
    (tmp_path / "a.txt").write_text("x.jpg#0\tOne .\nx.jpg#1\tTwo .\ny.jpg#0\tThree .\n")
    (tmp_path / "a.json").write_text(json.dumps({
        "images": [{"id": 1, "file_name": "x.jpg"}, {"id": 2, "file_name": "y.jpg"}],
        "annotations": [{"image_id": i, "caption": c} for i, c in ((1, "One ."), (1, "Two ."), (2, "Three ."))],
    }))  # fmt: skip
    wanted = [{"image": "x.jpg", "captions": ["One .", "Two ."]}, {"image": "y.jpg", "captions": ["Three ."]}]
    for name in ("a.csv", "a.txt", "a.json"):
        found = raw(tmp_path, name)
        assert [row.cells for row in found] == wanted
        assert [row.reject for row in found] == [None, None]


def test_captions_without_words_lines_without_names_and_strange_lines_are_listed_one_by_one(tmp_path):
    (tmp_path / "a.csv").write_text("image,caption\nx.jpg,A dog\nx.jpg,  \nx.jpg,. !\n,Lost\ny.jpg,...\n")
    found = raw(tmp_path, "a.csv")
    assert [row.cells["captions"] for row in found if row.reject is None] == [["A dog"]]
    assert [(row.line, row.reject) for row in found if row.reject] == [
        (3, "the caption holds no word"), (4, "the caption holds no word"), (5, "no picture is named"),
        (6, "the caption holds no word"),
    ]  # fmt: skip
    (tmp_path / "b.txt").write_text("x.jpg#0\tA dog\nx.jpg A cat\n")
    assert raw(tmp_path, "b.txt")[0].reject == "the line is no name#number, tab, caption, as the first one is"
    (tmp_path / "c.json").write_text('{"images": [], "annotations": [{"image_id": 7, "caption": "A dog"}]}')
    assert raw(tmp_path, "c.json")[0].reject == "the caption is of the image 7, which the file does not list"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "the file is empty"),
        ("a.csv", "photo,words\nx.jpg,A dog\n", "captions need 'image' and 'caption'"),
        ("a.json", "{", "the file is no JSON"),
        ("a.json", "[]", "the file holds no caption"),
        ("a.json", '{"images": []}', "a part of the file is missing"),
        ("a.json", '[{"photo": "x.jpg", "caption": "A dog"}]', "the first entry of the list has no picture"),
        ("a.json", "7", "a part of the file is missing"),
        ("a.json", '{"images": [], "annotations": []}', "the file holds no caption"),
    ],
)
def test_a_file_that_is_none_of_captions_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=said):
        raw(tmp_path, name)


def test_lists_say_which_pictures_are_meant_and_patterns_which_have_no_caption(tmp_path):
    path = folder(tmp_path / "d", HEAD + lines(NAMES[:20]))
    (path / "some.txt").write_text(f"{NAMES[1]}\n{NAMES[0]}\n\n{NAMES[22]}\n")
    found = raw(path, "captions.csv", only="some.txt")
    assert [row.cells["image"] for row in found] == [NAMES[0], NAMES[1], NAMES[22]]
    assert (found[2].file, found[2].line, found[2].reject) == ("some.txt", 4, "the picture p22.jpg has no caption")
    unlisted = [row for row in raw(path, "captions.csv", images="images/*.jpg") if row.reject]
    assert [row.file for row in unlisted] == [f"images/{name}" for name in NAMES[20:]]
    assert {row.reject for row in unlisted} == {"no caption names this picture"}


def test_a_new_project_of_a_folder_leaves_out_what_is_missing_broken_or_empty(tmp_path):
    path = folder(tmp_path / "d", HEAD + lines() + "gone.jpg,A cat .\n")
    whole = (path / "images" / NAMES[2]).read_bytes()
    (path / "images" / NAMES[1]).write_bytes(b"")
    (path / "images" / NAMES[2]).write_bytes(whole[: len(whole) // 2])
    project, said = create(tmp_path / "p", path)
    assert project.spec.task == "captioning"
    assert any(sentence.startswith("captions.csv: 73 captions of 25 pictures") for sentence in said)
    data = load_dataset(project)
    left = {r.file if r.line is None else f"{r.file}:{r.line}": r.reason for r in data.rejected}
    assert left["captions.csv:74"] == "the picture images/gone.jpg is not there"
    assert left["captions.csv:5"] == "the picture's file is empty"
    assert data.n == 23  # a truncated picture has a head: packing finds it, and lists it
    some = data.truth("test")[0]
    assert len(some["captions"]) == 3


def test_a_truncated_picture_is_left_out_of_training_with_its_reason(tmp_path):
    from deepdojo.tasks.captioning import Captioning
    from deepdojo.training.store import Store

    path = folder(tmp_path / "d")
    whole = (path / "images" / NAMES[2]).read_bytes()
    (path / "images" / NAMES[2]).write_bytes(whole[: len(whole) // 2])
    data = load_dataset(create(tmp_path / "p", path)[0])
    rows = [
        {**row, **next(t for t in data.truth(part) if t["id"] == row["id"])} if part == "test" else row
        for part in ("train", "validation", "test") for row in data.rows(part)
    ]  # fmt: skip
    reasons = []
    store = Store.pack(Captioning.fit(rows), rows, learn=True, reject=lambda row, why: reasons.append((row["id"], why)))
    assert len(store) == 3 * 23
    assert [key for key, _ in reasons] == [NAMES[2]]
    assert "the picture is broken" in reasons[0][1]


@pytest.mark.parametrize("form", ["one each", "several each", "by name"])
@pytest.mark.parametrize("given", ["folder", "file"])
def test_new_takes_a_plain_json_list_of_pictures_and_captions(tmp_path, form, given):
    path = folder(tmp_path / "d")
    (path / "captions.csv").unlink()
    texts = {n: [f"A dog and {k} cats ." for k in (0, 1)] for n in NAMES}
    entries = {
        "one each": [{"image": n, "caption": text} for n, both in texts.items() for text in both],
        "several each": [{"file_name": f"images/{n}", "captions": both} for n, both in texts.items()],
        "by name": texts,
    }[form]
    (path / "data.json").write_text(json.dumps(entries))
    project, said = create(tmp_path / "p", path if given == "folder" else path / "data.json")
    assert project.spec.task == "captioning"
    assert any("48 captions of 24 pictures" in sentence for sentence in said)
    data = load_dataset(project)
    assert data.n == 24
    assert not data.rejected
    assert data.rows("train")[0]["captions"] == ["A dog and 0 cats .", "A dog and 1 cats ."]


def test_entries_of_a_json_list_that_hold_no_caption_are_listed_one_by_one(tmp_path):
    entries = [{"image": "a.jpg", "caption": "One ."}, {"image": "b.jpg"}, {"caption": "Two ."}, "three", 4,
               {"image": "c.jpg", "caption": ["x", None]}, {"image": "d.jpg", "caption": " . "}]  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(entries))
    rows = raw(tmp_path, "a.json")
    assert [row.cells["image"] for row in rows if row.reject is None] == ["a.jpg"]
    assert [(row.line, row.reject) for row in rows if row.reject is not None] == [
        (2, "a caption is no text"), (3, "no picture is named"), (4, "no picture is named"),
        (5, "no picture is named"), (6, "a caption is no text"), (7, "the caption holds no word"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["table", "archive", "nested", "named"])
def test_new_finds_table_archive_and_lists(tmp_path, form):
    path = folder(tmp_path / "d", images="photos/all" if form == "nested" else "images")
    source = path
    if form == "table":
        source = path / "captions.csv"
    if form == "archive":
        for part, names in (("train", NAMES[:16]), ("dev", NAMES[16:20]), ("test", NAMES[20:])):
            (path / f"x_{part}_images.txt").write_text("\n".join(names))
        source = tmp_path / "d.zip"
        shutil.make_archive(str(tmp_path / "d"), "zip", path)
    if form == "named":
        (path / "captions.csv").rename(path / "results.csv")
        text = "image_name| comment_number| comment\n" + "".join(
            f"{n}| {k}| A dog and {k} cats .\n" for n in NAMES for k in (0, 1)
        )
        (path / "results.csv").write_text(text)
    data = load_dataset(create(tmp_path / "p", source)[0])
    assert data.n == 24
    assert not data.rejected
    if form == "archive":
        assert [len(data.rows(part)) for part in ("train", "validation", "test")] == [16, 4, 4]


def test_a_folder_without_captions_is_none_and_choices_without_meaning_are_refused(tmp_path):
    path = folder(tmp_path / "d")
    with pytest.raises(UsageError, match="--target has no meaning for pictures with captions"):
        create(tmp_path / "p", path, target="caption")
    (path / "captions.csv").unlink()
    with pytest.raises(DataError, match="no file there names its pictures with their captions"):
        create(tmp_path / "p", path, task="captioning")
    with pytest.raises(DojoError):  # one folder of images is one class
        create(tmp_path / "p", path)


@pytest.mark.data
def test_flickr8k_has_five_captions_a_picture_and_the_official_parts_do_not_overlap():
    from tests.data.test_builtin_projects import load

    data = load("flickr8k-small")
    rows = [*data.rows("train"), *data.rows("validation"), *data.truth("test")]
    assert all(len(row["captions"]) == 5 for row in rows)
    assert len({row["id"] for row in rows}) == 900
    assert find_project("flickr8k-small").metric == "caption_bleu"
