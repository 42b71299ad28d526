"""New files for a project's model: the ways to read them, the project's own first."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deepdojo.data.encodings import detect_encoding
from deepdojo.data.files import Files
from deepdojo.data.infer.moving import SKELETON_SUFFIXES, VIDEO_SUFFIXES
from deepdojo.data.project import Project
from deepdojo.data.readers import RawRow, read
from deepdojo.data.readers.sound_folder import SOUNDS
from deepdojo.data.readers.text import TEXTS
from deepdojo.data.sounds import SOUND_SUFFIXES
from deepdojo.data.spec import GalleryColumn, PixelColumns
from deepdojo.errors import DataError, DojoError, SourceError, nearest

__all__ = ["new_files"]

Way = tuple[Files, Callable[[], Iterator[RawRow]], bool]
_TABLES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_VIDEOS = tuple(f".{suffix}" for suffix in VIDEO_SUFFIXES)
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")


def new_files(project: Project, path: Path, *, trusted: bool) -> Iterator[Way]:
    """Ways to read a new file or folder, most likely first; the caller takes the first that gives rows.

    Raises:
        SourceError: nothing lies there.
    """
    path = path.expanduser()
    if not path.exists():
        guess = nearest(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else None
        raise SourceError(
            "there is no such file or folder", where=str(path), todo=f"did you mean {guess!r}?" if guess else None
        )
    if project.contract.host_run:
        yield _running_text(project, path)
        return
    if project.contract.input_kind == "skeleton" and project.spec.data.reader_of() == "skeletons":
        yield _motions(project, path)
        return
    media = (*_PICTURES, *_VIDEOS, *(f".{suffix}" for suffix in SOUND_SUFFIXES))
    if path.is_dir() or path.suffix.lower() in media or path.suffix.lower() == ".zip":
        yield from _pictures(project, path)
        return
    files = Files([path.parent, project.folder], {path.name: path})
    if (yield from _as_own(project, files, path)):
        return
    own, reader = project.spec.data, _TABLES.get(_suffix(path))
    if own.reader_of().startswith("python:"):
        options = own.options() | {"file": path.name}
        yield files, lambda: read(own.reader_of(), files, trusted=trusted, **options), True
    if reader == "csv" or reader is None:
        yield from _tables(project, files, path.name)
    else:
        yield files, lambda: read(reader, files, file=path.name), reader == "jsonl"


def _as_own(project: Project, files: Files, path: Path) -> Generator[Way, None, bool]:
    """By the project's own reader, where that is none of tables; True where the file can be nothing else."""
    own, suffix, name = project.spec.data, _suffix(path), path.name
    may_be_lines = _TABLES.get(suffix) in (None, "csv") and path.suffix.lower() not in (".csv", ".tsv")
    if own.reader_of() == "lines" and may_be_lines:
        yield from _lines(project, files, name)
    if own.reader_of() == "series":
        yield files, _ahead(project, files, name), False
        return True
    if own.reader_of() == "conll" and may_be_lines:
        yield from _words(project, files, name)
    if own.reader_of("train") == "coco" and suffix == ".json":
        beside = Files([path.parent, path.parent.parent])
        yield beside, lambda: read("coco", beside, file=name, images=_images_of(beside, name)), False
        return True
    if own.reader_of() == "captions" and suffix in (".csv", ".tsv", ".txt", ".json"):
        options = {k: v for k, v in own.options().items() if k not in ("file", "only", "images")}
        yield files, partial(read, "captions", files, file=name, **options), False
    if own.reader_of() == "squad" and suffix == ".json":
        yield files, partial(read, "squad", files, file=name), False
        return True
    if own.reader_of("train") == "spans" and suffix in (".json", ".jsonl", ".ndjson"):
        options = {k: v for k, v in own.options().items() if k in ("text", "spans")}
        yield files, partial(read, "spans", files, file=name, **options), True
    if any(own.reader_of(part) == "parallel" for part in own.split or (None,)) and may_be_lines:
        sides = {_column(project, project.contract.input): name}
        yield files, partial(read, "parallel", files, sides=sides), False
    return False


