"""Tables as they are given to `dojo new`: one, or one to learn from and one held out, and the files that they name."""

from __future__ import annotations

from pathlib import Path, PurePath

from deepdojo.contracts import contract_of
from deepdojo.data.column_facts import describe
from deepdojo.data.files import Files, printable
from deepdojo.data.infer.inferred import Choices, Inferred, listed
from deepdojo.data.infer.reading import READER_OF, TableFile
from deepdojo.data.infer.series import infer_series
from deepdojo.data.infer.series_columns import refuse_times_alone
from deepdojo.data.infer.table import infer_table
from deepdojo.data.infer.video_table import video_column
from deepdojo.errors import DojoError, UsageError

__all__ = ["infer_table_files", "table_of_videos"]


def infer_table_files(files: Files, paths: list[Path], given: Choices, inferred: Inferred) -> None:
    """One table, or one to learn from and one held out; images that cells name are taken from beside the table."""
    keep = (given.target, given.id, given.group, given.time)
    tables = [TableFile(files, path.relative_to(inferred.root).as_posix(), keep) for path in paths]
    if given.task is not None and contract_of(given.task).input_kind == "vector":
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
    if len(table.names) == 1 and PurePath(table.shown.lower().removesuffix(".gz")).suffix in ("", ".txt"):
        raise UsageError(
            "its lines have one column: a text, not a table", where=table.shown,
            todo="to learn a language from it: --task language-modelling; of a table, is the delimiter right?",
        )  # fmt: skip
    if len(table.names) == 2:
        facts = {name: describe(table.column(name), table.decimal) for name in table.names}
        refuse_times_alone(table, facts, given)


def table_of_videos(files: Files, prefix: str, given: Choices) -> str | None:
    """The one table on top that names the videos below it; a list of their addresses, say, does not."""
    found = []
    for name in files.glob(f"{prefix}*") if "!" not in prefix else []:
        if f".{name.rpartition('.')[2].lower()}" in READER_OF:
            try:
                table = TableFile(files, name, (given.target, given.id, given.group, given.time))
                found += [name] if len(table.names) > 1 and video_column(table, given) is not None else []
            except DojoError:
                continue
    return found[0] if len(found) == 1 else None
