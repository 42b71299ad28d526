"""`dojo board http://room:8000/reviews`: an event's board, once or followed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, styled, table, width
from deepdojo.cli.words import bar, interval_text, metric_name, metric_unit, plural, score_text
from deepdojo.errors import DojoError

__all__ = ["show_event_board"]

_SHOWN = 200
_EVERY_S = 2.0


def show_event_board(address: str, *, watch: bool, json: bool, html: Path | None, language: str, part: str) -> None:
    """Print it; with `watch` again whenever it has changed, until Ctrl-C."""
    from deepdojo import api

    told = api.event_board(address, part)
    rows = told["rows"]
    if html is not None:
        _write_page(html, told, rows, language)
    if not watch:
        print_json(rows) if json else _print(address, told, rows)
        return
    while True:
        if sys.stdout.isatty() and not json:
            out("\x1b[2J\x1b[H")
        print_json(rows) if json else _print(address, told, rows)
        sys.stdout.flush()
        told = _next(address, part, told["version"])
        rows = told["rows"]


def _next(address: str, part: str, version: int) -> dict[str, Any]:
    """The board once it has another version; a server that is away for a while is waited for."""
    from deepdojo import api

    while True:
        time.sleep(_EVERY_S)
        try:
            told = api.event_board(address, part)
        except DojoError as fault:
            if getattr(fault, "code", "unavailable") not in ("unavailable", "too_many_requests"):
                raise
            continue
        if told["version"] != version:
            return told


def _write_page(path: Path, told: dict[str, Any], rows: list[dict[str, Any]], language: str) -> None:
    from deepdojo.places import write_text
    from deepdojo.report import board_page

    about = {"name": told["event"], "title": told["title"], "metric": told["metric"],
             "higher_is_better": told["higher_is_better"], "runs": told["teams"],
             "n": rows[0]["n"] if told["teams"] else None}  # fmt: skip
    write_text(path, board_page(about, rows, language=language))


def _print(address: str, told: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    metric = str(told["metric"])
    own = metric.startswith("python:")
    state = "final" if told["part"] == "private" else "frozen" if told["frozen"] else "public"
    answer([
        (str(told["title"]), "bold"), (metric.removeprefix("python:") if own else _named(metric), ""),
        ("higher is better" if told["higher_is_better"] else "lower is better", ""),
        (f"{state} board, {plural(told['teams'], 'team')}", ""),
    ])  # fmt: skip
    out()
    if not told["teams"]:
        out("No team has a score yet.")
    else:
        _print_rows(metric, rows[:_SHOWN])
        if len(rows) > _SHOWN:
            out(f"and {len(rows) - _SHOWN:,} more: --json")
        out()
        paragraph("Equal ranks: the rows cannot tell them apart. " + _meaning(told, rows), style="dim")
    next_step(f"dojo submit last {address}")


def _meaning(told: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    said = "A row moves when an entry is surely better than the last one shown; other rows decide at the end."
    if told["part"] == "private":
        said = "The final board, on rows that no entry was shown."
    elif told["frozen"]:
        said = "The board is frozen: it shows what stood there then."
    return said + (" Published results are not re-scored." if any(r["kind"] == "published" for r in rows) else "")


def _named(metric: str) -> str:
    return metric_name(metric) + (", %" if metric_unit(metric).percent else "")


def _print_rows(metric: str, rows: list[dict[str, Any]]) -> None:
    ends = [row[key] for row in rows for key in ("low", "high", "score") if row.get(key) is not None]
    low, high = min(ends), max(ends)
    wide = max(13, min(24, width() - 60))
    final = any("public_rank" in row for row in rows)
    cells = []
    for row in rows:
        drawn = "" if row.get("low") is None else bar(row["low"], row["score"], row["high"], low, high, wide)
        rank = "–" if row.get("rank") is None else str(row["rank"])
        before = (str(row["public_rank"]) if row.get("public_rank") is not None else "–",) if final else ()
        sent = "" if row.get("submissions") is None else str(row["submissions"])
        cells.append((rank, str(row["name"]), *_figures(metric, row), *before, sent, drawn or " "))
    heads = ("", "team", "score", "95 %", *(("public",) if final else ()), "sent", " ")
    table(cells, heads, right=(0, 2, 4, 5) if final else (0, 2, 4))
    if any(row.get("rank") is None and row["kind"] == "run" for row in rows):
        out(styled("–: being ranked", "dim"))


def _figures(metric: str, row: dict[str, Any]) -> tuple[str, str]:
    value, low, high = row["score"], row.get("low"), row.get("high")
    if metric.startswith("python:"):
        return f"{value:.5g}", "" if low is None or high is None else f"[{low:.5g}, {high:.5g}]"
    return score_text(metric, value, low, high), interval_text(metric, value, low, high) if low is not None else ""