def _images_of(files: Files, name: str) -> str:
    from deepdojo.data.infer.boxes import images_of

    return images_of(files, name)


def _ahead(project: Project, files: Files, name: str) -> Callable[[], Iterator[RawRow]]:
    """Each series of a new file as it goes on after its last value."""
    cut = ("start", "stop", "stride", "origins", "file")
    options = {k: v for k, v in project.spec.data.options().items() if k not in cut}
    return lambda: read("series", files, file=name, ahead=True, **options)


def _running_text(project: Project, path: Path) -> Way:
    """All of a text, or of each text in a folder, cut into blocks as the project's own."""
    files = Files([path] if path.is_dir() else [], {} if path.is_dir() else {path.name: path})
    own = project.spec.data.options() if project.spec.data.reader_of() == "text" else {}
    options = {name: own[name] for name in ("block_chars", "context_chars") if name in own}
    name = TEXTS if path.is_dir() else path.name
    if path.is_dir() and not files.glob(TEXTS):
        raise DataError("there are no text files in it", where=str(path), todo="give a folder of .txt files")
    return files, lambda: read("text", files, file=name, **options), False


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _motions(project: Project, path: Path) -> Way:
    """A text file of joints, or all of a folder or an archive, with as many joints as the project says."""
    inside = path.is_dir() or path.suffix.lower() == ".zip"
    files = Files([path], {}) if path.is_dir() else Files([], {path.name: path})
    before = f"{path.name}!" if path.suffix.lower() == ".zip" else ""
    glob = f"{before}**/*.{{{','.join(SKELETON_SUFFIXES)}}}" if inside else path.name
    if not files.glob(glob):
        raise DataError("there are no text files of joints in it", where=str(path), todo="give a folder of .txt files")

    return files, lambda: read("skeletons", files, glob=glob, joints=project.spec.data.joints), False


def _pictures(project: Project, path: Path) -> Iterator[Way]:
    kind = next((kind for kind in project.contract.inputs.values() if kind in ("image", "video", "audio")), None)
    if kind is None:
        kinds = ", ".join(project.contract.inputs.values())
        raise DataError(
            f"is a folder, a picture, a video or a sound, but {project.name} is made of {kinds}",
            where=str(path),
            todo="give a table",
        )
    _refuse_without_pairs(project, path)
    if path.is_dir():
        files, glob = Files([path]), SOUNDS if kind == "audio" else "**/*"
    elif path.suffix.lower() == ".zip":
        files, glob = Files([], {path.name: path}), f"{path.name}!{SOUNDS if kind == 'audio' else '**/*'}"
    else:
        files, glob = Files([], {path.name: path}), path.name
    if not files.glob(glob):
        raise DataError(
            "there are no files in it",
            where=str(path),
            todo=f"give a folder of {'sounds' if kind == 'audio' else f'{kind}s'}",
        )
    role = next(r for r, found in project.contract.inputs.items() if found == kind)

    def rows() -> Iterator[RawRow]:
        for raw in read("files", files, glob=glob):
            raw.cells[role] = files.media(raw.file)
            yield raw

    yield files, rows, False


def _refuse_without_pairs(project: Project, path: Path) -> None:
    """Raise a DataError where rows are pairs: pictures by themselves do not say which ones are to be compared."""
    other = next(
        (r for r in project.contract.compared if not isinstance(project.spec.columns.get(r), GalleryColumn)), ""
    )
    if other:
        columns = f"{_column(project, project.contract.input)},{_column(project, other)}"
        raise DataError(
            f"two pictures are compared, and {'a folder' if path.is_dir() else 'this'} does not say which",
            where=str(path),
            todo=f"give a .csv file beside the pictures whose first line is {columns} and every other the names of two",
        )  # fmt: skip


def _column(project: Project, role: str) -> str:
    given = project.spec.columns.get(role, role)
    return given if isinstance(given, str) else role


