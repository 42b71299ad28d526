"""`dojo new`: a project.toml for somebody's own data. Every choice is said aloud and written down with its reason."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from deepdojo.contracts import contract_of
from deepdojo.data.files import Files, printable
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.infer.sounds import holds_sounds, infer_sounds, table_beside
from deepdojo.data.new_hub import FromHub, from_hub, on_the_hub
from deepdojo.errors import DataError, DojoError, ProjectError, UsageError
from deepdojo.places import cannot_write, write_text

if TYPE_CHECKING:
    from deepdojo.data.infer.reading import TableFile
    from deepdojo.data.project import Project

__all__ = ["Inferred", "create", "infer"]

TAGGED = (".conll", ".bio", ".iob", ".iob2", ".bmes", ".bioes", ".iobes")
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
PICTURE_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def infer(source: str | Path, **choices: Any) -> Inferred:
    """What project a file or folder makes, without writing anything.

    Args:
        source: a CSV, TSV, JSON lines or Parquet file; a folder of class folders of images, sounds, videos or skeletons
            (text files of joints), or an archive of such; skeletons named as a01_s02_e03; a folder of pictures with
            VOC's or COCO's boxes, or a COCO file; pictures with a file of captions; a folder of sounds with a table of
            what they say; a file with a word and its tag a line; JSON with marked spans of texts; SQuAD's JSON; for
            language modelling a text file or a folder of them; for translation files of the same name, one a language,
            or their folder.
        choices: target, id, group, time, task, metric, test; see `create`.

    Raises:
        DataError: no such file, an empty one, a target that cannot be learned, no images.
        UnknownNameError: a column that does not exist. UsageError: choices that do not fit the data.
    """
    from deepdojo.data.infer.questions import infer_questions, is_squad
    from deepdojo.data.infer.spans import infer_spans, is_spans

    given = Choices(**choices)
    series = given.task is not None and contract_of(given.task).input_kind == "vector"
    if given.group is not None and given.time is not None and not series:
        raise UsageError("--group and --time both say how to split", todo="give one of them")
    path = _existing(source)
    test = None if given.test is None else _existing(given.test)
    if test is not None and (test.is_dir() or _is_archive(test)) != (path.is_dir() or _is_archive(path)):
        raise UsageError("--test and --from must be of one kind: two files, or two folders of images", where=str(test))
    root = _root(path, test)
    inferred = Inferred(root=root, shown=[path] if test is None else [root], files=[])
    files = Files([root])
    if given.task is not None and contract_of(given.task).host_run:
        from deepdojo.data.infer.running_text import infer_running_text

        infer_running_text(files, path, replace(given, test=test), inferred)
    elif _infer_boxes(files, path, replace(given, test=test), inferred) or (
        test is None and _has_captions(files, path, given, inferred)
    ):
        pass
    elif _goes_side_by_side(path, given):
        from deepdojo.data.infer.parallel_files import infer_parallel

        infer_parallel(files, [p for p in (path, test) if p is not None], given, inferred)
    elif (path.is_dir() or _is_archive(path)) and holds_sounds(files, _prefix(path, root)):
        beside = table_beside(files, _prefix(path, root))
        if beside is not None and test is None:
            _infer_tables(files, [files.path(beside)], given, inferred)
        else:
            infer_sounds(files, _prefix(path, root), given, inferred, None if test is None else _prefix(test, root))
    elif path.is_dir() or _is_archive(path):
        from deepdojo.data.infer.images import infer_images
        from deepdojo.data.infer.moving import infer_moving, moving_kind

        held_out = None if test is None else _prefix(test, root)
        moving = moving_kind(files, _prefix(path, root))
        beside = _table_of_videos(files, _prefix(path, root), given) if moving == "video" and test is None else None
        if beside is not None:
            _infer_tables(files, [files.path(beside)], given, inferred)
        elif moving is not None:
            infer_moving(files, _prefix(path, root), moving, given, inferred, held_out)
        else:
            infer_images(files, _prefix(path, root), given, inferred, held_out)
    elif is_squad(path, given):
        infer_questions(files, [p for p in (path, test) if p is not None], given, inferred)
    elif is_spans(path, given):
        infer_spans(files, [p for p in (path, test) if p is not None], given, inferred)
    elif _is_tagged(path, given):
        from deepdojo.data.infer.tagged import infer_tagged

        infer_tagged(files, [p for p in (path, test) if p is not None], given, inferred)
    else:
        _infer_tables(files, [p for p in (path, test) if p is not None], given, inferred)
    return inferred


def _table_of_videos(files: Files, prefix: str, given: Choices) -> str | None:
    """The one table on top that names the videos below it; a list of their addresses, say, does not."""
    from deepdojo.data.infer.reading import READER_OF, TableFile
    from deepdojo.data.infer.video_table import video_column

    found = []
    for name in files.glob(f"{prefix}*") if "!" not in prefix else []:
        if f".{name.rpartition('.')[2].lower()}" in READER_OF:
            try:
                table = TableFile(files, name, (given.target, given.id, given.group, given.time))
                found += [name] if len(table.names) > 1 and video_column(table, given) is not None else []
            except DojoError:
                continue
    return found[0] if len(found) == 1 else None


def _infer_boxes(files: Files, path: Path, given: Choices, inferred: Inferred) -> bool:
    """Whether these are pictures with boxes; if so, `inferred` is filled."""
    from deepdojo.data.infer.boxes import (
        box_tables,
        coco_files,
        infer_box_table,
        infer_coco,
        infer_voc,
        is_box_table,
        is_coco,
        voc_files,
    )  # fmt: skip

    if given.task not in (None, "detection"):
        return False
    root, test = inferred.root, given.test
    if path.suffix.lower() == ".json":
        names = [p.relative_to(root).as_posix() for p in (path, test) if p is not None]
        if not is_coco(files, names[0]):
            return False
        if test is None and not _pictures_below(root):  # data/annotations/train.json beside data/images
            root, names = root.parent, [path.relative_to(root.parent).as_posix()]
            inferred.root = root
        inferred.shown = [root]
        infer_coco(Files([root]), names, given, inferred)
        return True
    if path.suffix.lower() == ".csv":
        names = [p.relative_to(root).as_posix() for p in (path, test) if p is not None]
        if not is_box_table(files, names[0]):
            return False
        inferred.shown = [root]
        infer_box_table(files, names, given, inferred)
        return True
    if not (path.is_dir() or _is_archive(path)) or test is not None:
        return False
    prefix = _prefix(path, root)
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
    from deepdojo.data.annotated import is_picture

    return any(is_picture(file) for _, _, files in os.walk(folder) for file in files)


def _pictures_beside(folder: Path) -> bool:
    """Whether a folder that is called so stands beside and holds pictures."""
    beside = [other for other in folder.parent.iterdir() if other.is_dir() and other.name.lower() in PICTURE_FOLDERS]
    return any(_pictures_below(other) for other in beside)


def _has_captions(files: Files, path: Path, given: Choices, inferred: Inferred) -> bool:
    """Whether there are pictures and a file of captions; they are then inferred. A file is taken for one of captions
    where it is said so, or is named so."""
    from deepdojo.data.infer.captions import infer_captions, lists_captions

    if path.is_dir() or _is_archive(path):
        return infer_captions(files, _prefix(path, inferred.root), given, inferred)
    if given.task not in (None, "captioning"):
        return False
    if given.task is None and "caption" not in path.name.lower() and not lists_captions(files, path.name):
        return False
    found = infer_captions(files, "", given, inferred, path.name)
    inferred.shown = [inferred.root] if found else inferred.shown
    return found


def _infer_tables(files: Files, paths: list[Path], given: Choices, inferred: Inferred) -> None:
    """One table, or one to learn from and one held out; images that cells name are taken from beside the table."""
    from deepdojo.data.infer.reading import TableFile
    from deepdojo.data.infer.table import infer_table

    keep = (given.target, given.id, given.group, given.time)
    tables = [TableFile(files, path.relative_to(inferred.root).as_posix(), keep) for path in paths]
    if given.task is not None and contract_of(given.task).input_kind == "vector":
        from deepdojo.data.infer.series import infer_series

        infer_series(files, tables[0], given, inferred)
        return
    if given.task is None:
        _refuse_other_tasks(tables[0], given)
    infer_table(tables[0], tables[1] if len(tables) == 2 else None, given, inferred)
    inferred.files = [table.file for table in tables]
    images = next((c for role in ("image", "audio", "clip") if (c := inferred.spec["columns"].get(role))), None)
    if isinstance(images, dict):
        inferred.shown = [inferred.root]
        cells = {str(cell).strip() for table in tables for cell in table.whole_column(images["column"])}
        inferred.files += sorted(name for cell in cells if files.has(name := images["file"].format(cell)))
        _say_unnamed(files, images["file"], cells, inferred)
    elif len({path.name for path in paths}) == 2:
        # Two files are named one by one: the folder that they share may hold much else.
        inferred.shown = paths
        for table, split in zip(tables, inferred.spec["data"]["split"].values(), strict=True):
            split["file"] = table.shown


def _say_unnamed(files: Files, pattern: str, cells: set[str], inferred: Inferred) -> None:
    """Files of the same kind where those of the table lie, which it does not name: a tenth of the data may be lost."""
    folder = pattern.partition("{")[0]
    endings = {PurePath(pattern.format(cell)).suffix.lower() for cell in cells} - {""}
    deep = "**/" if any("/" in cell for cell in cells) else ""
    named = {pattern.format(cell) for cell in cells}
    left = [
        name for name in files.glob(f"{folder}{deep}*")
        if PurePath(name).suffix.lower() in endings and name not in named
    ]  # fmt: skip
    if left:
        files_ = f"{len(left):,} file{'s' if len(left) != 1 else ''}"
        inferred.say(f"left out, as no row names them: {files_} ({listed(map(printable, sorted(left)), 3)})")


def _refuse_other_tasks(table: TableFile, given: Choices) -> None:
    """Raise a UsageError for what looks like a table and is a series in time, or running text."""
    from deepdojo.data.column_facts import describe
    from deepdojo.data.infer.series_columns import refuse_times_alone

    if len(table.names) == 1 and PurePath(table.shown.lower().removesuffix(".gz")).suffix in ("", ".txt"):
        raise UsageError(
            "its lines have one column: a text, not a table", where=table.shown,
            todo="to learn a language from it: --task language-modelling; of a table, is the delimiter right?",
        )  # fmt: skip
    if len(table.names) == 2:
        facts = {name: describe(table.column(name), table.decimal) for name in table.names}
        refuse_times_alone(table, facts, given)


def create(
    folder: str | Path,
    source: str | Path,
    *,
    copy: bool = False,
    say: Callable[[str], None] | None = None,
    check_metric: Callable[[str, str], None] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    yes: bool = False,
    offline: bool = False,
    **choices: Any,
) -> tuple[Project, list[str]]:
    """Write `folder/project.toml` and nothing else; with `copy` the data too, to `folder/data`.

    Args:
        folder: made where it does not exist; its name becomes the project's.
        source: as `infer` takes it, or `hf:owner/name@revision`, whose files are fetched and pinned.
        say: called with every sentence as well.
        check_metric: called with task and metric before anything is written; raises where they do not go together.
        progress, yes, offline: of what is fetched: told of it, without asking, not at all.
        choices: target, id, group, time (names of columns); task; metric; test (a file or folder of held-out rows).

    Returns: the project, loaded from what was written, and every choice as a sentence.

    Raises:
        ProjectError: the folder holds a project already. Else as `infer`.
    """
    from deepdojo.data.project import find_project

    folder = Path(folder).expanduser()
    if (folder / "project.toml").exists():
        raise ProjectError("there is a project already", where=str(folder / "project.toml"), todo="name another folder")
    if folder.is_file():
        raise ProjectError("this is a file, not a folder", where=str(folder), todo="name another folder")
    hub = _from_hub(str(source), choices, copy, progress, yes, offline) if on_the_hub(source) else None
    inferred = infer(source if hub is None else hub.train, **choices)
    if check_metric is not None:
        check_metric(inferred.spec["task"], inferred.spec["metric"])
    if hub is None:
        path = _copy(folder, inferred) if copy else [_relative(shown, folder) for shown in inferred.shown]
        where: dict[str, Any] = {"path": path[0] if len(path) == 1 else path}
    else:
        where = hub.source()
        inferred.spec["data"] = hub.named(inferred.spec["data"])
        inferred.say(f"source: the hub's {where['hub']}, {len(where['files'])} files with their sums")
    document = {"name": _name(folder), **inferred.spec}
    write_text(folder / "project.toml", _toml(document, where, inferred))
    for sentence in inferred.said:
        if say is not None:
            say(sentence)
    return find_project(str(folder)), inferred.said


def _from_hub(
    source: str,
    choices: dict[str, Any],
    copy: bool,
    progress: Callable[[int, int, str], None] | None,
    yes: bool,
    offline: bool,
) -> FromHub:
    """The fetched files; a held-out part that the names tell becomes `choices["test"]`."""
    for name, given in (("--copy", copy), ("--test", choices.get("test"))):
        if given:
            raise UsageError(f"{name} does not go with a data set of the hub", where=name, todo="leave it away")
    found = from_hub(source, progress=progress, yes=yes, offline=offline)
    choices["test"] = found.held_out
    return found


def _existing(given: str | Path) -> Path:
    path = Path(given).expanduser().absolute()
    if path.exists():
        return Path(os.path.normpath(path))
    from deepdojo.errors import nearest

    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    guess = nearest(path.name, beside)
    raise DataError(
        "there is no such file or folder", where=str(given), todo=f"did you mean {guess!r}?" if guess else None
    )


def _is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(ARCHIVES)


def _root(path: Path, test: Path | None) -> Path:
    """The folder that names are relative to: a folder itself, a file's folder, or what both have in common."""
    if test is None:
        return path if path.is_dir() else path.parent
    try:
        return Path(os.path.commonpath([path.parent, test.parent]))
    except ValueError:  # two drives of Windows
        raise UsageError(
            "--test and --from lie on two drives", where=str(test), todo="copy them into one folder"
        ) from None


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
    if given.task is None or _is_archive(path):
        return False
    contract, name = contract_of(given.task), path.name.lower().removesuffix(".gz")
    texts = contract.input_kind == contract.target_kind == "text" and not contract.host_run
    return texts and (path.is_dir() or not name.endswith(TABLES))


