"""Which of the given files hold boxes of objects in pictures: COCO's JSON, a table, VOC's XML or a folder of them."""

from __future__ import annotations

import os
from pathlib import Path

from deepdojo.data.annotated import is_picture
from deepdojo.data.files import Files
from deepdojo.data.infer.boxes import (
    box_tables,
    coco_files,
    infer_box_table,
    infer_coco,
    infer_voc,
    is_box_table,
    is_coco,
    voc_files,
)
from deepdojo.data.infer.inferred import Choices, Inferred
from deepdojo.data.infer.paths import below, is_archive

__all__ = ["infer_box_files"]

PICTURE_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos")


def infer_box_files(files: Files, path: Path, given: Choices, inferred: Inferred) -> bool:
    """Whether these are pictures with boxes; if so, `inferred` is filled."""
    if given.task not in (None, "detection"):
        return False
    if path.suffix.lower() in (".json", ".csv"):
        names = [p.relative_to(inferred.root).as_posix() for p in (path, given.test) if p is not None]
        one_file = _coco if path.suffix.lower() == ".json" else _table
        return one_file(files, path, names, given, inferred)
    if not (path.is_dir() or is_archive(path)) or given.test is not None:
        return False
    return _folder(files, path, given, inferred)


def _coco(files: Files, path: Path, names: list[str], given: Choices, inferred: Inferred) -> bool:
    if not is_coco(files, names[0]):
        return False
    root = inferred.root
    if given.test is None and not _pictures_below(root):  # data/annotations/train.json beside data/images
        root, names = root.parent, [path.relative_to(root.parent).as_posix()]
        inferred.root = root
    inferred.shown = [root]
    infer_coco(Files([root]), names, given, inferred)
    return True


def _table(files: Files, path: Path, names: list[str], given: Choices, inferred: Inferred) -> bool:
    if not is_box_table(files, names[0]):
        return False
    inferred.shown = [inferred.root]
    infer_box_table(files, names, given, inferred)
    return True


def _folder(files: Files, path: Path, given: Choices, inferred: Inferred) -> bool:
    """A folder or an archive."""
    prefix = below(path, inferred.root)
    if found := voc_files(files, prefix):
        if path.is_dir() and not _pictures_below(path) and _pictures_beside(path):  # Annotations beside JPEGImages
            inferred.root, inferred.shown = path.parent, [path.parent]
            files = Files([path.parent])
            found = voc_files(files, f"{path.name}/")
        infer_voc(files, prefix, found, given, inferred)
    elif found := coco_files(files, prefix):
        infer_coco(files, found, given, inferred)
    elif found := box_tables(files, prefix):
        infer_box_table(files, found, given, inferred)
    else:
        return False
    return True


def _pictures_below(folder: Path) -> bool:
    return any(is_picture(file) for _, _, files in os.walk(folder) for file in files)


def _pictures_beside(folder: Path) -> bool:
    """Whether a folder that is called so stands beside and holds pictures."""
    beside = [other for other in folder.parent.iterdir() if other.is_dir() and other.name.lower() in PICTURE_FOLDERS]
    return any(_pictures_below(other) for other in beside)