def _own_options(project: Project, files: Files, name: str) -> dict[str, Any]:
    """The project's options, without its encoding where the new file is Unicode: UTF-8 also reads as Latin-1,
    wrongly."""
    options = project.spec.data.options()
    if "encoding" in options and detect_encoding(lambda: files.open(name), where=name).startswith("utf-"):
        del options["encoding"]
    return options


def _lines(project: Project, files: Files, name: str) -> Iterator[Way]:
    options = _own_options(project, files, name) | {"file": name}

    def matched() -> Iterator[RawRow]:
        for raw in read("lines", files, **options):
            if raw.reject is not None:
                raise DataError("the lines are not written as the project's own", where=f"{name}:{raw.line}")
            yield raw

    yield files, matched, False
    role = next((r for r, kind in project.contract.inputs.items() if kind == "text"), None)
    if role is not None:  # otherwise each line is a text
        plain = {k: v for k, v in options.items() if k == "encoding"}
        pattern = f"(?P<{_column(project, role)}>.*)"
        yield files, lambda: read("lines", files, file=name, pattern=pattern, **plain), False


def _words(project: Project, files: Files, name: str) -> Iterator[Way]:
    """A word a line: the columns up to the last input, else all but the tags."""
    options = _own_options(project, files, name) | {"file": name}
    names = list(options.get("names") or [])
    inputs = {_column(project, role) for role in project.contract.inputs}
    targets = {_column(project, role) for role in project.contract.targets}
    ways = [names]
    if names and inputs <= set(names):
        first = names[: max(map(names.index, inputs)) + 1]
        ways = [names if targets & set(first) else first, [column for column in names if column not in targets]]
    for way in ways:
        yield files, partial(read, "conll", files, **options | ({"names": way} if way else {})), False


def _tables(project: Project, files: Files, name: str) -> Iterator[Way]:
    """As the project says; without its names of columns; with the target's column absent; by the file's own form
    alone."""
    from deepdojo.data.readers.csv_reader import table_header

    own = _own_options(project, files, name) if project.spec.data.reader_of() == "csv" else {}
    own = {k: v for k, v in own.items() if k not in ("file", "beside")}
    names = list(own.get("names") or [])
    for beside in project.spec.data.beside or ():
        names += beside.get("names") or []
    targets = {_column(project, role) for role in project.contract.targets}
    without = [n for n in names if n not in targets]
    bare = {k: v for k, v in own.items() if k not in ("names", "header", "skip")}
    tries: list[dict[str, Any]] = [{k: v for k, v in bare.items() if k in keep} for keep in (tuple(bare), ())]
    ways: list[dict[str, Any]] = []
    inputs = _needed(project, without)
    for base in tries:
        try:
            first = table_header(files, name, **base, header=True)
        except DojoError:
            first = []
        if inputs and set(inputs) <= set(first):
            ways.append({**base, "header": True})
        elif own.get("header") is False or names:
            for skip, given in itertools.product((0, own.get("skip", 0)), (own.get("names"), names, without)):
                ways.append({**base, "header": False, "skip": skip, **({"names": given} if given else {})})
    ways += [own, *tries]
    for options in ways:
        yield files, _checked(files, name, options), False


def _checked(files: Files, name: str, options: dict[str, Any]) -> Callable[[], Iterator[RawRow]]:
    return lambda: read("csv", files, file=name, **options)


def _needed(project: Project, names: Sequence[str]) -> list[str]:
    """Columns that the inputs need, as far as project.toml says."""
    needed: list[str] = []
    for role, kind in project.contract.inputs.items():
        given = project.spec.columns.get(role, "*" if kind == "record" else role)
        if isinstance(given, PixelColumns | GalleryColumn):
            continue
        if isinstance(given, list):
            needed += given
        elif given == "*":
            needed += names
        elif isinstance(given, str):
            needed.append(given)
        else:
            needed.append(given.column)
    return needed
