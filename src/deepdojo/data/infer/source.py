"""Which kind of data a file or folder holds, and so which project it makes. Writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files
from deepdojo.data.infer.box_files import infer_box_files
from deepdojo.data.infer.captions import infer_captions, lists_captions
from deepdojo.data.infer.images import infer_images
from deepdojo.data.infer.inferred import Choices, Inferred
from deepdojo.data.infer.moving import infer_moving, moving_kind
from deepdojo.data.infer.parallel_files import infer_parallel
from deepdojo.data.infer.paths import below, existing, is_archive, root_of
from deepdojo.data.infer.questions import infer_questions, is_squad
from deepdojo.data.infer.running_text import infer_running_text
from deepdojo.data.infer.sounds import holds_sounds, infer_sounds, table_beside
from deepdojo.data.infer.spans import infer_spans, is_spans
from deepdojo.data.infer.table_files import infer_table_files, table_of_videos
from deepdojo.data.infer.tagged import infer_tagged
from deepdojo.errors import UsageError

__all__ = ["infer"]

TAGGED = (".conll", ".bio", ".iob", ".iob2", ".bmes", ".bioes", ".iobes")
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")


def infer(source: str | Path, **choices: Any) -> Inferred:
    """What project a file or folder makes, without writing anything.

    Args:
        source: a CSV, TSV, JSON lines or Parquet file; a folder of class folders of images, sounds, videos or skeletons
            (text files of joints), or an archive of such; skeletons named as a01_s02_e03; a folder of pictures with
            VOC's or COCO's boxes, or a COCO file; pictures with a file of captions; a folder of sounds with a table of
            what they say; a file with a word and its tag a line; JSON with marked spans of texts; SQuAD's JSON; for
            language modelling a text file or a folder of them; for translation files of the same name, one a language,
            or their folder.
        choices: target, id, group, time, task, metric, test; see `new.create`.

    Raises:
        DataError: no such file, an empty one, a target that cannot be learned, no images.
        UnknownNameError: a column that does not exist. UsageError: choices that do not fit the data.
    """
    given = Choices(**choices)
    series = given.task is not None and contract_of(given.task).input_kind == "vector"
    if given.group is not None and given.time is not None and not series:
        raise UsageError("--group and --time both say how to split", todo="give one of them")
    path = existing(source)
    test = None if given.test is None else existing(given.test)
    if test is not None and _holds_files(test) != _holds_files(path):
        raise UsageError("--test and --from must be of one kind: two files, or two folders of images", where=str(test))
    root = root_of(path, test)
    inferred = Inferred(root=root, shown=[path] if test is None else [root], files=[])
    _fill(Files([root]), path, replace(given, test=test), inferred)
    return inferred


def _holds_files(path: Path) -> bool:
    return path.is_dir() or is_archive(path)


def _fill(files: Files, path: Path, given: Choices, inferred: Inferred) -> None:
    """Fill `inferred` by the first kind that fits."""
    paths = [path] if given.test is None else [path, given.test]
    if given.task is not None and contract_of(given.task).host_run:
        infer_running_text(files, path, given, inferred)
    elif infer_box_files(files, path, given, inferred) or _infer_captions(files, path, given, inferred):
        pass
    elif _goes_side_by_side(path, given):
        infer_parallel(files, paths, given, inferred)
    elif _holds_files(path):
        _fill_from_folder(files, path, given, inferred)
    elif is_squad(path, given):
        infer_questions(files, paths, given, inferred)
    elif is_spans(path, given):
        infer_spans(files, paths, given, inferred)
    elif _is_tagged(path, given):
        infer_tagged(files, paths, given, inferred)
    else:
        infer_table_files(files, paths, given, inferred)


def _fill_from_folder(files: Files, path: Path, given: Choices, inferred: Inferred) -> None:
    """Sounds, videos, skeletons or pictures, in class folders or beside the one table that names them."""
    prefix = below(path, inferred.root)
    held_out = None if given.test is None else below(given.test, inferred.root)
    sounds = holds_sounds(files, prefix)
    moving = None if sounds else moving_kind(files, prefix)
    table = None
    if held_out is None and sounds:
        table = table_beside(files, prefix)
    elif held_out is None and moving == "video":
        table = table_of_videos(files, prefix, given)
    if table is not None:
        infer_table_files(files, [files.path(table)], given, inferred)
    elif sounds:
        infer_sounds(files, prefix, given, inferred, held_out)
    elif moving is not None:
        infer_moving(files, prefix, moving, given, inferred, held_out)
    else:
        infer_images(files, prefix, given, inferred, held_out)


def _infer_captions(files: Files, path: Path, given: Choices, inferred: Inferred) -> bool:
    """Whether there are pictures and a file of captions; they are then inferred. A file is taken for one of captions
    where it is said so, or is named so."""
    if given.test is not None:
        return False
    if _holds_files(path):
        return infer_captions(files, below(path, inferred.root), given, inferred)
    if given.task not in (None, "captioning"):
        return False
    if given.task is None and "caption" not in path.name.lower() and not lists_captions(files, path.name):
        return False
    found = infer_captions(files, "", given, inferred, path.name)
    inferred.shown = [inferred.root] if found else inferred.shown
    return found


def _is_tagged(path: Path, given: Choices) -> bool:
    """Whether a file has a word a line: by its ending, or because the task tags words and it is no table."""
    suffix = path.suffix.lower()
    tags = given.task is not None and bool(contract_of(given.task).aligned)
    if suffix in TAGGED or (tags and suffix not in TABLES):
        return True
    return suffix == ".txt" and given.task is None and _words_by_line(path)


def _words_by_line(path: Path) -> bool:
    """Whether the first lines are words with as many cells beside each, sentence after sentence with empty lines
    between: no table has those again and again."""
    with path.open("rb") as file:
        lines = file.read(20_000).decode("utf-8", "replace").splitlines()[:-1]
    cells = {len(line.split()) for line in lines if line.strip()}
    empty = sum(not line.strip() for line in lines)
    return len(cells) == 1 and min(cells) in (2, 3, 4) and empty >= 3


def _goes_side_by_side(path: Path, given: Choices) -> bool:
    """Whether the task turns texts into texts, and what is given is no table with a column of each."""
    if given.task is None or is_archive(path):
        return False
    contract, name = contract_of(given.task), path.name.lower().removesuffix(".gz")
    texts = contract.input_kind == contract.target_kind == "text" and not contract.host_run
    return texts and (path.is_dir() or not name.endswith(TABLES))