def _prefix(path: Path, root: Path) -> str:
    below = path.relative_to(root).as_posix()
    if path.is_file():
        return f"{below}!"
    return "" if below == "." else f"{below}/"


def _relative(path: Path, folder: Path) -> str:
    """The data's place as seen from the project, with `/`; absolute where there is no way (another drive)."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.absolute().resolve())).as_posix()
    except ValueError:
        return path.as_posix()


def _copy(folder: Path, inferred: Inferred) -> list[str]:
    """Take the project's own files along, under their names; gives the new places as seen from the project."""
    target = folder / "data"
    gone = [name for name in inferred.files if not (inferred.root / name).is_file()]  # links that lead nowhere
    for name in sorted({*inferred.files} - {*gone}):
        to = target / name
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(inferred.root / name, to)
        except OSError as error:
            to.unlink(missing_ok=True)  # a copy that is cut short must not be taken for the data
            raise cannot_write(to, error) from error
    n = len(inferred.files) - len(gone)
    inferred.say(f"copied: {n:,} file{'s' if n != 1 else ''} to {target}")
    if gone:
        inferred.say(f"not copied, because the link leads nowhere: {listed(map(printable, gone))}")
    return [Path("data", shown.relative_to(inferred.root)).as_posix() for shown in inferred.shown]


