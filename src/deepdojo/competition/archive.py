"""The whole of an event as files: static pages, and the submissions with all that computes its board again.

    FOLDER/pages/         board.html, board.csv, board.json (final.* once the final board is open), index.html
    FOLDER/submissions/   what was sent, ID.ENDING; beside a program the table that it wrote, ID.table.ENDING
    FOLDER/private/       the answers; mode 0700
    FOLDER/manifest.json  rules, versions, announcements, the host's log, submissions with SHA-256, scores, boards

Only `pages` may be handed on while the answers are a secret.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from deepdojo import __version__
from deepdojo.competition.audit import answers_of, audit_event, final_numbers, stored_of
from deepdojo.competition.cost import COSTS
from deepdojo.competition.database import rescore
from deepdojo.competition.database.events import audited
from deepdojo.competition.entrant import board_rows
from deepdojo.competition.host import Store
from deepdojo.competition.hosting.solution import close_to_others
from deepdojo.competition.hosting.staging import staged
from deepdojo.competition.packing import unpack
from deepdojo.competition.recompute import Program, Stored, differences, recompute
from deepdojo.errors import DojoError
from deepdojo.places import write_json, write_text
from deepdojo.report import board_page

__all__ = ["KIND", "archive_event", "audit_archive", "board_csv", "is_archive"]

KIND = "deepdojo-archive-1"
_FIGURES = ("rank", "value", "low", "high", "n", "submissions", "submission")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")


def archive_event(
    store: Store, name: str, folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Write it, whole or not at all, after the audit that says whether the boards are what the submissions give.

    Returns:
        folder, submissions, equal, different.

    Raises:
        UsageError: the folder is there. Refusal: submissions wait.
    """
    event, service = store.event(name), store.service
    found = audit_event(store.database, store.folder / "events", event, progress=progress)
    told = service.event(name, store.host)
    told.pop("code", None)
    boards = {part: service.board(name, store.host, part) for part in ("public", "private")
              if part == "public" or event.closed_at is not None}  # fmt: skip
    with store.database.read() as connection:
        versions, log = rescore.versions(connection, event), audited(connection, event.id, 100_000)
        numbers = final_numbers(connection, event)
        answers = answers_of(connection, store.folder / "events", event)
    everything = service.submissions(name, store.host)
    with staged(Path(folder).expanduser().absolute(), what="folder", todo="give another folder") as place:
        shutil.copytree(answers, place / "private", ignore=shutil.ignore_patterns("rubrics", ".anew.*"))
        close_to_others(place / "private")
        kept = _write_submissions(place / "submissions", stored_of(store.database, event, numbers))
        write_json(place / "manifest.json", {
            "kind": KIND, "version": __version__, "event": told, "versions": versions, "log": log,
            "boards": boards, "scored": kept, "submissions": everything, "audit": found,
        })  # fmt: skip
        (place / "manifest.json").chmod(0o600)  # it has the private scores
        _write_pages(place / "pages", told, boards)
        place.chmod(0o755)
    return {"event": name, "folder": str(folder), "submissions": len(kept), "equal": found["equal"],
            "different": found["different"]}  # fmt: skip


def _write_submissions(folder: Path, found: Iterator[Stored]) -> list[dict[str, Any]]:
    folder.mkdir(mode=0o700)
    kept = []
    for one in found:
        written = _written(folder, one.submission + (".table" if one.program is not None else ""), one)
        told = {
            "submission": one.submission, "number": one.number, "team": one.team, "file": written,
            "file_name": one.file_name, "scored": one.scored, "sha256": one.sha256, "final": one.final,
        }  # fmt: skip
        if one.program is not None:
            told["program"] = {"file": _written(folder, one.submission, one.program),
                               "file_name": one.program.file_name, "sha256": one.program.sha256}  # fmt: skip
        kept.append(told)
    return kept


def _written(folder: Path, stem: str, one: Stored | Program) -> str:
    ending = PurePosixPath(one.file_name).suffix.lower()
    path = folder / f"{stem}{ending if ending in _ENDINGS else '.bin'}"
    path.write_bytes(unpack(one.data, one.encoding))
    return path.name


def is_archive(folder: Path) -> bool:
    """Whether a folder is what `archive_event` writes."""
    return (folder / "manifest.json").is_file() and (folder / "private").is_dir()


