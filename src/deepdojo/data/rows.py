"""Raw rows -> rows: the columns of a file become the roles of a task, and what cannot be used says why."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from deepdojo.boxes import box_fault, parse_boxes
from deepdojo.contracts import DIFFERENT, SAME, Contract, KindName, contract_of
from deepdojo.data.cells import (
    LARGEST,
    MISSING,
    MISSING_LABELS,
    is_infinite,
    is_missing,
    parse_number,
    parse_numbers,
    plain_number,
)
from deepdojo.data.files import Files, Media, printable
from deepdojo.data.gallery import Gallery, pairs_of
from deepdojo.data.images import check_image
from deepdojo.data.json_text import load_json
from deepdojo.data.readers import RawRow
from deepdojo.data.readers import read as read_with
from deepdojo.data.skeletons import checked_motion, motion_of
from deepdojo.data.sounds import check_sound
from deepdojo.data.spec import FileColumn, GalleryColumn, PixelColumns, ProjectSpec
from deepdojo.data.videos import check_video, require_decoder
from deepdojo.errors import DojoError, ProjectError, SourceError, UnknownNameError

__all__ = ["LABEL_SIGNS", "Reject", "RowMaker", "as_text", "input_key", "label_list"]

LABEL_SIGNS = "|;,"
"""What may stand between the labels of a cell, the surest first."""

_TOO_LARGE = f" below {LARGEST:g}"
_FLOATS = 10**308
_CHECKS: Mapping[str, Callable[[BinaryIO], None]] = {"image": check_image, "video": check_video, "audio": check_sound}
Row = dict[str, Any]
Make = Callable[[RawRow], Any]


class Reject(Exception):
    """This row cannot be used; the message says why."""


class RowMaker:
    """Makes rows of one project.

    Args:
        targets: whether a row must have its targets. Without (`dojo predict`) they are left out of the row.
        ragged: whether rows may have different columns (JSON lines): an absent column is then a missing cell, and an
            error only if no row has it.
        learn: the rows are to learn from; of a task that compares pictures they hold nothing to compare with.
        known: where a gallery that all rows share lies, where that is not among `files`.
    """

    def __init__(
        self,
        spec: ProjectSpec,
        contract: Contract,
        files: Files,
        *,
        targets: bool,
        ragged: bool,
        learn: bool = False,
        known: Callable[[], Files] | None = None,
    ) -> None:
        self.spec, self.contract, self.files, self.targets, self.ragged = spec, contract, files, targets, ragged
        self.medium = "video" if "video" in contract.reads.values() else "picture"
        self.learn, self.known_files = learn, known
        self.made = 0
        self._faults: dict[str, str | None] = {}
        self._last_gallery: tuple[Any, Gallery] | None = None
        self.corrected = _corrections(spec, files) if targets and spec.labels.corrections else {}
        self.absent: dict[str, int] = {}
        self.known: dict[str, None] = {}
        self._kinds = dict(contract.columns)
        self._features: dict[str, list[str]] = {}
        self._makers = [(role, self._maker(role, kind)) for role, kind in contract.reads.items()]
        if targets:
            hidden = {role: kind for role, kind in contract.targets.items() if role not in contract.reads}
            self._makers += [(role, self._maker(role, kind)) for role, kind in hidden.items()]
            self._makers += [(role, self._hint(role, kind)) for role, kind in contract.hints.items()]
        self._own = self._not_features()

    def make(self, raw: RawRow) -> Row:
        """The row's cells by role, without an id. Raises Reject."""
        if raw.reject is not None:
            raise Reject(raw.reject)
        self.made += 1
        if self.ragged:
            self.known.update(dict.fromkeys(raw.cells))
        row = {role: maker(raw) for role, maker in self._makers}
        self._refuse_unaligned(row)
        self._refuse_strange(row)
        for role, cell in row.items():
            if isinstance(cell, Media):
                self._refuse_unreadable(cell, _CHECKS[self.contract.columns[role]])
            elif isinstance(cell, Gallery):
                self._refuse_no_pictures(cell)
        if self.contract.compared and not self.learn:
            self._refuse_no_question(row)
        return row

    def _refuse_no_question(self, row: Row) -> None:
        """What is asked of a row must have an answer: a pair is the same or different, a gallery holds the name."""
        target = self.contract.target
        galleries = [cell for cell in row.values() if isinstance(cell, Gallery)]
        if target not in row:
            return
        if not galleries and row[target] not in (SAME, DIFFERENT):
            raise Reject(f"the {target} of a pair is {row[target]!r}, not {SAME} or {DIFFERENT}")
        if galleries and row[target] not in galleries[0].names:
            raise Reject(f"the gallery has no picture of {row[target]!r}")

    def _refuse_no_pictures(self, gallery: Gallery) -> None:
        """Each picture of a gallery is looked at once: rows share them."""
        for _, cell in gallery:
            if not isinstance(cell, Media):
                continue
            if cell.name not in self._faults:
                self._faults[cell.name] = None
                try:
                    self._refuse_unreadable(cell, check_image)
                except Reject as fault:
                    self._faults[cell.name] = str(fault)
            if self._faults[cell.name] is not None:
                raise Reject(f"the gallery's picture {printable(cell.name)} cannot be used: {self._faults[cell.name]}")

    def _refuse_unaligned(self, row: Row) -> None:
        sizes = {role: len(row[role]) for role in self.contract.aligned if role in row}
        if len(set(sizes.values())) > 1:
            raise Reject("the row has " + " and ".join(f"{size:,} {role}" for role, size in sizes.items()))

    def _refuse_strange(self, row: Row) -> None:
        for role, place in self.contract.within.items():
            if role in row and not any(part.strip() and part.strip() in row[place] for part in row[role]):
                raise Reject(f"none of the {role} stands in the {place}")

    def _refuse_unreadable(self, cell: Media, check: Callable[[BinaryIO], None]) -> None:
        """What is no picture, video or sound is left out before the split is drawn: it must take no place in a part or
        a class."""
        try:
            if self.files.has(cell.name):
                with self.files.opened(cell.name) as file:
                    check(file)
            else:  # a cell that holds the bytes, or a link that leads nowhere
                check(io.BytesIO(cell.read()))
        except DojoError as error:
            if isinstance(error, SourceError):
                self.files.unreadable.add(cell.name)
            raise Reject(error.what) from None

    def correct(self, row: Row) -> Row:
        """With the label that [labels] corrections gives its id."""
        label = self.corrected.get(row["id"]) if self.corrected else None
        return row if label is None else {**row, self.contract.target: label}

    def cell(self, raw: RawRow, column: str) -> Any:
        """A cell by its column's name. Raises UnknownNameError where a file has no such column."""
        try:
            return raw.cells[column]
        except KeyError:
            if not self.ragged:
                raise UnknownNameError("column", column, raw.cells, where=printable(raw.file)) from None
            self.absent[column] = self.absent.get(column, 0) + 1
            return None

    def check_columns(self) -> None:
        """After the last row: a column that no row had is an error."""
        for column, count in self.absent.items():
            if count >= self.made > 0:
                raise UnknownNameError("column", column, self.known, where="the data")

    def finish(self, rows: Sequence[Row]) -> None:
        """`check_columns`, and records of ragged rows get the same columns."""
        self.check_columns()
        if not self.ragged:
            return
        for role, kind in self.contract.reads.items():
            if kind != "record":
                continue
            names = dict.fromkeys(name for row in rows for name in row[role])
            for row in rows:
                if len(row[role]) < len(names):
                    row[role] = {name: row[role].get(name) for name in names}

    # ----- one maker a role

    def column_of(self, role: str) -> str:
        """The column that a role with a single column has."""
        given = self.spec.columns.get(role, role)
        if not isinstance(given, str):
            raise ProjectError(f"columns.{role} must name one column, got {given!r}", where=self.spec.name)
        return given

    def _maker(self, role: str, kind: KindName) -> Make:
        given = self.spec.columns.get(role)
        if role in self.contract.compared and self.learn:
            return lambda raw: None
        if kind == "gallery":
            return self._gallery(role, given)
        if kind == "record":
            return self._record(given if given is not None else "*")
        if kind in ("image", "video"):
            if kind == "video":
                require_decoder()  # else every single row would be refused for it
            return self._image_or_file(role, self._image(given if given is not None else role))
        if kind == "audio":
            return self._image_or_file(role, self._media(given if given is not None else role, "sound"))
        if kind == "text":
            return self._written(role) if self.contract.host_run else self._text(role, given)
        if kind in ("tokens", "texts"):
            return self._words(role, kind)
        if kind in ("vector", "matrix"):
            return self._numbers(role, kind)
        if kind == "boxes":
            return self._boxes(role)
        if kind == "skeleton":
            return self._skeleton(role)
        return self._target(role, kind)

    def _hint(self, role: str, kind: KindName) -> Make:
        """What may help to learn; None where the column is absent, or its cell is empty or nothing of that kind."""
        make, column = self._maker(role, kind), self.column_of(role)

        def made(raw: RawRow) -> Any:
            if is_missing(raw.cells.get(column)):
                return None
            try:
                return make(raw)
            except Reject:
                return None

        return made

    def _words(self, role: str, kind: KindName) -> Make:
        """A list of texts: the reader's, a text parted at blanks (tokens), a JSON list or one text (texts)."""
        column = self.column_of(role)

        def make(raw: RawRow) -> list[str]:
            cell = self.cell(raw, column)
            if isinstance(cell, list | tuple):
                parts = [as_text(part) or "" for part in cell]
            else:
                text = as_text(cell) or ""
                parts = text.split() if kind == "tokens" else _texts(text)
            if not any(part.strip() for part in parts):
                raise Reject(f"the {role} are empty")
            if kind == "tokens" and any(not part or " " in part for part in parts):
                raise Reject(f"one of the {role} is empty or holds a blank")
            return parts

        return make

    def _numbers(self, role: str, kind: KindName) -> Make:
        """(n,) or (m, n) float64: an array or a list from the reader, numbers in a text, or one column each."""
        given = self.spec.columns.get(role)
        columns = given if isinstance(given, list) else [self.column_of(role)]

        def make(raw: RawRow) -> np.ndarray:
            cells = [self.cell(raw, column) for column in columns]
            cell = cells[0] if len(columns) == 1 else cells
            values = parse_numbers(cell, raw.decimal_of(columns[0]))
            if values is not None and values.ndim == 1 and kind == "matrix":
                values = values[None]  # a signal of one channel
            if values is None or values.ndim != (1 if kind == "vector" else 2) or not values.size:
                raise Reject(f"the {role} is no {'list' if kind == 'vector' else 'table'} of numbers")
            if not (np.abs(values) <= LARGEST).all():  # false for NaN too
                raise Reject(f"a number of the {role} is missing or not finite")
            return values

        return make

    def _boxes(self, role: str) -> Make:
        """A list of boxes: the reader's, or a JSON list in a cell; an empty one is a picture without objects."""
        column, named = self.column_of(role), self._label_names()

        def make(raw: RawRow) -> list[list[Any]]:
            cell = self.cell(raw, column)
            if cell is None or (isinstance(cell, str) and not cell.strip()):
                raise Reject(f"the {role} are missing")
            try:
                found = parse_boxes(cell)
            except ValueError as error:
                raise Reject(f"the {role}: {error}") from None
            if (fault := box_fault(found)) is not None:
                raise Reject(f"the {role}: {fault}")
            return [[named.get(box[0], box[0]), *box[1:]] for box in found]

        return make

    def _label_names(self) -> dict[str, str]:
        names = self.spec.labels.names
        return dict(names) if isinstance(names, Mapping) else {str(i): name for i, name in enumerate(names)}

    def _skeleton(self, role: str) -> Make:
        """(T, J, 3) float32, J that of the first row: the reader's array, or lists in a text (JSON)."""
        column, joints = self.column_of(role), None

        def make(raw: RawRow) -> np.ndarray:
            nonlocal joints
            values = motion_of(self.cell(raw, column))
            if values is None:
                raise Reject(f"the {role} is no list of frames of joints")
            try:
                values = checked_motion(values, joints)
            except DojoError as error:
                raise Reject(f"the {role}: {error.what}") from None
            joints = values.shape[1]
            return values

        return make

    def _text(self, role: str, given: Any) -> Make:
        columns = given if isinstance(given, list) else [self.column_of(role)]

        def make(raw: RawRow) -> str:
            parts = [as_text(self.cell(raw, column)) for column in columns]
            text = " ".join(part for part in parts if part and part.strip())
            if not text.strip():
                raise Reject(f"the {role} is empty")
            return text

        return make

    def _written(self, role: str) -> Make:
        """A text with its blanks and line ends, every one of which counts. Beside the first a column may be absent."""
        column, needed = self.column_of(role), role == self.contract.input

        def make(raw: RawRow) -> str:
            text = as_text(self.cell(raw, column) if needed else raw.cells.get(column)) or ""
            return text if text or not needed else _reject(f"the {role} is empty")

        return make

    def _target(self, role: str, kind: KindName) -> Make:
        column, named = self.column_of(role), self._label_names()

        parted = self.spec.labels.parted_by

        def labels(raw: RawRow) -> list[str]:
            cell = self.cell(raw, column)
            if cell is None:
                raise Reject(f"the {role} are missing")
            parts = cell if isinstance(cell, list | tuple) else label_list(as_text(cell) or "", parted)
            found = [(as_text(part) or "").strip() for part in parts]
            return list(dict.fromkeys(named.get(part, part) for part in found if part))

        def label(raw: RawRow) -> str:
            text = (as_text(self.cell(raw, column)) or "").strip()
            if text in MISSING_LABELS:
                raise Reject(f"the {role} is missing")
            found = named.get(text, text)
            if self.contract.ordered and parse_number(found) is None:
                raise Reject(f"the grade {found[:40]!r} is no number, so its place is not known: give [labels] names")
            return found

        def number(raw: RawRow) -> float:
            cell = self.cell(raw, column)
            value = parse_number(cell, raw.decimal_of(column))
            if value is None:
                missing = cell is None or (isinstance(cell, str) and cell.strip() in MISSING)
                large = _TOO_LARGE if is_infinite(str(cell)) and any(map(str.isdigit, str(cell))) else ""
                fault = f"{str(cell)[:40]!r} is not a finite number{large}"
                raise Reject(f"the {role} is missing" if missing else f"the {role} {fault}")
            return value

        return number if kind == "number" else labels if kind == "labels" else label

    def _record(self, given: Any) -> Make:
        if isinstance(given, str) and given != "*":  # one column that holds an object
            return lambda raw: self._object(raw, given)
        listed = given if isinstance(given, list) else None

        def make(raw: RawRow) -> dict[str, str | float | None]:
            if listed is not None:
                return {name: _record_cell(self.cell(raw, name), raw.decimal_of(name)) for name in listed}
            if self.ragged:
                return {n: _record_cell(c, raw.decimal_of(n)) for n, c in raw.cells.items() if n not in self._own}
            names = self._star(raw)
            cells = raw.cells
            if raw.decimal == "." and raw.decimals is None:
                return {name: _record_cell(cells[name], ".") for name in names}
            return {name: _record_cell(cells[name], raw.decimal_of(name)) for name in names}

        return make

    def _object(self, raw: RawRow, column: str) -> dict[str, str | float | None]:
        value = self.cell(raw, column)
        if not isinstance(value, Mapping):
            raise Reject(f"the cell {column} holds no object")
        return {str(k): _record_cell(v, raw.decimal_of(column)) for k, v in value.items()}

    def _star(self, raw: RawRow) -> list[str]:
        if raw.file not in self._features:
            for name in self._dropped:
                if name not in raw.cells:
                    raise UnknownNameError("column", name, raw.cells, where=f"{printable(raw.file)}: columns.drop")
            names = [name for name in raw.cells if name not in self._own]
            if not names:
                raise ProjectError(
                    "no column is left for features", where=printable(raw.file), todo="look at columns.drop"
                )
            self._features[raw.file] = names
        return self._features[raw.file]

    def _not_features(self) -> set[str]:
        spec = self.spec
        drop = spec.columns.get("drop", [])
        self._dropped = [drop] if isinstance(drop, str) else list(drop) if isinstance(drop, list) else []
        if not self.targets:
            own, self._dropped = set(self._dropped), []  # a new file need not have them
        else:
            own = set(self._dropped)
        own |= {
            _own_column(self.spec.columns.get(role, role)) or self.column_of(role) for role in self.contract.targets
        }
        return own | {c for c in (spec.data.id, spec.split.group) if c is not None}

    def _gallery(self, role: str, given: Any) -> Make:
        """Names and pictures: those of files, the same for every row, or what a cell holds."""
        if isinstance(given, GalleryColumn):
            everyone = self._gallery_of_files(given)
            return lambda raw: everyone.without(str(raw.cells.get("file")))
        column = self.column_of(role)

        def make(raw: RawRow) -> Gallery:
            cell = self.cell(raw, column)
            if self._last_gallery is None or self._last_gallery[0] is not cell:  # rows of one episode share a list
                pairs = pairs_of(cell)
                if not pairs:
                    raise Reject(f"the {role} is no list of names and pictures")
                self._last_gallery = (cell, Gallery((name, self._picture(picture)) for name, picture in pairs))
            return self._last_gallery[1]

        return make

    def _picture(self, cell: Any) -> Any:
        if isinstance(cell, np.ndarray | Media):
            return cell
        if not isinstance(cell, str) or not cell.strip():
            raise Reject("no picture is named")
        return self._file(cell.strip(), "picture")

    def _gallery_of_files(self, given: GalleryColumn) -> Gallery:
        found, files = [], self.files if self.known_files is None else self.known_files()
        for raw in read_with("files", files, **given.model_dump(exclude_none=True)):
            if raw.reject is None:
                name = raw.cells.get("label", raw.cells["folder"])
                picture = files.media(raw.cells["file"], listed=True)
                with suppress(Reject):  # what is no picture is listed where it is a row
                    self._refuse_unreadable(picture, check_image)
                    found.append((name, picture))
        if not found:
            raise ProjectError("no file has a name", where="columns.gallery", todo="look at its pattern")
        return Gallery(found)

    def _image_or_file(self, role: str, make: Make) -> Make:
        """New pictures come as files, also where the project's own stand in columns or are named by cells."""
        if self.targets:
            return make

        def of_new_file(raw: RawRow) -> Any:
            cell = raw.cells.get(role)
            return cell if isinstance(cell, Media) else make(raw)

        return of_new_file

    def _image(self, given: Any) -> Make:
        if isinstance(given, PixelColumns):
            return lambda raw: self._pixels(raw, given)
        return self._media(given if given is not None else "image", self.medium)

    def _media(self, given: Any, what: str) -> Make:
        """An encoded file: named by a cell, or the bytes of one. `what` it is called where it is missing."""
        if isinstance(given, FileColumn):

            def from_cell(raw: RawRow) -> Media:
                name = (as_text(self.cell(raw, given.column)) or "").strip()
                return (
                    self._file(given.file.replace("{}", name), what, given.file)
                    if name
                    else _reject(f"no {what} is named")
                )

            return from_cell
        if not isinstance(given, str):
            raise ProjectError(f"a {what} stands in one column, got {given!r}", where=self.spec.name)

        def plain(raw: RawRow) -> Any:
            cell = self.cell(raw, given)
            if isinstance(cell, Media) or (isinstance(cell, np.ndarray) and what != "sound"):
                return cell
            if isinstance(cell, bytes | bytearray):
                data = bytes(cell)
                return Media(f"{raw.file}:{raw.line}", lambda: data, inline=True)
            if isinstance(cell, Mapping) and isinstance(
                cell.get("bytes"), bytes
            ):  # as the Hugging Face hub stores pictures and sounds
                data = cell["bytes"]
                return Media(str(cell.get("path") or f"{raw.file}:{raw.line}"), lambda: data, inline=True)
            if not isinstance(cell, str) or not cell.strip():
                raise Reject(f"no {what} is named")
            return self.files.media(cell, listed=True) if cell == raw.file else self._file(cell.strip(), what)

        return plain

    def _file(self, name: str, what: str, group: str | None = None) -> Media:
        try:
            there = self.files.has(name)
        except DojoError as error:
            raise Reject(str(error)) from None
        return self.files.media(name, group) if there else _reject(f"the {what} {printable(name)} is not there")

    def _pixels(self, raw: RawRow, given: PixelColumns) -> np.ndarray:
        first, last = given.columns
        cells = list(raw.cells.values())
        count = last - first + 1
        if not self.targets and len(cells) == count:  # a new file without the label's column
            first, last = 0, count - 1
        if last >= len(cells) or count != math.prod(given.shape):
            raise ProjectError(
                f"columns.image takes columns {first} to {last} for {' x '.join(map(str, given.shape))} pixels,"
                f" the file has {len(cells)} columns",
                where=printable(raw.file),
            )
        try:
            values = np.array(cells[first : last + 1], dtype=np.float64)
        except (ValueError, TypeError):
            raise Reject("a pixel is not a number") from None
        values = np.rint(values * given.scale)
        if not ((values >= 0) & (values <= 255)).all():  # also false for NaN
            raise Reject("a pixel is not within 0 to 255")
        return values.astype(np.uint8).reshape(given.shape)


