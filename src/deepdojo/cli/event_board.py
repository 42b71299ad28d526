"""`dojo board http://room:8000/reviews`: an event's board, once or followed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, styled, table, width
from deepdojo.cli.words import bar, duration, interval_text, metric_name, metric_unit, plural, score_text, si
from deepdojo.errors import UsageError

__all__ = ["show_event_board"]

_SHOWN = 200


def show_event_board(address: str, *, watch: bool, json: bool, html: Path | None, language: str, part: str) -> None:
    """Print it; with `watch` also each change, until Ctrl-C."""
    from deepdojo import api

    if watch:
        from deepdojo.cli.live_board import watch_board

        if html is not None:
            raise UsageError("a page is written once", where="--html", todo="leave --watch out")
        watch_board(address, part, partial(_print, address), json=json)
        return
    told = api.event_board(address, part)
    if html is not None:
        _write_page(html, told, told["rows"], language)
    print_json(told["rows"]) if json else _print(address, told)


def _write_page(path: Path, told: dict[str, Any], rows: list[dict[str, Any]], language: str) -> None:
    from deepdojo.places import write_text
    from deepdojo.report import board_page

    about = {"name": told["event"], "title": told["title"], "metric": told["metric"],
             "higher_is_better": told["higher_is_better"], "runs": told["teams"],
             "n": rows[0]["n"] if told["teams"] else None}  # fmt: skip
    write_text(path, board_page(about, rows, language=language))


def _print(address: str, told: dict[str, Any], marks: Mapping[str, str] | None = None, most: int | None = None) -> None:
    """The board as text.

    Args:
        marks: a sign before some teams' names. most: rows; then no next step is named either.
    """
    rows = told["rows"]
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
        _print_rows(metric, rows[: most or _SHOWN], marks or {})
        if len(rows) > (most or _SHOWN):
            out(f"and {len(rows) - (most or _SHOWN):,} more" + ("" if most else ": --json"))
        out()
        paragraph("Equal ranks: the rows cannot tell them apart. " + _meaning(told, rows), style="dim")
    if most is None and not told["closed"]:
        next_step(f"dojo submit last {address}")
    elif most is None and told["part"] != "private":
        next_step(f"dojo board {address} --final")


def _meaning(told: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    said = "A row moves when an entry is surely better than the last one shown; other rows decide at the end."
    if told["part"] == "private":
        said = "The final board, on rows that no entry was shown."
    elif told["frozen"]:
        said = "The board is frozen: it shows what stood there then."
    if any(row.get("seconds") is not None or row.get("parameters") is not None for row in rows):
        said += " Costs are stated by the entrants. ◆: none is as good in less time."
    return said + (" Published results are not re-scored." if any(r["kind"] == "published" for r in rows) else "")


def _named(metric: str) -> str:
    return metric_name(metric) + (", %" if metric_unit(metric).percent else "")


def _print_rows(metric: str, rows: list[dict[str, Any]], marks: Mapping[str, str]) -> None:
    ends = [row[key] for row in rows for key in ("low", "high", "score") if row.get(key) is not None]
    low, high = min(ends), max(ends)
    final = any("public_rank" in row for row in rows)
    stated = [key for key in ("parameters", "seconds") if any(row.get(key) is not None for row in rows)]
    wide = 10 if stated else max(13, min(24, width() - 60))
    cells = []
    for row in rows:
        drawn = "" if row.get("low") is None else bar(row["low"], row["score"], row["high"], low, high, wide)
        rank = "–" if row.get("rank") is None else str(row["rank"])
        before = (str(row["public_rank"]) if row.get("public_rank") is not None else "–",) if final else ()
        sent = "" if row.get("submissions") is None else str(row["submissions"])
        name = marks.get(str(row["name"]), " ") + " " + str(row["name"]) if marks else str(row["name"])
        costs = [_cost(row, key) for key in stated]
        cells.append((rank, name, *_figures(metric, row), *before, sent, *costs, drawn or " "))
    named = [{"parameters": "param", "seconds": "time"}[key] for key in stated]
    heads = ("", "team", "score", "95 %", *(("public",) if final else ()), "sent", *named, " ")
    table(cells, heads, right=(0, 2, *range(4, len(heads) - 1)))
    if any(row.get("rank") is None and row["kind"] == "run" for row in rows):
        out(styled("–: being ranked", "dim"))


def _cost(row: Mapping[str, Any], key: str) -> str:
    if row.get(key) is None:
        return ""
    if key == "parameters":
        return si(row[key])
    return duration(row[key]).replace(" min", "m").replace(" ", "") + ("◆" if row.get("pareto") else "")


def _figures(metric: str, row: dict[str, Any]) -> tuple[str, str]:
    value, low, high = row["score"], row.get("low"), row.get("high")
    if metric.startswith("python:"):
        return f"{value:.5g}", "" if low is None or high is None else f"[{low:.5g}, {high:.5g}]"
    return score_text(metric, value, low, high), interval_text(metric, value, low, high) if low is not None else ""