def _name(folder: Path) -> str:
    """The folder's name as a project's: blanks become hyphens."""
    name = re.sub(r"[^\w.-]+", "-", folder.absolute().name).strip("-.")
    return name.lower() or "project"


def _toml(spec: dict[str, Any], source: dict[str, Any], inferred: Inferred) -> str:
    """The file's text: every key with the reason for its value behind it."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Written by `dojo new`. Change what is wrong here, then look with `dojo check`."))
    for key in ("name", "task", "metric"):
        document.add(key, _item(spec[key], inferred.comments.get(key)))
    tables = {"source": source}
    tables |= {key: spec[key] for key in ("data", "columns", "labels", "split") if spec.get(key)}
    for key, values in tables.items():
        document.add(tomlkit.nl())
        document.add(key, _table(key, values, inferred.comments))
    return tomlkit.dumps(document)


def _table(name: str, values: dict[str, Any], comments: dict[str, str]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in values.items():
        if isinstance(value, dict) and name in ("data", "source"):
            table.add(key, _table(f"{name}.{key}", value, comments))
        else:
            table.add(key, _item(value, comments.get(f"{name}.{key}")))
    return table


def _item(value: Any, comment: str | None) -> Any:
    import tomlkit

    item: Any
    if isinstance(value, dict):
        item = tomlkit.inline_table()
        item.update(value)
    elif isinstance(value, str) and "\\" in value and "'" not in value and "\n" not in value:
        item = tomlkit.string(value, literal=True)  # a pattern reads better without doubled backslashes
    else:
        item = tomlkit.item(value)
    if comment:
        # A name of a column may hold anything; a comment ends at the line.
        item.comment(re.sub(r"[\x00-\x1f\x7f]+", " ", comment))
    return item