def audit_archive(folder: Path, *, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Compute the boards of an archive again from its files alone; as `audit_event`.

    Raises:
        DojoError: it is no archive, or damaged.
    """
    try:
        told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if told["kind"] != KIND:
            raise DojoError(f"this is an archive of another kind: {str(told['kind'])[:40]!r}", where=str(folder),
                            todo="use the DeepDojo that wrote it")  # fmt: skip
        scored, boards, event = list(told["scored"]), dict(told["boards"]), dict(told["event"])
        kept = {part: {row["team"]: {name: row[name] for name in _FIGURES} for row in boards[part]["rows"]}
                for part in boards}  # fmt: skip
        made = recompute(
            folder / "private", _read(folder / "submissions", scored),
            higher_is_better=bool(event["higher_is_better"]), most_bytes=int(event["largest_bytes"]),
            progress=None if progress is None else lambda done: progress(done, len(scored)),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DojoError(f"the archive is damaged ({type(error).__name__}: {error})", where=str(folder),
                        todo="take another copy of it") from None  # fmt: skip
    different = [f"submission {name}: it cannot be scored again: {why}" for name, why in made.failed.items()]
    different += differences(kept["public"], made.public, "public board,")
    different += differences(kept.get("private", {}), made.private, "final board,")
    return {"event": event.get("name"), "equal": not different, "submissions": len(made.scores),
            "rubric": event.get("rubric"), "rows": len(made.public), "final_rows": len(made.private),
            "different": different}  # fmt: skip


def _read(folder: Path, scored: Sequence[Mapping[str, Any]]) -> Iterator[Stored]:
    for row in scored:
        if "program" in row:
            _intact(folder, row["program"])
        data = _intact(folder, row)
        yield Stored(str(row["submission"]), int(row["number"]), str(row["team"]), str(row["file_name"]),
                     float(row["scored"]), len(data), data, "raw", bool(row["final"]))  # fmt: skip


def _intact(folder: Path, row: Mapping[str, Any]) -> bytes:
    """A file of the archive. Raises ValueError: no plain name, or not what its digest says."""
    name = str(row["file"])
    if PurePosixPath(name).name != name or name in (".", "..") or "\\" in name:
        raise ValueError(f"{name[:60]!r} is no plain name")
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise ValueError(f"{name[:60]} is not what was sent")
    return data


def _write_pages(folder: Path, told: Mapping[str, Any], boards: Mapping[str, Mapping[str, Any]]) -> None:
    folder.mkdir(mode=0o755)
    for part, board in boards.items():
        name = "board" if part == "public" else "final"
        rows = board_rows(dict(board))
        about = {"name": told["name"], "title": f"{told['title']}: {name}", "task": told["task"],
                 "metric": told["metric"], "higher_is_better": told["higher_is_better"],
                 "n": board["rows"][0]["n"] if board["rows"] else None, "runs": len(board["rows"])}  # fmt: skip
        write_text(folder / f"{name}.html", board_page(about, rows))
        write_text(folder / f"{name}.csv", board_csv(board["rows"]))
        write_json(folder / f"{name}.json", dict(board))
    write_text(folder / "index.html", _index(told, list(boards)))
    if os.name == "posix":
        for path in folder.iterdir():
            path.chmod(0o644)


def board_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The board for a spreadsheet; a name that it would take for a formula has an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["rank", "team", "value", "low", "high", "n", "submissions", "moved", "submission", *COSTS]
    names += ["public_rank", "public_value"] if rows and "public_rank" in rows[0] else []
    writer.writerow(names)
    for row in rows:
        cells = [row.get(name) for name in names]
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()


def _index(told: Mapping[str, Any], parts: Sequence[str]) -> str:
    def when(at: object) -> str:
        return datetime.fromtimestamp(float(at), UTC).strftime("%Y-%m-%d %H:%M UTC") if isinstance(at, float) else "–"

    facts = {"Task": told["task"], "Metric": told["metric"], "Began": when(told["starts"]), "Ended": when(told["ends"]),
             "Submissions a day": told["per_day"], "Team size": told["team_size"]}  # fmt: skip
    rows = "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts.items())
    news = "".join(f"<li><time>{when(each['created'])}</time> {html.escape(str(each['text']))}</li>"
                   for each in told["announcements"])  # fmt: skip
    links = "".join(
        f'<li><a href="{name}.html">{label}</a> (<a href="{name}.csv">CSV</a>, <a href="{name}.json">JSON</a>)</li>'
        for part, name, label in (("public", "board", "The public board"), ("private", "final", "The final board"))
        if part in parts
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{html.escape(str(told["title"]))}</title><style>body{{font:16px/1.5 '
        "system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
        "th{text-align:left;padding-right:2rem}</style></head><body>"
        f"<h1>{html.escape(str(told['title']))}</h1><ul>{links}</ul><table>{rows}</table>"
        f'<h2>Description</h2><pre style="white-space:pre-wrap">{html.escape(str(told["description"]))}</pre>'
        f"<h2>Announcements</h2><ul>{news}</ul></body></html>\n"
    )