def _own_column(given: Any) -> str | None:
    """The column that a role has of its own; that whose cells name files may be the id as well."""
    return given.column if isinstance(given, FileColumn) else given if isinstance(given, str) else None


def _corrections(spec: ProjectSpec, files: Files) -> dict[str, str]:
    """id -> label. Raises UnknownNameError or SourceError for a file without the columns, or none."""
    if contract_of(spec.task).target_kind != "label":
        raise ProjectError("corrections are of labels, and this task has none", where="labels.corrections")
    found = {}
    name = str(spec.labels.corrections)
    with io.TextIOWrapper(files.open(name), "utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for column in ("id", "label"):
            if column not in (reader.fieldnames or ()):
                raise UnknownNameError("column", column, reader.fieldnames or (), where=f"labels.corrections: {name}")
        for row in reader:
            if row["id"] and (row["label"] or "").strip():
                found[row["id"]] = row["label"].strip()
    return found


def _texts(text: str) -> list[str]:
    """Several texts of a JSON list, else one."""
    if text.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = load_json(text)
            if isinstance(found, list) and all(isinstance(part, str) for part in found):
                return found
    return [text]


def label_list(text: str, sign: str | None) -> list[str]:
    """Labels of a JSON list, or parted by a sign; None: by the first of `LABEL_SIGNS` that occurs."""
    if text.lstrip().startswith("["):
        return _texts(text)
    return text.split(sign or next((sign for sign in LABEL_SIGNS if sign in text), "|"))


def _reject(reason: str) -> Any:
    raise Reject(reason)


def as_text(cell: Any) -> str | None:
    """Any plain cell as text: JSON's true is "true", 1 and 1.0 are "1", NaN and null are None."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if math.isnan(cell) else str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, Mapping | list | tuple):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


def _record_cell(cell: Any, decimal: str) -> str | float | None:
    """Raw text without blanks around it, numbers with a decimal point and no digit groups; missing is None."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in MISSING:
            return None
        if decimal == "," or "," in text:
            return plain_number(text, decimal) or text
        return text
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) < _FLOATS:
        return float(cell)
    return as_text(cell)


def input_key(row: Mapping[str, Any], contract: Contract, files: Files) -> str:
    """SHA-256 over a row's inputs: equal inputs have equal keys. Pictures are compared by the bytes of their files."""
    total = hashlib.sha256()
    for role in contract.reads:
        cell = row[role]
        if isinstance(cell, np.ndarray | Media):
            total.update(_content(cell, files))
        elif isinstance(cell, Gallery):
            for name, picture in cell:
                total.update(f"{name}\0".encode("utf-8", "surrogatepass"))
                total.update(_content(picture, files))
        elif isinstance(cell, Mapping):
            text = "\x1f".join([f"{name}\x1e{value}" for name, value in cell.items()])
            total.update(text.encode("utf-8", "surrogatepass"))
        else:
            total.update(str(cell).encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def _content(cell: Any, files: Files) -> bytes:
    """What a picture or an array is known by."""
    if isinstance(cell, np.ndarray):
        return f"{cell.shape}\0".encode() + np.ascontiguousarray(cell).tobytes()
    return (files.sha256(cell.name) if files.has(cell.name) else hashlib.sha256(cell.read()).hexdigest()).encode()
