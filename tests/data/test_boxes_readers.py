"""VOC and COCO: what is read, what is cut at the border, and one sentence for everything that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.new import create
from deepdojo.data.project import open_project
from deepdojo.data.readers import read
from deepdojo.errors import DataError, ProjectError, UsageError

SIZE = (40, 30)  # width, height


def picture(path: Path, size=SIZE, *, exif: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(len(path.name) + sum(map(ord, path.name))).integers(0, 255, size[::-1], dtype=np.uint8)
    image = Image.fromarray(grey)
    if exif is not None:
        tags = Image.Exif()
        tags[0x0112] = exif
        image.save(path, exif=tags)
    else:
        image.save(path)


def xml(*boxes, size=SIZE) -> str:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for name, a, b, c, d in boxes
    )
    return f"<annotation><size><width>{size[0]}</width><height>{size[1]}</height></size>{objects}</annotation>"


def voc(folder: Path, annotations: dict[str, str]) -> None:
    (folder / "xml").mkdir(parents=True)
    for stem, text in annotations.items():
        (folder / "xml" / f"{stem}.xml").write_text(text)
        picture(folder / "img" / f"{stem}.png")


def rows_of(folder: Path, **options):
    rows = list(read("voc", Files([folder]), annotations="xml/*.xml", images="img/{stem}.{jpg,png}", **options))
    good = {row.cells["stem"]: row.cells["boxes"] for row in rows if row.reject is None}
    return good, [(row.file, row.line, row.reject) for row in rows if row.reject is not None]


def test_voc_boxes_are_cut_at_the_border_and_a_picture_without_objects_is_one(tmp_path):
    voc(tmp_path, {"a": xml(("cat", 1, 2, 10, 12), ("dog", -5, 0, 50, 29)), "b": xml()})
    good, bad = rows_of(tmp_path)
    assert good == {"a": [["cat", 1.0, 1.0, 2.0, 10.0, 12.0], ["dog", 1.0, 0.0, 0.0, 40.0, 29.0]], "b": []}
    assert bad == []


def test_every_fault_of_voc_is_one_sentence_with_its_place(tmp_path):
    voc(tmp_path, {
        "area": xml(("cat", 5, 5, 5, 9), ("cat", 1, 1, 2, 2)), "outside": xml(("cat", 41, 1, 50, 9)),
        "nameless": xml(("", 1, 1, 9, 9)), "words": xml(("cat", "one", 1, 9, 9)), "nan": xml(("cat", "nan", 1, 9, 9)),
        "broken": "<annotation><object>", "other": "<html></html>",
        "bomb": "<!DOCTYPE a [<!ENTITY b 'c'>]><annotation/>",
        "scaled": xml(("cat", 1, 1, 2, 2), size=(80, 60)), "gone": xml(), "text": xml(),
    })  # fmt: skip
    (tmp_path / "img" / "gone.png").unlink()
    (tmp_path / "img" / "text.png").write_text("no picture")
    picture(tmp_path / "img" / "alone.png")
    good, bad = rows_of(tmp_path)
    assert good["area"] == [["cat", 1.0, 1.0, 1.0, 2.0, 2.0]]
    assert good["outside"] == good["nameless"] == good["words"] == good["nan"] == []
    said = {(Path(file).stem, line): reason for file, line, reason in bad}
    assert said[("area", 1)] == "the box has no area (cat, x 5 to 5, y 5 to 9)"
    assert said[("outside", 1)].startswith("the box lies outside the picture of 40 x 30 pixels (cat, x 41")
    assert said[("nameless", 1)] == "the box has no class"
    assert said[("words", 1)] == "a side of the box (cat) is no number"
    assert said[("nan", 1)] == "a side of the box (cat) is not finite"
    assert said[("broken", None)].startswith("the annotation is no XML")
    assert said[("other", None)].startswith("the file is no VOC annotation: it begins with <html>")
    assert said[("bomb", None)] == "the annotation defines entities, which are not read"
    assert "of 80 x 60 pixels, and img/scaled.png has 40 x 30" in said[("scaled", None)]
    assert said[("gone", None)] == "the picture img/gone.{jpg,png} is not there"
    assert "this is no picture" in said[("text", None)]
    assert said[("alone", None)] == "the picture has no annotation"
    assert len(bad) == len(said) == 12
    assert not any(file.endswith("alone.png") for file, _, _ in rows_of(tmp_path, unlisted="pass")[1])


def test_a_list_of_names_chooses_and_says_what_it_names_in_vain(tmp_path):
    voc(tmp_path, {"a.1": xml(), "b": xml(), "c": xml()})
    (tmp_path / "train.txt").write_text("a.1\nb.png\n\nnobody\nb\n")
    good, bad = rows_of(tmp_path, names="train.txt")
    assert list(good) == ["a.1", "b"]
    assert bad == [("train.txt", 4, "nobody has no annotation"), ("train.txt", 5, "b is named twice")]
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match="names no picture"):
        rows_of(tmp_path, names="empty.txt")


def test_the_size_of_a_picture_is_as_its_exif_turns_it(tmp_path):
    voc(tmp_path, {"a": xml(("cat", 1, 1, 29, 39), size=(30, 40))})
    (tmp_path / "img" / "a.png").unlink()
    picture(tmp_path / "img" / "a.jpg", exif=6)
    assert rows_of(tmp_path) == ({"a": [["cat", 1.0, 1.0, 1.0, 29.0, 39.0]]}, [])


def coco(folder: Path, annotations, *, images=None, categories=None) -> Path:
    for name in ("a.png", "b.png"):
        picture(folder / "img" / name)
    found = {
        "images": images
        or [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}, {"id": 2, "file_name": "b.png"}],
        "categories": categories or [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}],
    }
    if annotations is not None:
        found["annotations"] = annotations
    (folder / "all.json").write_text(json.dumps(found))
    return folder / "all.json"


def coco_rows(folder: Path, **options):
    rows = list(read("coco", Files([folder]), file="all.json", images="img/{file_name}", **options))
    good = {row.cells["file_name"]: row.cells["boxes"] for row in rows if row.reject is None}
    return good, [(row.file, row.line, row.reject) for row in rows if row.reject is not None]


def test_every_fault_of_coco_is_one_sentence_with_its_place(tmp_path):
    own = {"image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}
    coco(tmp_path, [
        own, {**own, "image_id": 9}, {**own, "category_id": 7}, {**own, "bbox": [1, 2, 0, 4]}, {**own, "bbox": [50, 2,
        3, 4]}, {**own, "iscrowd": 1}, {**own, "bbox": "x"}, {**own, "bbox": [1, 2, 3, None]}, "text", {**own, "bbox":
        [-4, 20, 8, 80]},
    ], images=[
        {"id": 1.0, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}, {"id": 3, "file_name": "gone.png"}, {"id":
        4},
    ])  # fmt: skip
    picture(tmp_path / "img" / "extra.png")
    good, bad = coco_rows(tmp_path)
    assert good == {"a.png": [["cat", 1.0, 1.0, 2.0, 4.0, 6.0], ["cat", 1.0, 0.0, 20.0, 4.0, 30.0]], "b.png": []}
    assert [(line, reason) for file, line, reason in bad if file == "all.json"] == [
        (2, "the box is for the unknown picture '9'"), (9, "the annotation is no object"),
        (3, "the box is of the unknown category '7'"), (4, "the box has no area (cat, x 1 to 1, y 2 to 6)"),
        (5, "the box lies outside the picture of 40 x 30 pixels (cat, x 50 to 53, y 2 to 6)"),
        (6, "the box marks a crowd, not one object (iscrowd)"), (7, "bbox is no list of x, y, width and height"),
        (8, "a number of bbox is none"), (3, "the picture img/gone.png is not there"),
        (4, "the picture has no id or no file_name"),
    ]  # fmt: skip
    assert bad[-1] == ("img/extra.png", None, "the picture is listed in no annotation file")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("{", "no JSON"),
        ("[]", "no object"),
        ('{"images": 1}', "no list 'images'"),
        ("[" * 99999, "no JSON"),
    ],
)
def test_what_is_not_coco_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "all.json").write_text(text)
    with pytest.raises(DataError, match=sentence):
        coco_rows(tmp_path)


def test_a_file_without_annotations_has_pictures_whose_boxes_are_missing(tmp_path):
    coco(tmp_path, None)
    assert coco_rows(tmp_path)[0] == {"a.png": None, "b.png": None}
    (tmp_path / "project.toml").write_text(
        'name = "x"\ntask = "detection"\n[data]\nreader = "coco"\nfile = "all.json"\nimages = "img/{file_name}"\n'
    )
    with pytest.raises(DataError, match="the boxes are missing"):
        load_dataset(open_project(tmp_path))


def test_boxes_of_a_table_are_a_list_in_a_cell_and_faults_are_rejected(tmp_path):
    for name in "abcdefgh":
        picture(tmp_path / f"{name}.png")
    cells = ['[["0", 1, 2, 3, 4]]', "[]", "", '[["0", 3, 2, 1, 4]]', "[]", "[]", "[]", "[]"]
    lines = "".join(
        f'{name}.png,"{cell.replace(chr(34), chr(34) * 2)}"\n' for name, cell in zip("abcdefgh", cells, strict=True)
    )
    (tmp_path / "rows.csv").write_text("image,boxes\n" + lines)
    (tmp_path / "project.toml").write_text(
        'name = "x"\ntask = "detection"\n[data]\nfile = "rows.csv"\n[labels]\nnames = ["cat"]\n'
    )
    data = load_dataset(open_project(tmp_path))
    assert sorted(str(row["boxes"]) for split in ("train", "validation", "test") for row in data.truth(split)) == [
        "[['cat', 1.0, 1.0, 2.0, 3.0, 4.0]]", "[]", "[]", "[]", "[]", "[]",
    ]  # fmt: skip
    assert [r.reason for r in data.rejected] == [
        "the boxes are missing",
        "the boxes: box 1 has no area: x 3 to 1, y 2 to 4",
    ]


def test_new_finds_voc_with_its_lists_of_names(tmp_path):
    voc(tmp_path / "in", {f"p{i}": xml(("cat", 1, 1, 9, 9)) for i in range(8)})
    (tmp_path / "in" / "train.txt").write_text("".join(f"p{i}\n" for i in range(6)))
    (tmp_path / "in" / "test.txt").write_text("p6\np7\n")
    project, said = create(tmp_path / "out", tmp_path / "in")
    assert project.spec.task == "detection"
    assert project.spec.data.options() == {"annotations": "xml/*.xml", "images": "img/{stem}.png"}
    assert {split: options["names"] for split, options in project.spec.data.split.items()} == {
        "train": "train.txt", "test": "test.txt",
    }  # fmt: skip
    assert any("1 class of objects: cat 8" in sentence for sentence in said)
    assert {row["id"] for row in load_dataset(project).rows("test")} == {"p6", "p7"}


def test_new_finds_the_pictures_beside_an_annotations_folder_and_no_masks_of_their_name(tmp_path):
    """Given VOC's Annotations alone, with JPEGImages beside it, and SegmentationClass with pictures of one name."""
    voc(tmp_path / "in", {f"p{i}": xml(("cat", 1, 1, 9, 9)) for i in range(8)})
    (tmp_path / "in" / "img").rename(tmp_path / "in" / "JPEGImages")
    (tmp_path / "in" / "xml").rename(tmp_path / "in" / "Annotations")
    (tmp_path / "in" / "SegmentationClass").mkdir()
    for i in range(3):
        name = f"p{i}.png"
        (tmp_path / "in" / "SegmentationClass" / name).write_bytes((tmp_path / "in" / "JPEGImages" / name).read_bytes())
    for k, source in enumerate((tmp_path / "in" / "Annotations", tmp_path / "in")):
        project, _ = create(tmp_path / f"out{k}", source)
        assert project.spec.data.options() == {"annotations": "Annotations/*.xml", "images": "JPEGImages/{stem}.png"}
        data = load_dataset(project)
        assert data.n == 8
        assert not data.rejected


def test_an_annotations_folder_without_pictures_anywhere_is_one_sentence(tmp_path):
    voc(tmp_path / "in", {"a": xml(("cat", 1, 1, 9, 9))})
    (tmp_path / "in" / "img").rename(tmp_path / "in" / "other")
    with pytest.raises(DataError, match="no picture has the name of an annotation"):
        create(tmp_path / "out", tmp_path / "in" / "xml")


def test_new_finds_coco_by_file_and_by_folder_with_its_parts(tmp_path):
    own = {"image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4]}
    for part in ("train", "valid", "test"):
        coco(tmp_path / "in" / part, [own]).rename(tmp_path / "in" / part / "_annotations.coco.json")
    project, _ = create(tmp_path / "folder", tmp_path / "in")
    assert set(project.spec.data.split) == {"train", "validation", "test"}
    assert project.spec.data.split["validation"]["images"] == "valid/img/{file_name}"
    project, _ = create(tmp_path / "file", tmp_path / "in" / "train" / "_annotations.coco.json")
    assert project.spec.data.options() == {"file": "_annotations.coco.json", "images": "img/{file_name}"}


def test_new_refuses_columns_and_other_tasks(tmp_path):
    voc(tmp_path / "in", {"a": xml(("cat", 1, 1, 9, 9))})
    with pytest.raises(UsageError, match="pictures with boxes"):
        create(tmp_path / "out", tmp_path / "in", target="label")
    voc(tmp_path / "none", {"a": xml()})
    with pytest.raises(DataError, match="no picture has a box"):
        create(tmp_path / "out", tmp_path / "none")


def test_a_list_of_names_for_the_wrong_reader_is_said(tmp_path):
    (tmp_path / "project.toml").write_text(
        'name = "x"\ntask = "detection"\n[data]\nreader = "csv"\nfile = "a.csv"\nnames = "train.txt"\n'
    )
    with pytest.raises(ProjectError, match=r"data\.names of the csv reader is a list of names"):
        open_project(tmp_path)


def test_check_counts_objects_and_names_what_cannot_be_learned(tmp_path):
    from deepdojo.data.check import check

    twice = xml(("cat", 1, 1, 9, 9), ("cat", 1, 1, 9, 9))
    both = {f"p{i}": twice for i in range(3)} | {
        "p3": xml(),
        "p4": xml(("dog", 1, 1, 9, 9)),
    }
    voc(tmp_path, both | {"p5": xml(("cat", 1, 1, 9, 9))})
    for part, names in (("train", "p0 p1 p2 p3"), ("val", "p4"), ("test", "p5")):
        (tmp_path / f"{part}.txt").write_text("\n".join(names.split()))
    (tmp_path / "project.toml").write_text(
        'name = "x"\ntask = "detection"\n[data]\nannotations = "xml/*.xml"\n'
        'images = "img/{stem}.png"\nid = "stem"\n[data.split]\n'
        'train = {names = "train.txt"}\nvalidation = {names = "val.txt"}\ntest = {names = "test.txt"}\n'
    )
    found = check(load_dataset(open_project(tmp_path)))
    said = [problem.what for problem in found.problems]
    assert "1 class of validation boxes has no box to learn from: 'dog'" in said
    assert "1 class has fewer than 20 boxes to learn from: 'cat' (6)" in said
    assert "1 picture shows no object" in said
    assert "in 3 pictures a box stands twice" in said
    assert found.facts["objects"] == {"cat": 6, "dog": 1}
